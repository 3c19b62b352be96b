"""The docs say what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest

from oddflow.detectors import registry

ROOT = Path(__file__).parents[1]
FIGURE = re.compile(r"<!-- figure -->\n(.*)\n<!-- /figure -->\n\Z", re.DOTALL)
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


@pytest.mark.parametrize("name", registry.names())
def test_every_detector_has_its_figure_beside_the_isolation_forests(name):
    figure = FIGURE.search((ROOT / "docs" / "detectors" / f"{name}.md").read_text(encoding="utf-8"))
    assert figure, f"run: python benchmarks/detectors.py --data FOLDER --write {name}"
    assert f"`python benchmarks/detectors.py {name}` prints it" in figure[1]
    rows = [line.split(" | ")[0] for line in figure[1].splitlines() if line.startswith("| ")]
    assert rows == ["| detector", *dict.fromkeys(["| isolation-forest", f"| {name}"])]
    index = (ROOT / "docs" / "detectors" / "index.md").read_text(encoding="utf-8")
    assert f"\n| {name} | " in index, "the table of all detectors lacks it"


@pytest.mark.parametrize("name", [name for name in registry.names() if registry.installed(name)])
def test_every_option_of_a_detector_stands_on_its_page(name):
    text = (ROOT / "docs" / "detectors" / f"{name}.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    shared = [*registry.ENCODING] if registry.find(name).encodes else []  # representations.md has them
    shared += registry.PACE if registry.learns_in_epochs(name) else ()  # training.md has them
    shared += registry.UNLABELLED if registry.find(name).uses_unlabelled else ()  # transfer.md has them
    assert told == [option for option in registry.options(name) if option not in {"told", *shared}]


def test_at_most_five_detectors_cannot_be_sealed_and_the_docs_say_why():
    unsealed = [entry["name"] for entry in registry.describe() if entry["exportable"] == "none"]
    assert len(unsealed) <= 5
    listed = re.findall(r"^- `([\w-]+)`: ", (ROOT / "docs" / "doors.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed == unsealed
