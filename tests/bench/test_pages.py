"""How quick pages are is measured on a real service, here with very little in it."""

from pathlib import Path

import numpy as np
import pytest

from oddflow.bench.month import incident_sizes

pytest.importorskip("duckdb")
pytest.importorskip("fastapi")

from oddflow.bench.pages import PagesBench  # noqa: E402


def test_all_that_is_asked_is_answered(tmp_path: Path) -> None:
    bench = PagesBench(tmp_path, flows=600, alerts=60, hours=3, rounds=1, port=8_477)
    for step in bench.steps():
        step.do()
    assert bench.refused == []
    figures = {figure.what: figure for figure in bench.figures()}
    assert figures["/"].target == figures["/incidents"].target == 300
    assert figures["/flows?q=score > 3.9"].target == 1_000
    assert all(figure.value for figure in figures.values())


@pytest.mark.parametrize("alerts", [1, 10, 999, 100_000])
def test_incidents_have_all_alerts(alerts: int) -> None:
    sizes = incident_sizes(alerts, np.random.default_rng(1))
    assert sum(sizes) == alerts
    assert min(sizes) >= 1
    assert max(sizes) <= 5_000
