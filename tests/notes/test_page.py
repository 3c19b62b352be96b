"""The page that leads from the notes to the code names what there is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "notes.md").read_text(encoding="utf-8")
NETWORKS = ROOT / "src" / "oddflow" / "networks"


def test_every_file_that_it_names_exists():
    for named in re.findall(r"`([\w/]+\.py)`", PAGE):
        places = [NETWORKS, NETWORKS.parent, ROOT / "tests", ROOT]
        assert any((place / named).is_file() for place in places), named


def test_it_names_every_network():
    written = {path.name for path in NETWORKS.glob("*.py")} - {"__init__.py"}
    assert {name for name in written if f"{name}`" not in PAGE} == set()


def test_it_names_every_file_of_notes_as_tests():
    written = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {"test_page.py"}
    assert {name for name in written if f"notes/{name}`" not in PAGE} == set()
