"""Known attacks by a classifier, others by oddness."""

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("sklearn")

from oddflow.detectors import registry
from oddflow.detectors.rarity import Rarity
from oddflow.errors import UsageError
from tests.checks.problem import FEATURES, normal_rows, odd_rows

NORMAL = normal_rows(1_500, 0)
KNOWN = odd_rows(150, 5)
PARTS = {"classifier": "random-forest", "oddness": "principal-components"}


def unknown_rows(count, seed):
    """Attacks of a kind that nobody learnt: where normal rows always hold 0, they do not."""
    rows = normal_rows(count, seed)
    rows[:, -1] = 300
    return rows


def fitted(name, x=NORMAL, **options):
    labels = np.repeat([0, 1], [len(x), len(KNOWN)])
    return registry.create(name, FEATURES, **options).fit(np.concatenate([x, KNOWN]), labels)


def share_called(detector, rows):
    return (detector.decision_function(rows) > np.log(2)).mean()


def test_attacks_that_nobody_learnt_are_called_so_too():
    hybrid, alone = fitted("hybrid", rate=0.02, **PARTS), fitted("random-forest")
    assert share_called(alone, unknown_rows(100, 7)) < 0.1
    assert share_called(hybrid, unknown_rows(100, 7)) == 1
    assert share_called(hybrid, odd_rows(200, 8)) > 0.7


@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_as_many_normal_rows_are_called_attacks_as_are_asked_for(rate):
    found = share_called(fitted("hybrid", rate=rate, **PARTS), normal_rows(3_000, 9))
    assert rate / 3 < found < 3 * rate


def test_probabilities_agree_with_the_score():
    x = np.concatenate([NORMAL[:400], KNOWN, unknown_rows(40, 7)])
    y = np.repeat([0, 2, 5], [400, len(KNOWN), 40])
    hybrid = registry.create("hybrid", FEATURES, oddness="principal-components").fit(x, y)
    assert hybrid.kinds() == (0, 2, 5)
    rows = np.concatenate([normal_rows(50, 1), odd_rows(50, 2), unknown_rows(50, 3)])
    session = onnxruntime.InferenceSession(hybrid.graph().SerializeToString())
    scores, _, classes = session.run(["score", "contributions", "classes"], {"x": rows})
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(classes[:, 0], np.exp(-scores), rtol=1e-4, atol=1e-6)
    assert (classes[100:].argmax(axis=1) == 2).mean() > 0.9


def test_rows_that_were_made_do_not_tell_what_is_rare():
    x, y = np.concatenate([NORMAL, unknown_rows(500, 3), KNOWN]), np.repeat([0, 0, 1], [1_500, 500, 150])
    made = np.repeat([False, True, False], [1_500, 500, 150])
    hybrid = registry.create("hybrid", FEATURES, **PARTS).fit(x, y, made=made)
    assert share_called(hybrid, unknown_rows(100, 7)) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classifier": "robust-pca"}, "classifier of hybrid must learn from labels"),
        ({"classifier": "hybrid"}, "classifier of hybrid must learn from labels"),
        ({"oddness": "random-forest"}, "oddness of hybrid must learn from normal rows alone"),
        ({"oddness": "pyod"}, "oddness of hybrid must .* have a graph; 'pyod' given"),
        ({"oddness": "magic"}, "no detector 'magic'"),
        ({"rate": 0.9}, "rate of hybrid must be from"),
    ],
)
def test_parts_that_cannot_be_are_refused(options, words):
    with pytest.raises(UsageError, match=words):
        fitted("hybrid", NORMAL[:20], **PARTS | options)


def test_rarity_is_the_share_of_normal_rows_that_score_as_high():
    rarity = Rarity.of(np.arange(10_000) / 10_000)
    np.testing.assert_allclose(rarity.transform(np.float32([0.9, 0.99, 0.999])), [1, 2, 3], rtol=0.02)
    assert rarity.transform(np.float32([-1, 0])).tolist() == [0, 0]
    assert rarity.transform(np.float32([2]))[0] > 100
