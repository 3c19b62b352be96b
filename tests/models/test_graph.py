import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph


def test_columns_are_chosen_exactly_and_in_order():
    x = np.array([[1e9, -3.5, 16_777_215.0, 1e-9]], np.float32)
    for places in ([2], [3, 0, 2], [1, 1]):
        builder = GraphBuilder(4)
        chosen = builder.columns(builder.x, np.array(places), width=4)
        model = builder.finish(score=builder.row_sum(chosen), contributions=builder.x)
        scores, _ = score_graph(model.SerializeToString(), x)
        np.testing.assert_allclose(scores, x[:, places].sum(axis=1), rtol=1e-6)


def test_a_whole_graph_is_laid_in_place_twice_without_clashing():
    floats = TensorProto.FLOAT
    body = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Mul", ["in", "two"], ["half"]),
                helper.make_node("Add", ["half", "two"], ["out"]),
            ],
            "body",
            [helper.make_tensor_value_info("in", floats, ["rows", 2])],
            [helper.make_tensor_value_info("out", floats, ["rows", 2])],
            [numpy_helper.from_array(np.array([2.0], np.float32), "two")],
        )
    )
    builder = GraphBuilder(2)
    (once,) = builder.include(body, builder.x)
    (twice,) = builder.include(body, once)
    model = builder.finish(score=builder.row_sum(twice), contributions=twice)
    onnx.checker.check_model(model)
    _, contributions = score_graph(model.SerializeToString(), [[1, 2]])
    assert contributions.tolist() == [[10, 14]]
