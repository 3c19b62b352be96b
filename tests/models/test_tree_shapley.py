"""Shapley values of trees, held to their definition: the sum over all subsets of columns."""

from math import factorial

import numpy as np
import pytest

from oddflow.learning.learn import learn
from oddflow.models import tree_shapley
from oddflow.models.forest import Forest
from oddflow.models.format import GRAPH
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import SealedModel
from oddflow.models.tree_shapley import NoTrees, TreeShapley
from tests.checks.problem import normal_rows, odd_rows
from tests.learning.make import gathered
from tests.models.test_forest import WIDTH, grown, model_of


def by_definition(output, row, others):
    """Shapley's formula: the mean over others of the weighed sum over all sets of columns that are the row's."""
    d = len(row)
    sets = np.arange(2**d)
    held = (sets[:, None] >> np.arange(d)) & 1 == 1  # (2^d, d)
    weights = np.array([factorial(size) * factorial(d - size - 1) / factorial(d) for size in range(d)])
    values = np.zeros(d)
    for other in others:
        given = output(np.where(held, row, other))
        for column in range(d):
            without = sets[~held[:, column]]
            values[column] += weights[held[without].sum(axis=1)] @ (given[without | 1 << column] - given[without])
    return values / len(others)


def factored(forest, *, middle=0.3):
    """Trees times 1 less the mean of what each column lies beyond a number, as isolation forests have it."""
    builder = GraphBuilder(WIDTH)
    beyond = builder.add("Relu", builder.add("Sub", builder.x, builder.constant(np.full(WIDTH, middle, np.float32))))
    axis = builder.constant(np.array([1], np.int64))
    mean = builder.add("ReduceMean", beyond, axis, keepdims=1)
    product = builder.add("Mul", forest.write(builder), builder.add("Sub", builder.constant(1.0), mean))
    score = builder.add("Squeeze", builder.add("Sub", builder.constant(50.0), product), axis)

    def output(x):
        return forest.sums(x) * (1 - np.maximum(x - np.float32(middle), 0).mean(axis=1))

    return builder.finish(score=score, contributions=builder.x).SerializeToString(), output


@pytest.mark.parametrize("seed", range(6))
def test_values_of_trees_are_shapley_s(seed):
    forest = Forest.of([grown(depth, seed + depth) for depth in (2, 4, 6)])
    x = np.random.default_rng(seed).normal(size=(9, WIDTH)).astype(np.float32)
    found = TreeShapley(model_of(forest).SerializeToString()).of(x[0], x[1:])
    np.testing.assert_allclose(found.values, by_definition(forest.sums, x[0], x[1:]), atol=1e-5)
    assert found.values.sum() == pytest.approx(found.output - found.normal, abs=1e-5)
    assert found.rises


@pytest.mark.parametrize("seed", range(6))
def test_values_of_trees_times_a_factor_are_shapley_s(seed):
    forest = Forest.of([grown(depth, seed + depth) for depth in (2, 4, 6)])
    graph, output = factored(forest)
    x = np.random.default_rng(seed).normal(size=(9, WIDTH)).astype(np.float32)
    found = TreeShapley(graph).of(x[0], x[1:])
    np.testing.assert_allclose(found.values, by_definition(output, x[0], x[1:]), atol=1e-5)
    assert not found.rises


def test_fewer_normal_rows_are_compared_with_where_there_are_many_nodes(monkeypatch):
    forest = Forest.of([grown(6, 6)])
    monkeypatch.setattr(tree_shapley, "MOST_VISITS", 3 * len(forest.feature))
    x = np.random.default_rng(0).normal(size=(9, WIDTH)).astype(np.float32)
    found = TreeShapley(model_of(forest).SerializeToString()).of(x[0], x[1:])
    assert found.against == 3
    assert found.values.sum() == pytest.approx(found.output - found.normal, abs=1e-5)


def sealed(detector):
    x = normal_rows(600, 0)
    if detector == "isolation-forest":
        return SealedModel(learn(gathered(x=x), detector=detector, trees=10))
    y = (np.arange(600) % 3 == 0).astype(np.int64)
    x[y == 1] = odd_rows(600, 3)[y == 1]
    options = {} if detector == "decision-tree" else {"trees": 10}
    return SealedModel(learn(gathered(x=x, y=y), detector=detector, **options))


@pytest.mark.parametrize(
    "detector", ["isolation-forest", "decision-tree", "random-forest", "gradient-boosting", "learned-rules"]
)
def test_values_of_sealed_models_are_shapley_s_and_sum_to_what_they_give(detector):
    model = sealed(detector)
    row = model.prototypes[0] * np.float32(1.5) + 1
    it = TreeShapley(model.parts[GRAPH])
    found = it.of(row, model.prototypes)
    assert found.against == len(model.prototypes)
    assert found.values.sum() == pytest.approx(found.output - found.normal, rel=1e-4)
    assert found.values.any()
    few = model.prototypes[1:4]
    expected = by_definition(lambda x: it._run(x)[1], row, few)
    np.testing.assert_allclose(it.of(row, few).values, expected, rtol=1e-3, atol=1e-3)


def graph_of(score):
    builder = GraphBuilder(WIDTH)
    axis = builder.constant(np.array([1], np.int64))
    trees = Forest.of([grown(4, 1)]).write(builder)
    return builder.finish(
        score=builder.add("Squeeze", score(builder, trees), axis), contributions=builder.x
    ).SerializeToString()


def mean_of(builder, value):
    return builder.add("ReduceMean", value, builder.constant(np.array([1], np.int64)), keepdims=1)


def mixed(builder, trees):
    """A factor whose columns are made of each other."""
    value = builder.add("MatMul", builder.x, builder.constant(np.ones((WIDTH, WIDTH), np.float32)))
    return builder.add("Mul", trees, builder.add("Sub", builder.constant(1.0), mean_of(builder, value)))


def beside(builder, trees):
    """A factor that holds for part of the score alone."""
    other = builder.add("Sub", builder.constant(1.0), mean_of(builder, builder.x))
    return builder.add("Add", builder.add("Mul", trees, other), trees)


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (lambda builder, trees: mean_of(builder, builder.x), "0 sums"),
        (lambda builder, trees: builder.add("Add", trees, Forest.of([grown(2, 2)]).write(builder)), "2 sums"),
        (lambda builder, trees: builder.add("Add", trees, mean_of(builder, builder.x)), "more than trees"),
        (mixed, "more than trees"),
        (beside, "more than trees"),
    ],
)
def test_scores_that_are_more_than_trees_are_refused(score, words):
    with pytest.raises(NoTrees, match=words):
        TreeShapley(graph_of(score))


def test_a_score_that_neither_rises_nor_falls_is_refused():
    it = TreeShapley(graph_of(lambda builder, trees: builder.add("Mul", trees, trees)))
    x = np.random.default_rng(0).normal(size=(60, WIDTH)).astype(np.float32)
    with pytest.raises(NoTrees, match="neither rises nor falls"):
        it.of(x[0], x[1:])
