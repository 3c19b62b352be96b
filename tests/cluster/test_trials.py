"""Searches and evaluations that a cluster shares, against the same in this process."""

from dataclasses import replace

import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.evaluation.evaluating import Given, evaluate
from oddflow.evaluation.protocol import given
from oddflow.files import examples_folder
from tests.tuning.make import material

pytest.importorskip("ray")
pytest.importorskip("optuna")
pytest.importorskip("torch")

from oddflow.cluster.executor import RayExecutor
from oddflow.tuning.folds import Dealing
from oddflow.tuning.search import Plan
from oddflow.tuning.tune import tune


def searched(name, *, pool=None, vary=(), fixed=None, **plan):
    told = []
    tuned = tune(
        material(),
        registry.find(name),
        plan=Plan(**plan),
        dealing=Dealing(2),
        vary=vary,
        fixed=fixed,
        pool=pool,
        listener=told.append,
    )
    return [replace(trial, seconds=0, learning_s=0) for trial in tuned.trials], told


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("robust-pca", {"trials": 5}),
        ("robust-pca", {"trials": 5, "at_once": 3, "sampler": "random"}),
        pytest.param(
            "autoencoder",
            {"trials": 8, "vary": ["learning_rate=1e-5..1e-1:log"], "fixed": {"epochs": 8, "hidden": (4,)}},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_search_finds_the_same_trials_on_a_cluster(ray_here, name, given):
    alone = searched(name, **given)
    with RayExecutor() as pool:
        assert searched(name, pool=pool, **given) == alone
    if name == "autoencoder":
        assert {trial.value is None for trial in alone[0]} == {True, False}, "some are left early, and some are not"


def test_options_that_cannot_be_learnt_with_are_told_as_here(ray_here):
    with RayExecutor() as pool, pytest.raises(UsageError) as told:
        searched("robust-pca", trials=3, fixed={"variance": 7.0}, pool=pool)
    with pytest.raises(UsageError) as alone:
        searched("robust-pca", trials=3, fixed={"variance": 7.0})
    assert str(told.value) == str(alone.value)


def evaluated(pool=None):
    folder = examples_folder()
    protocol = given({
        "title": "office",
        "suite": "quick",
        "status": "exploratory",
        "data": {
            "sources": [str(folder / "office-incident.pcap.zst")],
            "baseline": [str(folder / "office-baseline.pcap.zst")],
            "truth": str(folder / "office-incident.truth.csv"),
        },
        "classes": "two",
        "entries": [{"detector": "robust-pca"}, {"detector": "robust-pca:variance=0.5"}],
        "seeds": [0],
        "threshold": {},
        "leak_checks": False,
    })  # fmt: skip
    return evaluate(Given(protocol), pool=pool).result


def test_an_evaluation_has_the_same_figures_on_a_cluster(ray_here, monkeypatch):
    monkeypatch.setattr("oddflow.evaluation.figures.RANKINGS", 30)
    monkeypatch.setattr("oddflow.evaluation.figures.ROUNDS", 100)
    with RayExecutor() as pool:
        found = evaluated(pool)
    alone = evaluated()
    assert [(row.title, row.parts, row.thresholds) for row in found.rows] == [
        (row.title, row.parts, row.thresholds) for row in alone.rows
    ]
