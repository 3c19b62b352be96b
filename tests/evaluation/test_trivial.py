import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.evaluation.references import REFERENCES, reference
from oddflow.evaluation.trivial import Constant, SingleFeature


@pytest.fixture(scope="module")
def rows():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(900, 4)).astype(np.float32)
    y = np.digitize(x[:, 2], [-0.5, 0.8])  # three classes, by the third column alone
    return x, y


def test_a_constant_says_the_commonest_class(rows):
    x, y = rows
    said = Constant().fit(x, y).predict_proba(x[:2])
    np.testing.assert_allclose(said, np.tile(np.bincount(y) / len(y), (2, 1)))


def test_the_best_feature_is_found_and_its_ranges_tell_classes(rows):
    x, y = rows
    chosen = SingleFeature().fit(x[:600], y[:600])
    assert chosen.feature_ == 2
    said = chosen.predict_proba(x[600:])
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert (said.argmax(axis=1) == y[600:]).mean() > 0.93


def test_common_values_are_ranges_of_their_own():
    x = np.repeat([[0.0], [1.0], [2.0]], 50, axis=0).astype(np.float32)
    y = np.repeat([0, 1, 0], 50)
    said = SingleFeature().fit(x, y).predict_proba(np.float32([[1.0], [0.0]]))
    assert said.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_each_reference_learns_and_tells_probabilities(rows, name):
    pytest.importorskip("sklearn")
    x, y = rows
    options = {"random-forest": ":trees=5", "extra-trees": ":trees=5:leaf=2", "gradient-boosting": ":rounds=5"}
    made = reference(f"reference:{name}{options.get(name, '')}", 1)
    made.fit(x, y)
    assert made.predict_proba(x[:7]).shape == (7, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reference:magic", "there is no reference 'magic'; there are constant"),
        ("reference:tree:leaves=3", "the reference tree has no option 'leaves'; it has depth"),
        ("reference:tree:depth=deep", "depth of the reference tree must be a number; 'deep' given"),
    ],
)
def test_what_is_no_reference_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        reference(text, 0)
