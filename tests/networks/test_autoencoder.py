import inspect

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.autoencoder import Autoencoder  # noqa: E402


def test_a_row_comes_back_as_wide_as_it_went_in():
    network = Autoencoder(10, (6, 3))
    assert network(torch.zeros(5, 10)).shape == (5, 10)
    assert network.encoder(torch.zeros(5, 10)).shape == (5, 3)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_any_number_of_rows_passes(count):
    assert Autoencoder(4, (3, 2))(torch.zeros(count, 4)).shape == (count, 4)


def test_code_and_output_are_linear_and_the_rest_is_not():
    network = Autoencoder(10, (6, 3))
    for half in (network.encoder, network.decoder):
        assert [type(layer) for layer in half] == [nn.Linear, nn.ReLU, nn.Linear]


def test_it_has_as_many_parameters_as_its_layers_by_hand():
    # 100 → 64 → 16 → 64 → 100: a weight for each pair of neighbours and a bias for each that is given
    by_hand = (100 * 64 + 64) + (64 * 16 + 16) + (16 * 64 + 64) + (64 * 100 + 100)
    assert by_hand == 15_092
    assert sum(parameter.numel() for parameter in Autoencoder(100).parameters()) == by_hand


def test_rows_are_drawn_independently_of_each_other():
    torch.manual_seed(0)
    network, rows = Autoencoder(6, (4, 2)), torch.randn(5, 6)
    torch.testing.assert_close(network(rows)[2:3], network(rows[2:3]))


def test_its_source_is_named():
    assert "Source: Hinton & Salakhutdinov 2006" in inspect.getdoc(Autoencoder)
