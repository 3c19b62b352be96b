"""Networks of several stages or several views: each has its say, padding has none."""

import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.class_losses import cross_entropy  # noqa: E402
from oddflow.networks.convolutional_recurrent import ConvolutionalRecurrent, SpatialTemporalNetwork  # noqa: E402
from oddflow.networks.multimodal import MultimodalNetwork, joint_loss  # noqa: E402
from oddflow.networks.sequence_convolutional import SequenceConvolutions  # noqa: E402


def test_packets_of_zeros_are_not_read():
    torch.manual_seed(0)
    network, x = SpatialTemporalNetwork(3, 4, 8).eval(), torch.rand(2, 4, 28)
    padded = torch.cat([x, torch.zeros(2, 3, 28)], dim=1)
    torch.testing.assert_close(network(padded), network(x))


def test_every_packet_has_its_say():
    torch.manual_seed(0)
    for network, x in (
        (SpatialTemporalNetwork(3, 4, 8), torch.rand(1, 4, 28)),
        (ConvolutionalRecurrent(2, 3, 4, 8), torch.rand(1, 4, 2)),
    ):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(network(x).square().sum(), x)
        assert (slope.abs().sum(dim=2) > 0).all()


def test_dilated_layers_see_far_with_few_weights():
    for dilated, seen in ((False, 7), (True, 15)):
        torch.manual_seed(0)
        body = SequenceConvolutions(1, 2, (4, 4, 4), dilated=dilated).body.double()
        x = torch.randn(1, 1, 31, dtype=torch.float64, requires_grad=True)
        linear = torch.nn.Sequential(*[layer for layer in body if isinstance(layer, torch.nn.Conv1d)])
        (slope,) = torch.autograd.grad(linear(x)[0, :, 15].sum(), x)
        assert int((slope != 0).sum()) == seen


@pytest.mark.parametrize(("first", "last"), [(0, 4), (4, 10), (10, 794)], ids=["features", "packets", "bytes"])
def test_every_view_has_its_say_in_both_answers(first, last):
    torch.manual_seed(0)
    network, x = MultimodalNetwork(4, 3, steps=3, width=8).eval(), torch.rand(1, 4 + 6 + 784, requires_grad=True)
    for answer in network(x):
        (slope,) = torch.autograd.grad(answer.sum(), x, retain_graph=True)
        assert slope[0, first:last].abs().sum() > 0


def test_two_answers_cost_the_sum_of_both():
    logits, missed = torch.zeros(2, 4), torch.tensor([[1.0, 2, 3], [1, 2, 3]])
    classes = torch.tensor([0, 1])
    loss = joint_loss(cross_entropy(logits, classes), missed, classes, weight=0.5)
    guessed = torch.tensor(4.0).log()
    torch.testing.assert_close(loss, torch.stack([guessed + 0.5 * 2, guessed]))  # an attack need not be drawn
