"""Slopes that are laid behind a graph, beside torch's of the same graph."""

import numpy as np
import pytest
import torch
from torch import nn

from oddflow.inspection.differentiable import Differentiable
from oddflow.models.graph import GraphBuilder
from oddflow.models.slopes import NoSlope, Slopes, last_pictures
from oddflow.training.export import to_onnx

SIDE = 8


class Pictures(nn.Module):
    """Rows as pictures through layers, and a number for each."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, rows):
        return self.layers(rows.reshape(-1, 1, SIDE, SIDE)).flatten(1).mean(dim=1)


def flat(*layers):
    return nn.Sequential(nn.Linear(SIDE * SIDE, 12), *layers, nn.Linear(12, 1), nn.Flatten(0))


NETWORKS = {
    "relu": lambda: flat(nn.ReLU()),
    "tanh and sigmoid": lambda: flat(nn.Tanh(), nn.Linear(12, 12), nn.Sigmoid()),
    "leaky, elu, selu, gelu": lambda: flat(nn.LeakyReLU(0.2), nn.ELU(), nn.SELU(), nn.GELU()),
    "softplus and softmax": lambda: flat(nn.Softplus(), nn.Softmax(dim=1)),
    "log-softmax": lambda: flat(nn.LogSoftmax(dim=1)),
    "layer normalisation": lambda: flat(nn.LayerNorm(12), nn.ReLU()),
    "batch normalisation": lambda: flat(nn.BatchNorm1d(12), nn.ReLU()),
    "convolutions": lambda: Pictures(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2), nn.Tanh()),
    "greatest of windows": lambda: Pictures(nn.Conv2d(1, 3, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(3, 2, 3)),
    "greatest of windows over the edge": lambda: Pictures(nn.Conv2d(1, 3, 3), nn.MaxPool2d(3, 2, padding=1)),
    "means of windows": lambda: Pictures(nn.Conv2d(1, 3, 3), nn.AvgPool2d(2), nn.Sigmoid()),
    "drawn from a code": lambda: Pictures(
        nn.Conv2d(1, 4, 2, stride=2), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, stride=2)
    ),
    "instance normalisation": lambda: Pictures(nn.Conv2d(1, 3, 3), nn.InstanceNorm2d(3, affine=True), nn.ReLU()),
}


def graph_of(network):
    builder = GraphBuilder(SIDE * SIDE)
    (number,) = builder.include(to_onnx(network.eval(), SIDE * SIDE), builder.x)
    score = builder.add("Softplus", number)
    return builder.finish(score=score, contributions=builder.add("Mul", builder.x, builder.x)).SerializeToString()


@pytest.mark.parametrize("name", NETWORKS)
def test_slopes_are_torch_s(name):
    torch.manual_seed(3)
    content = graph_of(NETWORKS[name]())
    x = np.random.default_rng(1).normal(size=(300, SIDE * SIDE)).astype(np.float32)  # more than go at once
    given = torch.from_numpy(x.copy()).requires_grad_()
    (expected,) = torch.autograd.grad(Differentiable(content).run({"x": given}, ["score"])["score"].sum(), given)
    found = Slopes(content).of(x)
    assert float(expected.abs().max()) > 0
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4 * float(expected.abs().max()))


def test_slopes_by_a_value_inside_are_torch_s():
    torch.manual_seed(4)
    content = graph_of(NETWORKS["convolutions"]())
    name = last_pictures(content)
    x = np.random.default_rng(2).normal(size=(5, SIDE * SIDE)).astype(np.float32)
    maps, slopes = Slopes(content, [name]).by(name, x)
    graph = Differentiable(content)
    inside = graph.run({"x": torch.from_numpy(x)}, [name])[name].detach().requires_grad_()
    (expected,) = torch.autograd.grad(graph.run({name: inside}, ["score"])["score"].sum(), inside)
    np.testing.assert_allclose(maps, inside.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(slopes, expected.numpy(), atol=1e-5)


def test_a_recurrent_layer_has_no_slopes_here():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.reads = nn.GRU(SIDE, 3, batch_first=True)

        def forward(self, rows):
            return self.reads(rows.reshape(-1, SIDE, SIDE))[0][:, -1].sum(dim=1)

    with pytest.raises(NoSlope, match="GRU"):
        Slopes(graph_of(Reads()))


def test_a_graph_without_pictures_has_no_last_ones():
    assert last_pictures(graph_of(NETWORKS["relu"]())) is None
