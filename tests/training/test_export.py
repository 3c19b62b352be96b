import numpy as np
import pytest

from oddflow.models.graph import OPSET, GraphBuilder
from oddflow.models.sealed import score_graph

torch = pytest.importorskip("torch")

from oddflow.networks.autoencoder import Autoencoder  # noqa: E402
from oddflow.training.export import to_onnx  # noqa: E402


def test_the_graph_gives_what_the_network_gives_for_any_number_of_rows(capsys):
    network = Autoencoder(5, (4, 2))
    builder = GraphBuilder(5)
    (drawn,) = builder.include(to_onnx(network, 5), builder.x)
    graph = builder.finish(score=builder.row_sum(drawn), contributions=drawn).SerializeToString()
    for count in (1, 3, 700):
        x = torch.randn(count, 5, generator=torch.Generator().manual_seed(count))
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(score_graph(graph, x.numpy())[1], expected, atol=1e-5)
    assert capsys.readouterr().out == ""


def test_a_network_is_exported_as_it_scores_not_as_it_learns():
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.9)).train()
    graph = to_onnx(network, 3).graph
    assert "Dropout" not in [node.op_type for node in graph.node]


def test_the_graph_has_one_input_of_any_rows_and_one_output():
    model = to_onnx(Autoencoder(4, (2,)), 4)
    (rows,), (drawn,) = model.graph.input, model.graph.output
    for value in (rows, drawn):
        first, second = value.type.tensor_type.shape.dim
        assert first.dim_param
        assert second.dim_value == 4
    assert [opset.version for opset in model.opset_import if not opset.domain] == [OPSET]
