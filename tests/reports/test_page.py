"""The whole page: what it says, that nothing in it can act, and that it opens."""

import base64
import hashlib
import re
import shutil
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from tests.reports import factory

from oddflow.reports import page
from oddflow.reports.page import render
from oddflow.verdicts.alert import AlertRow
from oddflow.verdicts.detection import Threshold

VOID = {"meta", "link", "br", "img", "hr", "input"}
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


class Outline(HTMLParser):
    """Fails on tags that do not nest; collects elements, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"an attribute of <{tag}> stands twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def every(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html():
    return render(factory.detection(), generated=NOW)


@pytest.fixture(scope="module")
def outline(html):
    return Outline(html)


@pytest.mark.parametrize(
    "words",
    [
        "5 incidents in 1,135 odd flows; at most about 0.42 false alarms expected.",
        "captures/monday.pcap",
        "2026-02-02 08:00:00 to 12:00:00 UTC 4 h",
        "The first 15 minutes are warm-up",
        "4 of 5 attacks found; 2 false alerts among 27,268 benign flows (0.0073 %); 2 false rows",
        "✕ missed heartbleed 1 0 0 %",
        "1,000 ports on 10.0.0.5",
        "31 connections to one service in 15 min; normal: at most 2",
        "beyond all 40,000 held-back flows",
        "oddflow extract alerts.jsonl 0000000000000001 -w out.pcap",
        "53 53 48 2d 32 2e 30 2d",
        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
        "with 95 % confidence, fewer than 1 in 13,300 normal flows reach this score",
        "1,288,455 packets came in = 1,284,114 metered + 4,341 not used",
        "not IP: LLDP 4,120 0.32 %",
        "17 flows ended early",
        "ends in the middle of a packet",
        "variational_autoencoder",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0.1.0, 2026-02-03 04:05:06 UTC",
    ],
)
def test_page_says(outline, words):
    assert words in outline.text


def test_the_same_detection_and_time_give_the_same_page(html):
    assert render(factory.detection(), generated=NOW) == html


def test_words_of_the_traffic_stay_words(html, outline):
    assert factory.HOSTILE.replace("\u202e", "\\u202e") in outline.text
    assert "\u202e" not in html
    assert len(outline.every("script")) == len(outline.every("style")) == len(outline.every("title")[:1]) == 1
    assert all(not name.startswith("on") for _, attributes in outline.elements for name in attributes)
    assert all(image["src"].startswith("data:image/png;base64,") for image in outline.every("img"))


def test_hostile_model_remarks_and_truth_stay_words():
    bad = factory.HOSTILE
    model = {bad: {bad: [bad]}, "detector": bad, "features": [[bad, bad, bad, bad], bad], "parts": {bad: bad}}
    outline = Outline(render(factory.detection(sources=[bad, "\udcff.pcap\0"], remarks=[bad, "\x1b[31m"], model=model)))
    assert len(outline.every("script")) == 1
    assert not [image for image in outline.every("img") if "onerror" in image]
    assert "\\udcff.pcap\\u0000" in outline.text


def test_alert_ids_are_quoted_for_the_shell():
    evil = [AlertRow(1, [factory.alert(id="a; rm -rf ~")])]
    assert (
        "oddflow extract alerts.jsonl 'a; rm -rf ~' -w out.pcap" in Outline(render(factory.detection(rows=evil))).text
    )


def test_nothing_is_loaded_from_elsewhere(html, outline):
    assert not re.search(r"(https?:)?//[a-z]", html.replace("&#34;", ""), re.IGNORECASE)
    assert "@import" not in html
    assert "url(" not in html
    links = [attributes.get(key) for _, attributes in outline.elements for key in ("href", "src", "xlink:href")]
    assert all(link.startswith(("#", "data:")) for link in links if link is not None)


def test_policy_allows_only_the_pages_own_script_and_style(html, outline):
    policy = next(m["content"] for m in outline.every("meta") if m.get("http-equiv") == "Content-Security-Policy")
    for kind in ("style", "script"):
        inside = re.search(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in outline.elements)


def test_ids_are_unique_and_links_lead_somewhere(outline):
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in outline.every("a")}
    assert targets <= set(ids)
    for _, attributes in outline.elements:
        assert attributes.get("aria-labelledby", ids[0]) in ids


def test_every_chart_and_picture_has_words(outline):
    charts = [svg for svg in outline.every("svg") if "chart" in svg.get("class", "")]
    assert len(charts) > 20
    assert all(svg["aria-label"] for svg in charts)
    assert all(image["alt"] for image in outline.every("img"))


def test_no_alerts():
    text = Outline(render(factory.detection(rows=[], truth=None))).text
    assert "No odd flow among 28,412; at most about 0.42 false alarms expected." in text
    assert "No flow reached the threshold of 9." in text
    assert "Against the truth" not in text


def test_nothing_at_all():
    text = Outline(render(factory.empty())).text
    assert "There was no flow to draw." in text
    assert "The model came without a manifest." in text


def test_one_alert_is_spoken_of_as_one():
    one = factory.detection(rows=[AlertRow(1, [factory.alert()])], truth=None)
    assert "1 incident in 1 odd flow;" in Outline(render(one)).text


def test_false_alarms_that_nobody_knows():
    threshold = Threshold(1.0, "none", "nothing", float("nan"), 0)
    assert (
        "how many false alarms to expect is not known" in Outline(render(factory.detection(threshold=threshold))).text
    )


def many(count):
    payloads = factory.random.Random(7)
    return [
        AlertRow(rank, [factory.alert(rank, payload=payloads.randbytes(784), lengths=(1500, -1400) * 16,
                                      gaps_us=(123_456,) * 32, reasons=(factory.reason(),) * 12)])
        for rank in range(1, count + 1)
    ]  # fmt: skip


def test_details_stop_after_fifty_rows_and_the_page_says_so():
    html = render(factory.detection(rows=many(60), truth=None))
    assert len(html.encode()) < 2_000_000
    outline = Outline(html)
    assert len(outline.every("img")) == page.DETAILED_ROWS
    assert "The first 50 rows have details; the alerts file holds all." in outline.text
    assert 'id="row-60"' in html


def test_lines_stop_after_five_hundred_rows_and_the_page_says_so():
    rows = [AlertRow(rank, [factory.alert(rank)]) for rank in range(1, 521)]
    html = render(factory.detection(rows=rows, truth=None))
    assert "20 more rows of lower score are not listed" in Outline(html).text
    assert len(html.encode()) < 2_000_000


def test_opens_in_a_browser_without_complaint(tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here to open the page with")
    (tmp_path / "report.html").write_text(render(factory.detection()), "utf-8")
    opened = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in opened.stderr
    assert re.search(r'<button type="button" id="theme"[^>]*>(Dark|Light)</button>', opened.stdout)
    assert "data-tip=" in opened.stdout, "the page's own script ran"
