import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from oddflow.networks.autoencoder import Autoencoder  # noqa: E402
from oddflow.networks.convolutional_autoencoder import ConvolutionalAutoencoder  # noqa: E402
from oddflow.networks.deep_boltzmann import DeepBoltzmannMachine  # noqa: E402
from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.image_gan import ImageNetwork, ImagePair  # noqa: E402
from oddflow.networks.inputs import RowsAsImage  # noqa: E402
from oddflow.training.looking import look  # noqa: E402


@pytest.fixture(autouse=True)
def _chance():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_the_code_of_an_autoencoder_is_its_middle():
    network, rows = Autoencoder(10, (6, 3)), torch.randn(5, 10)
    seen = look(network, rows)
    torch.testing.assert_close(seen.codes, network.encoder(rows))
    torch.testing.assert_close(seen.drawn, network.eval()(rows))
    assert seen.kinds is None


def test_what_learns_from_labels_is_run_without_them():
    network, kinds = MultilayerPerceptron(4, 3, (8,)), torch.tensor([0, 2, 1, 0, 2])
    rows = torch.cat([torch.randn(5, 4), kinds[:, None].float()], dim=1)
    seen = look(network, rows)
    assert seen.kinds.equal(kinds)
    assert seen.drawn.shape == (5, 3)
    assert seen.codes.shape == (5, 8)


def test_rows_that_are_pictures_stand_beside_what_was_drawn():
    network = nn.Sequential(RowsAsImage(28, 1), ConvolutionalAutoencoder(1, 4, 2), nn.Flatten())
    given, drawn = look(network, torch.rand(3, 784)).images
    assert given.shape == drawn.shape == (3, 1, 28, 28)
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_a_generator_draws_beside_true_pictures():
    rows = torch.rand(3, 1, 28, 28) * 2 - 1
    true, made = look(ImagePair(ImageNetwork.DCGAN, 8, 2), rows).images
    torch.testing.assert_close(true, (rows + 1) / 2)
    assert made.shape == true.shape
    assert 0 <= made.min() <= made.max() <= 1


def test_what_takes_no_rows_is_left_alone():
    assert look(nn.Linear(7, 2), torch.randn(3, 4)).given is None
    assert look(nn.Module(), torch.randn(3, 4)).codes is None


def test_a_network_without_layers_has_no_codes():
    seen = look(DeepBoltzmannMachine(6, (4, 3)), torch.rand(3, 6))
    assert seen.given is not None
    assert seen.codes is None


def test_a_look_changes_nothing():
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 4))
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    look(network, torch.ones(8, 4))
    assert torch.get_rng_state().equal(state)
    assert [part.training for part in network] == [True, False, True, True]
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert not any(part._forward_hooks for part in network)
