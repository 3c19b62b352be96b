import torch
from torch import nn

from oddflow.networks.autoencoder import Autoencoder


def test_a_row_comes_back_as_wide_as_it_went_in():
    network = Autoencoder(10, (6, 3))
    assert network(torch.zeros(5, 10)).shape == (5, 10)
    assert network.encoder(torch.zeros(5, 10)).shape == (5, 3)


def test_code_and_output_are_linear_and_the_rest_is_not():
    network = Autoencoder(10, (6, 3))
    for half in (network.encoder, network.decoder):
        assert [type(layer) for layer in half] == [nn.Linear, nn.ReLU, nn.Linear]
