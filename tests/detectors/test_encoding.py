"""What detectors that scale rows can be told of it."""

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.detectors.encoding import Encoding
from oddflow.errors import InputError, UsageError
from oddflow.models.categories import Categories
from oddflow.models.numbers import Scaling
from oddflow.models.port_vectors import PortVectors
from oddflow.models.sealed import score_graph
from tests.checks.problem import FEATURES, area_under_curve, normal_rows, odd_rows

TRAIN, NORMAL, ODD = normal_rows(1_000, 0), normal_rows(300, 1), odd_rows(300, 2)
EXTREME = np.concatenate([NORMAL * 1_000, -NORMAL, np.full_like(NORMAL[:1], 1e9), np.zeros_like(NORMAL[:1])])
EXTREME = EXTREME.astype(np.float32)


def check_twins(detector):
    rows = np.concatenate([NORMAL, ODD, EXTREME])
    scores, parts = score_graph(detector.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, detector.decision_function(rows), rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(parts, detector.contributions(rows), rtol=5e-3, atol=1e-3)
    assert parts.min() >= 0


@pytest.fixture
def ports(tmp_path):
    place = tmp_path / "ports.safetensors"
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    PortVectors(np.array([22, 80, 443], np.float32), vectors).write(place)
    return place


@pytest.mark.parametrize("scaling", list(Scaling))
@pytest.mark.parametrize("name", ["robust-pca", "principal-components"])
def test_each_scaling_detects_and_is_sealed(name, scaling):
    if not registry.installed(name):
        pytest.skip("scikit-learn is not installed")
    detector = registry.create(name, FEATURES, scaling=scaling.value).fit(TRAIN)
    check_twins(detector)
    assert area_under_curve(detector.decision_function(ODD), detector.decision_function(NORMAL)) > 0.7
    far = NORMAL.copy()
    far[:, 6] += 200
    assert (detector.contributions(far).argmax(axis=1) == 6).mean() > 0.95


@pytest.mark.parametrize("categories", list(Categories))
def test_each_way_to_show_categories_detects_and_is_sealed(categories):
    if categories is Categories.EMBEDDING:
        pytest.importorskip("torch")
    make = lambda: registry.create("robust-pca", FEATURES, categories=categories.value, buckets=8).fit(TRAIN)  # noqa: E731
    detector = make()
    check_twins(detector)
    assert area_under_curve(detector.decision_function(ODD), detector.decision_function(NORMAL)) > 0.8
    np.testing.assert_array_equal(make().decision_function(ODD), detector.decision_function(ODD))


def test_learning_vectors_leaves_chance_outside_alone():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    registry.create("robust-pca", FEATURES, categories="embedding").fit(TRAIN[:100])
    assert torch.equal(before, torch.get_rng_state())


def test_vectors_of_a_file_stand_for_services(ports):
    detector = registry.create("robust-pca", FEATURES, embedding=str(ports)).fit(TRAIN)
    check_twins(detector)
    ports.unlink()
    check_twins(detector)
    unseen = NORMAL.copy()
    unseen[:, 0] = 9_999
    assert (detector.contributions(unseen)[:, 0] >= 1).all()


def test_a_file_that_knows_none_of_the_services_is_refused(ports):
    rows = TRAIN.copy()
    rows[:, 0] += 10_000
    with pytest.raises(UsageError, match="knows none of the services"):
        registry.create("robust-pca", FEATURES, embedding=str(ports)).fit(rows)
    with pytest.raises(UsageError, match="no column 'service'"):
        registry.create("robust-pca", FEATURES[1:], embedding=str(ports)).fit(TRAIN[:, 1:])
    with pytest.raises(InputError, match="embed"):
        registry.create("robust-pca", FEATURES, embedding=str(ports) + "x").fit(TRAIN)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"scaling": "big"}, "scaling of robust-pca must be one of by-service, log"),
        ({"categories": None}, "categories of robust-pca must be one of one-hot"),
        ({"buckets": 1}, "buckets of robust-pca must be from 2 to 256; 1 given"),
        ({"buckets": 2.5}, "buckets of robust-pca must be from 2 to 256"),
    ],
)
def test_a_wrong_word_is_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        registry.create("robust-pca", FEATURES, **wrong).fit(TRAIN)


def test_words_of_the_command_line_are_options_too():
    assert registry.parsed("robust-pca", ["scaling=log", "buckets=8"]) == {"scaling": "log", "buckets": 8}
    assert set(registry.ENCODING) <= set(registry.options("robust-pca"))


@pytest.mark.parametrize("name", ["isolation-forest", "histograms", "packet-markov-chain"])
def test_detectors_that_do_not_scale_have_no_such_option(name):
    if not registry.installed(name):
        pytest.skip("scikit-learn is not installed")
    with pytest.raises(UsageError, match=f"{name} has no option scaling"):
        registry.create(name, FEATURES, scaling="log")


def test_what_is_told_of_one_detector_is_not_told_of_the_next():
    registry.create("robust-pca", FEATURES, scaling="log")
    assert registry.create("robust-pca", FEATURES).shown_by == Encoding()
