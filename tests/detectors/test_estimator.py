"""The adapter is an estimator as scikit-learn wants it."""

import pytest

pytest.importorskip("sklearn")

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddflow.detectors.estimator import OddflowEstimator
from oddflow.errors import UsageError
from tests.checks.problem import area_under_curve, normal_rows, odd_rows


@parametrize_with_checks([OddflowEstimator(name) for name in ("robust-pca", "histograms", "principal-components")])
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_it_works_in_a_pipeline_and_in_cross_validation():
    x = np.concatenate([normal_rows(400, 0), odd_rows(100, 2)])[:, 5:9]
    pipeline = make_pipeline(StandardScaler(), OddflowEstimator("robust-pca", options={"variance": 0.9}))
    found = clone(pipeline).fit(x[:400])
    scores = -found.score_samples(x)
    assert area_under_curve(scores[400:], scores[:400]) > 0.8
    y = np.repeat([1, -1], [400, 100])
    # a fifth of what it learns from is odd, too
    assert cross_val_score(pipeline, x, y, scoring="roc_auc", cv=StratifiedKFold(3)).mean() > 0.7


@pytest.mark.parametrize("name", ["random-forest", "packet-markov-chain"])
def test_what_reads_no_features_or_wants_labels_is_refused(name):
    with pytest.raises(UsageError, match=f"{name} is no detector of features without labels"):
        OddflowEstimator(name).fit(np.zeros((5, 3)))


def test_a_contamination_out_of_its_limits_names_them():
    with pytest.raises(ValueError, match=r"contamination must be more than 0 and at most 0\.5; 0\.7 given"):
        OddflowEstimator(contamination=0.7).fit(np.zeros((5, 3)))
