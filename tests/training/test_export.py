import numpy as np
import torch

from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph
from oddflow.networks.autoencoder import Autoencoder
from oddflow.training.export import to_onnx


def test_the_graph_gives_what_the_network_gives_for_any_number_of_rows(capsys):
    network = Autoencoder(5, (4, 2))
    builder = GraphBuilder(5)
    drawn = builder.include(to_onnx(network, 5), builder.x)
    graph = builder.finish(score=builder.row_sum(drawn), contributions=drawn).SerializeToString()
    for count in (1, 3, 700):
        x = torch.randn(count, 5)
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(score_graph(graph, x.numpy())[1], expected, atol=1e-5)
    assert capsys.readouterr().out == ""
