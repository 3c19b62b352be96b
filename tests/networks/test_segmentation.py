"""What marks pixels and packets, and what puts boxes around them."""

import pytest
from hypothesis import given
from hypothesis.strategies import floats, tuples

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.errors import UsageError  # noqa: E402
from oddflow.networks.fully_convolutional import FullyConvolutionalNetwork  # noqa: E402
from oddflow.networks.localiser import intersection_over_union, localiser_loss  # noqa: E402
from oddflow.networks.unet import UNet  # noqa: E402
from oddflow.networks.upsampling import Upsample, Upsampling, interpolated, pooled, unpooled  # noqa: E402

box = tuples(*[floats(0, 1, width=32)] * 4)


@pytest.mark.parametrize(("dimensions", "layer"), [(1, nn.MaxUnpool1d(2)), (2, nn.MaxUnpool2d(2))])
def test_unpooling_is_that_of_torch(dimensions, layer):
    """Notes 004, line 165: three ways up; this is the second."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, *[8] * dimensions)
    largest, places = pooled(x)
    torch.testing.assert_close(unpooled(largest, places, x), layer(largest, places))
    assert ((unpooled(largest, places, x) == x) | (unpooled(largest, places, x) == 0)).all()


@pytest.mark.parametrize(("dimensions", "mode"), [(1, "linear"), (2, "bilinear")])
def test_interpolation_is_that_of_torch(dimensions, mode):
    x = torch.randn(2, 3, *[5] * dimensions)
    torch.testing.assert_close(interpolated(x), nn.functional.interpolate(x, scale_factor=2.0, mode=mode))


@pytest.mark.parametrize("kind", Upsampling)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_every_way_up_doubles(kind, dimensions):
    x, like = torch.randn(2, 6, *[4] * dimensions), torch.randn(2, 3, *[8] * dimensions)
    assert Upsample(kind, 6, 3, dimensions)(x, pooled(like)[1], like).shape == like.shape


@pytest.mark.parametrize("make", [UNet, FullyConvolutionalNetwork])
def test_sides_that_cannot_be_halved_are_refused(make):
    with pytest.raises(UsageError, match="multiple of 4; 28 × 30 given"):
        make()(torch.zeros(1, 1, 28, 30))


def test_too_many_skips_are_refused():
    with pytest.raises(UsageError, match="from 0 to 2, one less than there are sizes; 3 given"):
        FullyConvolutionalNetwork(skips=3)


def test_skips_add_the_scores_of_larger_maps():
    """Notes 004, lines 167 to 168: the upsampled last prediction and a finer one, added."""
    torch.manual_seed(0)
    network, x = FullyConvolutionalNetwork(1, 2, (3, 4), skips=1), torch.randn(1, 1, 8, 8)
    fine = network.body[0](x)
    coarse = network.body[1](pooled(fine)[0])
    expected = network.larger[0](network.scores[1](coarse)) + network.scores[0](fine)
    torch.testing.assert_close(network(x), expected)
    assert len(FullyConvolutionalNetwork(1, 2, (3, 4), skips=0).scores) == 1


@pytest.mark.parametrize("upsampling", Upsampling)
def test_a_unet_learns_to_mark_a_square(upsampling):
    torch.manual_seed(0)
    network = UNet(1, 2, (4, 8), upsampling=upsampling)
    x, marks = 0.3 * torch.randn(16, 1, 12, 12), torch.zeros(16, 12, 12, dtype=torch.long)
    for row in range(16):
        top, left = torch.randint(0, 8, (2,)).tolist()
        x[row, 0, top : top + 4, left : left + 4] += 1
        marks[row, top : top + 4, left : left + 4] = 1
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(50):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), marks).backward()
        optimiser.step()
    found = network.eval()(x).argmax(dim=1)
    shared = ((found == 1) & (marks == 1)).sum() / ((found == 1) | (marks == 1)).sum()
    assert shared > 0.8


def test_a_network_of_one_dimension_marks_packets():
    network = UNet(2, 2, (4, 8), dimensions=1)
    assert network(torch.zeros(3, 2, 32)).shape == (3, 2, 32)


def test_boxes_share_what_they_share():
    """Notes 004, line 157."""
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]])
    others = torch.tensor([[1.0, 1, 2, 2], [0, 0, 1, 1], [2, 2, 1, 1], [0, 0, 0, 0], [1, 0, 1, 1]])
    torch.testing.assert_close(intersection_over_union(boxes, others), torch.tensor([1 / 7, 1, 0, 0, 0]))


@given(box, box)
def test_what_is_shared_is_a_part_and_the_same_for_both(first, second):
    a, b = torch.tensor([first]), torch.tensor([second])
    shared = intersection_over_union(a, b)
    assert 0 <= shared <= 1 + 1e-6
    torch.testing.assert_close(shared, intersection_over_union(b, a))


def test_the_background_has_no_box_to_learn():
    """Notes 004, line 154: a class by softmax, a box by squared error."""
    logits, boxes = torch.zeros(2, 3), torch.zeros(2, 4)
    loss = localiser_loss(logits, boxes, torch.tensor([0, 1]), torch.ones(2, 4), weight=0.5)
    torch.testing.assert_close(loss, torch.tensor(3.0).log() + torch.tensor([0.0, 2.0]))
