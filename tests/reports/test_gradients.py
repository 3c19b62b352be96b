from types import SimpleNamespace

import pytest

from oddflow.reports.gradients import gradient_words


def words_of(gradients):
    return gradient_words(SimpleNamespace(training=SimpleNamespace(gradients=gradients)))


@pytest.mark.parametrize("gradients", [{}, {"a": (0.0, 0.0, 0.0)}, {"a": (0.1, 1.0, 9.0), "b": (0.001, 0.01, 0.1)}])
def test_nothing_is_said_of_gradients_that_are_as_they_should_be(gradients):
    assert words_of(gradients) == []


def test_layers_whose_gradients_vanish_are_named():
    found = {f"{place}.weight": (0.0, 1e-9, 1e-8) for place in range(5)} | {"last.weight": (0.1, 1.0, 2.0)}
    (words,) = words_of(found)
    assert words.startswith("gradients vanish in 0.weight, 1.weight, 2.weight and 2 more")


def test_layers_whose_gradients_explode_are_named():
    (words,) = words_of({"a": (0.1, 1.0, 2_000.0), "b": (0.1, 1.0, 2.0)})
    assert words.startswith("gradients explode in a (over 1,000 times what is usual)")
    assert "clip=1" in words
