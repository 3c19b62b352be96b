"""A detector that looks at some columns alone, in memory and sealed."""

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.learning.learn import learn
from oddflow.models.sealed import SealedModel
from tests.checks.problem import FEATURES, labelled_problem_for, normal_rows
from tests.learning.make import gathered

ONLY = ("bytes_0", "bytes_2", "never")


def test_columns_that_are_left_out_change_no_score_and_bear_no_part_of_it():
    detector = registry.create("robust-pca", FEATURES, only=ONLY).fit(normal_rows(300, 0))
    rows = normal_rows(50, 1)
    other = rows.copy()
    other[:, [0, 2, 4, 5]] = 1e6
    assert np.array_equal(detector.decision_function(rows), detector.decision_function(other))
    parts = detector.contributions(rows)
    assert parts.shape == rows.shape
    assert not parts[:, [0, 2, 4, 5, 6, 7, 8]].any()


@pytest.mark.parametrize("name", ["robust-pca", "random-forest"])
def test_the_sealed_model_takes_whole_rows_and_scores_alike(name):
    problem = labelled_problem_for(registry.find(name).reads)
    archive = learn(gathered(x=problem.x, y=problem.y), detector=name, only=ONLY)
    model = SealedModel(archive)
    assert len(model.features) == len(FEATURES)
    assert archive.manifest.options["only"] == list(ONLY)
    scores, parts = model.score(problem.odd)
    assert np.isfinite(scores).all()
    assert not parts[:, 0].any()


def test_option_only_is_read_from_words():
    assert registry.parsed("histograms", ["only=bytes_0, bytes_2"]) == {"only": ("bytes_0", "bytes_2")}


@pytest.mark.parametrize(
    ("name", "only", "said"),
    [("histograms", ("nothing",), "must name columns"), ("packet-markov-chain", ("bytes_0",), "leave only out")],
)
def test_what_cannot_be_left_out_is_refused(name, only, said):
    with pytest.raises(UsageError, match=said):
        registry.create(name, FEATURES, only=only)
