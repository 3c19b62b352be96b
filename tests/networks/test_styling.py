"""A network with other bends, normalisations and dropout than it was built with."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from oddflow.networks.activation import Activation  # noqa: E402
from oddflow.networks.densenet import DenseNet  # noqa: E402
from oddflow.networks.lenet import LeNet5  # noqa: E402
from oddflow.networks.normalisation import Normalisation  # noqa: E402
from oddflow.networks.resnet import ResNet  # noqa: E402
from oddflow.networks.styling import restyle  # noqa: E402
from oddflow.networks.vgg import Vgg  # noqa: E402

NORMS = (nn.BatchNorm2d, nn.GroupNorm)


def count(network, kind):
    return sum(isinstance(layer, kind) for layer in network.modules())


@pytest.mark.parametrize(("kind", "convolutions"), [(LeNet5, 2), (Vgg, 4), (ResNet, 15), (DenseNet, 12)])
@pytest.mark.parametrize("normalisation", Normalisation)
def test_every_bend_and_every_normalisation_is_changed(kind, convolutions, normalisation):
    network = kind(1, outputs=3)
    bends = count(network, nn.ReLU)
    restyle(network, Activation.GELU, normalisation, 0.0)
    assert (count(network, nn.ReLU), count(network, nn.GELU)) == (0, bends)
    norms = {Normalisation.NONE: 0, Normalisation.BATCH: count(network, nn.BatchNorm2d)}
    assert count(network, NORMS) == norms.get(normalisation, count(network, nn.GroupNorm))
    if normalisation is not Normalisation.NONE:
        assert count(network, NORMS) == convolutions
    assert network(torch.rand(2, 1, 28, 28)).shape == (2, 3)


def test_dropout_has_the_share_that_is_asked_for_wherever_it_stands():
    dense, plain = Vgg(), LeNet5()
    for network in (dense, plain):
        restyle(network, Activation.RELU, Normalisation.NONE, 0.25)
    assert [layer.p for layer in dense.modules() if isinstance(layer, nn.Dropout)] == [0.25, 0.25]
    assert [layer.p for layer in plain.head.modules() if isinstance(layer, nn.Dropout)] == [0.25]
    without = LeNet5()
    restyle(without, Activation.RELU, Normalisation.NONE, 0.0)
    assert count(without, nn.Dropout) == 0
