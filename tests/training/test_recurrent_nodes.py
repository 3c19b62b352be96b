"""Recurrent layers become one node each, and the graph may be sealed."""

import numpy as np
import pytest

from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from oddflow.networks.inputs import RowsAsSequence  # noqa: E402
from oddflow.networks.recurrent import Cell, RecurrentNetwork  # noqa: E402
from oddflow.training.export import to_onnx  # noqa: E402
from oddflow.training.recurrent_nodes import RecurrentNode, with_nodes  # noqa: E402

STEPS = 32
OPERATORS = {Cell.SIMPLE: "RNN", Cell.LSTM: "LSTM", Cell.GRU: "GRU"}


def rows(count):
    x = torch.randn(count, 2, STEPS, generator=torch.Generator().manual_seed(count))
    x[1:2, :, 9:] = 0
    x[2:3] = 0
    return x.flatten(1)


@pytest.mark.parametrize("cell", Cell)
def test_a_sealed_layer_of_any_kind_gives_what_torch_gives(cell):
    torch.manual_seed(0)
    body = RecurrentNetwork(2, 3, 5, 2, cell=cell, both_ways=True)
    network = nn.Sequential(RowsAsSequence(STEPS, 2), body, nn.Linear(3, 2 * STEPS)).eval()
    builder = GraphBuilder(2 * STEPS)
    (given,) = builder.include(to_onnx(network, 2 * STEPS), builder.x)
    graph = builder.finish(score=builder.row_sum(given), contributions=given)
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count(OPERATORS[cell]) == 4  # two layers, both ways
    for count in (1, 5):
        with torch.no_grad():
            expected = network(rows(count)).numpy()
        np.testing.assert_allclose(score_graph(graph.SerializeToString(), rows(count).numpy())[1], expected, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [nn.LSTM(2, 3), nn.GRU(2, 3, 2, batch_first=True), nn.RNN(2, 3, batch_first=True, nonlinearity="relu")],
    ids=["steps first", "two layers", "relu"],
)
def test_what_one_node_cannot_say_is_left_to_torch(layer):
    assert not any(isinstance(part, RecurrentNode) for part in with_nodes(nn.Sequential(layer)).modules())
