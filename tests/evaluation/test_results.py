"""The committed protocols can be run, and on the captures that are shipped the program finds what it found before."""

from pathlib import Path

import pytest

from oddflow.evaluation.checking import left
from oddflow.evaluation.evaluating import Given, evaluate
from oddflow.evaluation.learner import check
from oddflow.evaluation.protocol import Classes
from oddflow.evaluation.result import Results
from oddflow.evaluation.suites import ALL, PROTOCOLS, RESULTS, protocols, read_results

ROOT = Path(__file__).parents[2]
COMMITTED = protocols(ALL, ROOT / PROTOCOLS)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_entries_of_committed_protocols_can_be_learnt(path):
    pytest.importorskip("torch")
    protocol = COMMITTED[path]
    for entry in protocol.entries:
        check(entry, 2 if protocol.classes is Classes.TWO else 3)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_results_are_kept_of_the_choices_that_are_committed(path):
    kept = ROOT / RESULTS / f"{path.stem}.json"
    if not kept.exists():
        pytest.skip(f"{path.stem} has not been run yet")
    (result,) = read_results(kept).results
    assert result.sha256 == COMMITTED[path].sha256
    assert f"<!-- result {path.stem} -->" in (ROOT / "docs" / "results.md").read_text("utf-8")


@pytest.mark.slow
def test_figures_on_the_shipped_captures_lie_within_their_earlier_intervals(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr("oddflow.evaluation.figures.RANKINGS", 10)  # what counts are the means, and they are not drawn
    monkeypatch.setattr("oddflow.evaluation.figures.ROUNDS", 10)
    path = ROOT / PROTOCOLS / "office.toml"
    now = Results(results=[evaluate(Given(COMMITTED[path], path)).result])
    assert list(left(now, read_results(ROOT / RESULTS / "office.json"))) == []
