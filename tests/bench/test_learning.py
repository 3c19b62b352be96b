"""The measurements of learning and of scoring, on very little and without other tools."""

import json
from dataclasses import replace

import numpy as np
import pytest

from oddflow.bench import score
from oddflow.bench.learners import KERAS_LEARNS, KERAS_SEES, PYOD_LEARNS, PYOD_SCORES, TORCH_SEES, Learner
from oddflow.bench.learning_rows import COLUMNS, learning_images, learning_rows
from oddflow.bench.rounds import Rounds
from oddflow.bench.score import ScoreBench
from oddflow.bench.train import TrainBench, TrainSizes

TELLS = "import json, sys; print('noise'); print(json.dumps({'rows': 10, 'seconds': 2, 'processor_s': 1, 'error': %s}))"


def measured(*learners, count=2):
    rounds = Rounds(None, None, {"epochs": 1}, count)
    for step in rounds.steps(learners):
        step.do()
    return rounds


def test_a_ratio_is_of_medians_and_names_the_other_s_rate():
    ours, other = Learner("ours", TELLS % 1, threads=(1, 2)), Learner("other", TELLS % 2)
    rounds = measured(ours, other)
    figure = rounds.ratio_figure(ours, other, "against it", 2.0)
    assert (figure.value, figure.rounds, figure.met) == (1.0, [1.0, 1.0], False)
    assert figure.detail == "other: 5 rows/s; 1.00 × by processor time"
    assert rounds.error_figure(ours, other, "error", 1.0).value == 0.5
    one, two = rounds.rate_figures(ours, "ours", 4.0)
    assert (one.what, one.value, one.target) == ("ours, one thread", 5.0, 4.0)
    assert (two.what, two.target) == ("ours, 2 threads", None)


def test_who_fails_is_named_and_not_run_again():
    broken = Learner("broken", "import sys; sys.exit('it is broken')")
    rounds = measured(broken)
    (figure,) = rounds.rate_figures(broken, "x")
    assert (figure.value, figure.detail) == (None, "ended with 1: it is broken")


def test_made_rows_are_of_the_shape_and_the_same_by_seed():
    rows = learning_rows(None, count=500, seed=3)
    assert rows.raw.shape == (500, COLUMNS)
    assert "made from seed 3" in rows.said
    np.testing.assert_array_equal(rows.raw, learning_rows(None, count=500, seed=3).raw)
    assert np.abs(rows.scaled.mean(axis=0)).max() < 0.2
    images, classes = learning_images(50, 3)
    assert images.shape == (50, 784)
    assert set(classes) <= set(range(20))


def test_rows_of_nsl_kdd_have_its_122_columns(shared):
    rows = learning_rows(shared / "data", count=2_000, seed=1)
    assert rows.raw.shape == (2_000, COLUMNS)
    assert "NSL-KDD" in rows.said


@pytest.mark.parametrize("script", [KERAS_LEARNS, KERAS_SEES, PYOD_LEARNS, PYOD_SCORES, TORCH_SEES])
def test_programs_of_others_are_python(script):
    compile(script, "script", "exec")


@pytest.mark.slow
def test_learning_is_measured_and_absent_tools_are_named(tmp_path):
    sizes = TrainSizes(rows=3_000, images=1_500, epochs=2, image_epochs=2, rounds=1)
    bench = TrainBench(tmp_path, tmp_path / "none", None, sizes)
    for step in bench.steps():
        step.do()
    figures = {figure.what: figure for figure in bench.figures()}
    assert figures["autoencoder 122-64-32-64-122, batch 256, one thread"].value > 0
    assert figures["learning against PyOD"].detail == "absent; to get it: make peers"
    assert figures["images against plain torch, channels_last"].value > 0
    json.dumps(bench.as_dict(), allow_nan=False)


@pytest.mark.slow
def test_scoring_is_measured_by_both_scalings(tmp_path, monkeypatch):
    one_thread = [replace(ours, threads=(1,)) for ours, _ in score.TARGETS]  # more threads are more processes
    monkeypatch.setattr(score, "TARGETS", [(ours, 1.0) for ours in one_thread])
    for name, ours in zip(("AFFINE", "QUANTILE"), one_thread, strict=True):
        monkeypatch.setattr(score, name, ours)
    bench = ScoreBench(tmp_path, tmp_path / "none", None, rows=3_000, rounds=1)
    for step in bench.steps():
        step.do()
    figures = {figure.what: figure for figure in bench.figures()}
    assert figures["sealed autoencoder, affine scaling, one thread"].value > 0
    assert figures["sealed, affine scaling, against PyOD's decision_function"].met is None
    json.dumps(bench.as_dict(), allow_nan=False)
