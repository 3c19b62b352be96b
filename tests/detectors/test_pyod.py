import pytest

pytest.importorskip("pyod")

import numpy as np
from pyod.models.ecod import ECOD

from oddflow.detectors import registry
from oddflow.detectors.pyod import find_model
from oddflow.errors import UsageError
from oddflow.learning.learn import learn
from tests.checks.problem import FEATURES, normal_rows
from tests.learning.make import gathered


def test_a_name_gives_the_detector_of_pyod_and_its_order():
    name, options = registry.told("pyod:ecod")
    detector = registry.create(name, FEATURES, **options).fit(normal_rows(200, 0))
    rows = normal_rows(50, 1)
    theirs = ECOD().fit(detector.scaler_.transform(normal_rows(200, 0)))
    expected = theirs.decision_function(detector.scaler_.transform(rows))
    np.testing.assert_array_equal(np.argsort(detector.decision_function(rows)), np.argsort(expected))


def test_the_seed_goes_where_there_is_chance():
    def scores(seed):
        detector = registry.create("pyod", FEATURES, model="IForest", seed=seed).fit(normal_rows(200, 0))
        return detector.decision_function(normal_rows(20, 1))

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).any()


@pytest.mark.parametrize("name", ["os", "..base", "os.path", "sys", "_pyg_utils", "", "a" * 1_000])
def test_only_detectors_of_pyod_can_be_named(name):
    with pytest.raises(UsageError, match=r"PyOD has no detector|holds no detector"):
        find_model(name)


@pytest.mark.parametrize("name", ["base", "thresholds", "sklearn_base"])
def test_its_modules_without_a_detector_are_none(name):
    with pytest.raises(UsageError, match="holds no detector"):
        find_model(name)


@pytest.mark.parametrize(("name", "needs"), [("LSCP", "detector_list"), ("DevNet", "labels")])
def test_those_that_need_more_than_a_name_say_so(name, needs):
    with pytest.raises(UsageError, match=rf"it needs {needs}; in Python, wrap"):
        find_model(name)


def test_it_cannot_be_sealed_and_says_so_before_it_learns():
    with pytest.raises(UsageError, match="pyod cannot be sealed as a model; `oddflow evaluate` compares it"):
        learn(gathered(), detector="pyod")


def test_one_that_cannot_learn_such_rows_says_why():
    with pytest.raises(UsageError, match="MAD of PyOD cannot learn such rows"):
        registry.create("pyod", FEATURES, model="MAD").fit(normal_rows(50, 0))
