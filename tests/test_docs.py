"""The docs say what the code does."""

import importlib.util
from pathlib import Path

import pytest

from oddflow.detectors import registry

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)


@pytest.mark.parametrize("page", sorted(GENERATE.PAGES))
def test_a_generated_page_is_current(page):
    wanted = GENERATE.PAGES[page]()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == wanted, "run: python docs/generate.py"


def test_every_package_has_its_line_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = [path.parent.name for path in (ROOT / "src" / "oddflow").glob("*/__init__.py")]
    assert [name for name in packages if f"`{name}/`" not in text and f"`{name}" not in text] == []


@pytest.mark.parametrize("name", registry.names())
def test_every_detector_has_a_page_that_says_what_it_costs(name):
    text = (ROOT / "docs" / "detectors" / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    assert [words for words in ("**Paper", "**Good at**", "**Bad at**", "**Cost.**") if words not in text] == []
    assert f"detectors/{name}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
