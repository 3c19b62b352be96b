"""How quick pages are is measured on a real service, here with very little in it."""

import shutil
from pathlib import Path

import pytest

from oddflow.bench.pages import PagesBench
from oddflow.server.filling import Filled


@pytest.mark.slow
def test_all_that_is_asked_is_answered(tmp_path: Path, filled_state: tuple[Path, Filled]) -> None:
    shutil.copytree(filled_state[0], tmp_path / "state")
    bench = PagesBench(tmp_path, flows=300, alerts=40, hours=2, rounds=1, port=8_477)
    for step in bench.steps():
        step.do()
    assert bench.refused == []
    figures = {figure.what: figure for figure in bench.figures()}
    assert figures["/"].target == figures["/incidents"].target == 300
    assert figures["/flows?q=score > 3.9"].target == 1_000
    assert all(figure.value for figure in figures.values())
