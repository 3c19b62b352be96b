"""Choices that any network can be built with: convolutions, heads, first weights, sizes."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.errors import UsageError  # noqa: E402
from oddflow.networks.activation import Activation  # noqa: E402
from oddflow.networks.convolutional import ConvolutionalNetwork  # noqa: E402
from oddflow.networks.convolutions import Convolution, Head, Pooling  # noqa: E402
from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.initialisation import Initialiser, initialise  # noqa: E402
from oddflow.networks.normalisation import Normalisation  # noqa: E402
from oddflow.networks.vgg import Vgg  # noqa: E402


@pytest.mark.parametrize("convolution", Convolution)
@pytest.mark.parametrize("head", Head)
@pytest.mark.parametrize("pooling", Pooling)
def test_every_kind_of_convolutional_network_gives_outputs(convolution, head, pooling):
    network = ConvolutionalNetwork(1, 28, 5, (3, 4), convolution=convolution, head=head, pooling=pooling)
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 5)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(UsageError, match="too small for 3 dilated convolutions"):
        ConvolutionalNetwork(side=16, convolution=Convolution.DILATED)
    with pytest.raises(UsageError, match="28 pixels cannot be halved 5 times"):
        Vgg(blocks=((1, 4),) * 5)
    assert Vgg(head=Head.GLOBAL_AVERAGE)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_pooling_takes_the_largest_or_the_mean():
    x = torch.tensor([[[[1.0, 2], [3, 6]]]])
    assert Pooling.MAX.layer()(x).item() == 6
    assert Pooling.AVERAGE.layer()(x).item() == 3


@pytest.mark.parametrize("activation", Activation)
def test_every_activation_bends(activation):
    x = torch.linspace(-3, 3, 7)
    y = activation.layer()(x)
    assert y.shape == x.shape
    assert not torch.allclose(y[:-2] - 2 * y[1:-1] + y[2:], torch.zeros(5), atol=1e-4)


@pytest.mark.parametrize(
    ("how", "deviation"),
    [
        (Initialiser.XAVIER_UNIFORM, (2 / (400 + 200)) ** 0.5),
        (Initialiser.XAVIER_NORMAL, (2 / (400 + 200)) ** 0.5),
        (Initialiser.HE_UNIFORM, (2 / 400) ** 0.5),
        (Initialiser.HE_NORMAL, (2 / 400) ** 0.5),
        (Initialiser.ORTHOGONAL, (1 / 400) ** 0.5),
        (Initialiser.NORMAL, 0.01),
        (Initialiser.UNIFORM, 0.07 / 3**0.5),
    ],
)
def test_first_weights_have_the_deviation_of_their_paper(how, deviation):
    layer = nn.Linear(400, 200)
    initialise(layer, how, torch.Generator().manual_seed(0))
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert not layer.bias.any()


def test_the_same_seed_gives_the_same_first_weights_and_scales_stay_1():
    networks = [MultilayerPerceptron(5, 2, normalisation=Normalisation.BATCH) for _ in range(2)]
    for network in networks:
        initialise(network, Initialiser.HE_NORMAL, torch.Generator().manual_seed(7))
    first, second = (torch.cat([p.flatten() for p in network.parameters()]) for network in networks)
    assert torch.equal(first, second)
    assert torch.equal(networks[0].body[1].weight, torch.ones(64))


def test_orthogonal_rows_are_orthogonal():
    weight = torch.empty(4, 9)
    Initialiser.ORTHOGONAL.fill(weight)
    torch.testing.assert_close(weight @ weight.t(), torch.eye(4), atol=1e-5, rtol=0)


def test_a_network_without_hidden_layers_is_linear():
    assert len(MultilayerPerceptron(5, 2, ()).body) == 0
    assert MultilayerPerceptron(5, 2, ())(torch.zeros(3, 5)).shape == (3, 2)
