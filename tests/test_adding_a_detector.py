"""The six steps of docs/adding-a-detector.md, taken in a copy of the repository.

The copy holds all but `src/oddflow`, whose kernels would compile anew for minutes: its detectors are looked for in the
folder of the copy, too.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding-a-detector.md").read_text(encoding="utf-8")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COPIED = ("tests", "docs", "benchmarks", "examples", "mkdocs.yml", "pyproject.toml")
BESIDE = "import oddflow.detectors\noddflow.detectors.__path__.append({!r})\n"
COMMANDS = {"python": [sys.executable], "oddflow": [sys.executable, "-m", "oddflow.cli.main"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy with the files of the steps in it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pcapng"))
        else:
            shutil.copy(source, folder / name)
    files = {}
    for _, title, body in BLOCK.findall(PAGE):
        if title:
            files.setdefault(title, []).append(body)
    assert sorted(files) == ["docs/detectors/scaled-distance.md", "src/oddflow/detectors/scaled_distance.py"]
    added = folder / "src" / "oddflow" / "detectors"
    added.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(BESIDE.format(str(added)), encoding="utf-8")
    for title, bodies in files.items():
        (folder / title).write_text("\n".join(bodies), encoding="utf-8")
    return folder


def commands(data):
    """What the page tells to type, in its order."""
    typed = [line[2:] for kind, _, body in BLOCK.findall(PAGE) if kind == "console" for line in body.splitlines()]
    return [shlex.split(line.replace("FOLDER", str(data))) for line in typed]


def run(place, words):
    environment = os.environ | {"PYTHONPATH": f"{place}{os.pathsep}{ROOT / 'src'}"}
    done = subprocess.run(
        [*COMMANDS[words[0]], *words[1:]], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def test_there_are_six_steps():
    assert re.findall(r"^## (\d)\. ", PAGE, re.MULTILINE) == list("123456")


@pytest.mark.slow
def test_the_steps_give_a_detector_that_passes_the_checks_and_detects(place, shared):
    said = [run(place, words) for words in commands(shared)]
    generated, figure, checked, learnt, detected = said
    assert generated == ""
    assert "| scaled-distance | normal rows | 0." in figure
    assert "isolation-forest" in (place / "docs" / "detectors" / "scaled-distance.md").read_text(encoding="utf-8")
    assert "scaled-distance: detectors/scaled-distance.md" in (place / "mkdocs.yml").read_text(encoding="utf-8")
    assert int(re.search(r"(\d+) passed", checked)[1]) > 25
    assert "failed" not in checked
    assert "scaled-distance learnt" in learnt
    assert re.search(r"port.scan", detected)
