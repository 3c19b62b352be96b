import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.errors import NotAModel
from oddflow.models.allowed import check_graph
from oddflow.models.forest import LEAF, Forest, Tree, at_most_float32
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph

WIDTH = 3


def tree(feature, threshold, left, right, value):
    return Tree(*(np.array(part) for part in (feature, threshold, left, right)), np.array(value, float))


def grown(depth, seed):
    """A random tree whose leaves hold numbers of their own."""
    rng = np.random.default_rng(seed)
    feature, threshold, left, right, value = [], [], [], [], []

    def node(level):
        place = len(feature)
        for part in (feature, threshold, left, right, value):
            part.append(0)
        if level and rng.random() < 0.8:
            feature[place], threshold[place] = rng.integers(WIDTH), rng.normal()
            left[place], right[place] = node(level - 1), node(level - 1)
        else:
            left[place] = right[place] = LEAF
            value[place] = rng.normal()
        return place

    node(depth)
    return tree(feature, threshold, left, right, value)


def walked(one, row):
    """The twin: one row down one tree."""
    node = 0
    while one.left[node] >= 0:
        node = one.left[node] if row[one.feature[node]] <= one.threshold[node] else one.right[node]
    return one.value[node]


def model_of(forest):
    builder = GraphBuilder(WIDTH)
    score = builder.add("Squeeze", forest.write(builder), builder.constant(np.array([1], np.int64)))
    return builder.finish(score=score, contributions=builder.x)


@pytest.mark.parametrize("seed", range(5))
def test_rows_reach_the_leaves_that_they_reach_by_hand(seed):
    trees = [grown(depth, seed + depth) for depth in (0, 1, 3, 7)]
    forest = Forest.of(trees)
    x = np.random.default_rng(seed).normal(size=(50, WIDTH)).astype(np.float32)
    expected = [sum(walked(one, row) for one in trees) for row in x]
    np.testing.assert_allclose(forest.sums(x), expected, rtol=1e-5, atol=1e-6)
    scores, _ = score_graph(model_of(forest).SerializeToString(), x)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@given(st.floats(-1e30, 1e30), st.floats(-(2.0**100), 2.0**100, width=32))
def test_a_threshold_in_float32_parts_float32_numbers_alike(threshold, number):
    rounded = at_most_float32(np.array([threshold]))[0]
    for near in (number, rounded, np.nextafter(rounded, np.float32(np.inf))):
        assert (np.float32(near) <= rounded) == (float(near) <= threshold)


def one_question():
    return Forest.of([tree([0, 0, 0], [0.5, 0, 0], [1, LEAF, LEAF], [2, LEAF, LEAF], [0, 1, 2])])


def changed(change):
    model = model_of(one_question())
    (node,) = (node for node in model.graph.node if node.domain)
    change(node, {attribute.name: attribute for attribute in node.attribute})
    return model.SerializeToString()


def set_ints(name, *values):
    def change(node, given):
        del given[name].ints[:]
        given[name].ints.extend(values)

    return change


def set_floats(name, *values):
    def change(node, given):
        del given[name].floats[:]
        given[name].floats.extend(values)

    return change


def set_strings(name, *values):
    def change(node, given):
        del given[name].strings[:]
        given[name].strings.extend(values)

    return change


def set_one(name, **value):
    def change(node, given):
        for key, content in value.items():
            setattr(given[name], key, content)

    return change


def drop(name):
    return lambda node, given: node.attribute.remove(given[name])


def add(name, value):
    return lambda node, given: node.attribute.append(onnx.helper.make_attribute(name, value))


def other_input(node, given):
    node.input[0] = "constant_0"


def second_output(node, given):
    node.output.append("more")


def test_trees_as_they_are_written_are_allowed():
    assert check_graph(changed(lambda node, given: None), WIDTH).widest == WIDTH


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_ints("nodes_truenodeids", 0, 0, 0), "behind its parent"),  # for ever round
        (set_ints("nodes_truenodeids", 2, 0, 0), "without a parent"),
        (set_ints("nodes_falsenodeids", 3, 0, 0), "behind its parent"),
        (set_ints("nodes_falsenodeids", -1, 0, 0), "behind its parent"),
        (set_ints("nodes_truenodeids", 1, 2, 0), "behind its parent"),  # a leaf with a child
        (set_ints("nodes_featureids", 3, 0, 0), "beyond the 3"),
        (set_ints("nodes_featureids", -1, 0, 0), "beyond the 3"),
        (set_ints("nodes_featureids", 2**40, 0, 0), "beyond the 3"),
        (set_ints("nodes_treeids", 0, 0, 1), "not numbered from 0"),
        (set_ints("nodes_treeids", 1, 1, 1), "not numbered from 0"),
        (set_ints("nodes_nodeids", 0, 2, 1), "not numbered from 0"),
        (set_ints("nodes_nodeids", 0, 1), "differ in length"),
        (set_ints("nodes_treeids"), "0 nodes"),
        (set_ints("target_treeids", 0, 5), "no leaf"),
        (set_ints("target_nodeids", 0, 2), "no leaf"),
        (set_ints("target_nodeids", 1, 9), "no leaf"),
        (set_ints("target_ids", 0, 1), "no leaf"),
        (set_floats("nodes_values", float("nan"), 0, 0), "not finite"),
        (set_floats("target_weights", 1, float("inf")), "not finite"),
        (set_floats("target_weights", 1), "differ in length"),
        (set_strings("nodes_modes", b"BRANCH_GT", b"LEAF", b"LEAF"), "other questions"),
        (set_strings("nodes_modes", b"LEAF", b"LEAF", b"LEAF"), "behind its parent"),
        (set_one("n_targets", i=0), "targets"),
        (set_one("n_targets", i=10**9), "targets"),
        (set_one("aggregate_function", s=b"MAX"), "not summed"),
        (set_one("post_transform", s=b"SOFTMAX"), "not summed"),
        (drop("nodes_modes"), "lacks nodes_modes"),
        (add("base_values", [1.0]), "trees do not have"),
        (add("n_targets", 1), "trees do not have"),
        (other_input, "something else than the rows"),
        (second_output, "something else than the rows"),
    ],
)
def test_trees_that_could_run_astray_are_refused(change, words):
    with pytest.raises(NotAModel, match=words):
        check_graph(changed(change), WIDTH)


def test_other_operators_of_that_set_are_refused():
    model = model_of(one_question())
    (node,) = (node for node in model.graph.node if node.domain)
    node.op_type = "SVMRegressor"
    with pytest.raises(NotAModel, match="SVMRegressor' is not allowed"):
        check_graph(model.SerializeToString(), WIDTH)


def test_another_version_of_that_set_is_refused():
    model = model_of(one_question())
    model.opset_import[1].version = 5
    with pytest.raises(NotAModel, match="operator sets"):
        check_graph(model.SerializeToString(), WIDTH)


def test_a_tree_that_is_too_deep_is_refused():
    count = 600
    chain = np.arange(2 * count + 1)
    inner = chain[:-1:2]
    left, right = np.full(len(chain), LEAF), np.full(len(chain), LEAF)
    left[inner], right[inner] = inner + 1, inner + 2
    zeros = np.zeros(len(chain))
    deep = Forest.of([tree(zeros.astype(int), zeros, left, right, zeros)])
    with pytest.raises(NotAModel, match="deeper than 512"):
        check_graph(model_of(deep).SerializeToString(), WIDTH)
