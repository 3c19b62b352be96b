"""The page of a data set: what it says, and that nothing in it can act."""

import re
import shutil
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.datasets.make import halves, noise, rows_of
from tests.reports.test_page import Outline

from oddflow.datasets.leaks import check_leaks
from oddflow.datasets.rows import Label
from oddflow.datasets.summary import Summary
from oddflow.features.feature import Scale
from oddflow.reports.dataset import About, render
from oddflow.schema import AttackCategory

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"
NAMES = ("duration_s", "bytes", "flag", "empty", "same")


def made(label="flood", name="duration_s", word="SF"):
    x = np.abs(noise(600, 5))
    x[:, 2] = np.arange(600) % 3
    x[:, 3], x[:, 4], x[7, 0] = np.nan, 7, np.inf
    scales = [Scale.LOG, Scale.LINEAR, Scale.CATEGORY, Scale.LINEAR, Scale.LINEAR]
    labels = (Label("benign", AttackCategory.NORMAL), Label(label, AttackCategory.DOS, ("T1498",)))
    words = {"flag": (word, "S0", "REJ")}
    return rows_of(x, names=[name, *NAMES[1:]], scales=scales, labels=labels, words=words)


@pytest.fixture(scope="module")
def html():
    rows = made()
    about = About("Made Set", "rows of a test", "Nobody: Nothing. Nowhere 2026", "free", ("mind the gap",))
    return render(Summary.of(rows), check_leaks(rows, halves(rows)), "halves", about=about, generated=NOW)


@pytest.mark.parametrize(
    "words",
    [
        "Made Set: 600 rows;", "Rows of a test.", "Nobody: Nothing. Nowhere 2026", "Mind the gap", "flood", "T1498",
        "for the split halves", "Near repeats:", "duration s", "no value at all", "always 7", "SF", "REJ",
        "600 rows (100 %) lack at least one value", "2026-02-03 04:05:06 UTC",
    ],
)  # fmt: skip
def test_the_page_says(html, words):
    assert words in Outline(html).text


def test_the_page_is_a_pure_function(html):
    rows = made()
    again = render(
        Summary.of(rows), check_leaks(rows, halves(rows)), "halves",
        about=About("Made Set", "rows of a test", "Nobody: Nothing. Nowhere 2026", "free", ("mind the gap",)),
        generated=NOW,
    )  # fmt: skip
    assert again == html


def test_the_page_loads_nothing(html):
    outline = Outline(html)
    assert [meta for meta in outline.every("meta") if meta.get("content", "").startswith("default-src 'none'")]
    assert not [value for _, attributes in outline.elements for name, value in attributes.items()
                if name in {"src", "href", "action"} and not value.startswith(("#", "data:"))]  # fmt: skip
    assert len(outline.every("script")) == 1


@pytest.mark.parametrize("place", ["label", "name", "word", "about", "split"])
def test_words_of_a_set_are_shown_and_never_act(place):
    rows = made(**{place: HOSTILE}) if place in {"label", "name", "word"} else made()
    about = About(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,)) if place == "about" else None
    split = HOSTILE if place == "split" else "halves"
    outline = Outline(render(Summary.of(rows), check_leaks(rows, halves(rows)), split, about=about, generated=NOW))
    assert len(outline.every("script")) == 1
    assert "alert(1)" in outline.text
    assert not set(outline.text) & set("\x1b\u202e")


def test_without_a_split_it_says_so():
    text = Outline(render(Summary.of(made()), generated=NOW)).text
    assert "not split, so not checked for leaks" in text
    assert "Leak checks" not in text


def test_pictures_stand_in_place_of_their_pixels():
    rows = rows_of(np.zeros((10, 784)), names=[f"byte_{place:03d}" for place in range(784)])
    outline = Outline(render(Summary.of(rows), generated=NOW))
    assert [picture["alt"] for picture in outline.every("img")] == ["Mean picture of benign", "Mean picture of flood"]
    assert len(outline.every("svg")) == 2


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is absent: no browser to open the page in")
@pytest.mark.parametrize("width", [1_280, 390])
def test_the_page_fits_its_window(html, tmp_path, width):
    path = tmp_path / "x.html"
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    open_to_all = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    path.write_text(open_to_all.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom"]
    dumped = subprocess.run([*words, f"file://{path}"], capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<title>(\d+)</title>", dumped)
    assert found
    # headless chromium has no window narrower than 500
    assert int(found.group(1)) <= max(width, 500)
