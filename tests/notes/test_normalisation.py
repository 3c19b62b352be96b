"""Scaling of rows and of layers."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.errors import UsageError  # noqa: E402
from oddflow.networks.normalisation import Normalisation  # noqa: E402


@pytest.fixture
def x():
    torch.manual_seed(0)
    return 5 + 3 * torch.randn(6, 8, 4, 5, dtype=torch.float64)


def normalised(x, over):
    mean = x.mean(dim=over, keepdim=True)
    return (x - mean) / (x.var(dim=over, keepdim=True, unbiased=False) + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("kind", "over"),
    [(Normalisation.BATCH, (0, 2, 3)), (Normalisation.LAYER, (1, 2, 3)), (Normalisation.INSTANCE, (2, 3))],
)
def test_each_kind_takes_its_own_mean_away(x, kind, over):
    """Notes 002, lines 1150 to 1163: a channel over all rows, a row over all channels, a channel of a row."""
    torch.testing.assert_close(kind.layer(8).double()(x), normalised(x, over))


def test_groups_of_channels_have_a_mean_each(x):
    """Notes 002, line 1164."""
    expected = normalised(x.reshape(6, 4, 2, 4, 5), (2, 3, 4)).reshape(x.shape)
    torch.testing.assert_close(Normalisation.GROUP.layer(8, groups=4).double()(x), expected)


def test_groups_part_channels_evenly():
    assert Normalisation.GROUP.layer(6, groups=4).num_groups == 3
    assert Normalisation.GROUP.layer(7, groups=4).num_groups == 1


def test_one_number_has_no_instance_to_be_normalised():
    with pytest.raises(UsageError, match="a single number minus its mean is 0"):
        Normalisation.INSTANCE.layer(8, dimensions=0)


def test_six_images_of_three_channels_have_three_means(x):
    """Notes 002, lines 1153 to 1160: [6, 3, 784] by channel."""
    images = x.reshape(6, 8, 20)[:, :3]
    flat = images.transpose(1, 2).reshape(-1, 3)
    torch.testing.assert_close(flat.mean(dim=0), images.mean(dim=(0, 2)))


def test_batch_norm_learns_from_its_batch_and_scores_from_what_it_kept(x):
    """Notes 002, lines 1174 to 1176; 000, line 576; 001, line 465; 004, line 88: two modes."""
    layer = Normalisation.BATCH.layer(8).double()
    learning = layer(x)
    torch.testing.assert_close(learning.mean(dim=(0, 2, 3)), torch.zeros(8, dtype=torch.float64))
    torch.testing.assert_close(layer.running_mean, 0.1 * x.mean(dim=(0, 2, 3)))  # a moving average, from 0
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * x.var(dim=(0, 2, 3)))
    layer.eval()
    kept = layer.running_mean.clone()
    scored = layer(x)
    expected = (x - kept[:, None, None]) / (layer.running_var[:, None, None] + layer.eps).sqrt()
    torch.testing.assert_close(scored, expected)
    assert torch.equal(layer.running_mean, kept)


def test_a_row_is_scored_the_same_whatever_stands_beside_it(x):
    """Notes 001, line 465. Lines 467 to 469 are wrong: they switch to learning to predict ("predict mode" is
    `set_learning_phase(True)`), and so a row's score depends on its batch."""
    layer = Normalisation.BATCH.layer(8).double()
    layer(x)
    assert not torch.allclose(layer(x)[:1], layer(x[:1]))
    layer.eval()
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]))


def test_only_scale_and_shift_learn():
    """Notes 002, lines 1170 to 1171: γ and β; 000, line 575 calls them constants, but they learn."""
    layer = Normalisation.BATCH.layer(8)
    assert {name for name, _ in layer.named_parameters()} == {"weight", "bias"}
    assert all(parameter.requires_grad for parameter in layer.parameters())


def test_mean_and_variance_are_part_of_the_gradient(x):
    """Notes 000, line 575: they are variables in back-propagation; so a shift of all rows changes nothing."""
    x.requires_grad_()
    (slope,) = torch.autograd.grad((Normalisation.BATCH.layer(8).double()(x) ** 3).sum(), x)
    torch.testing.assert_close(slope.sum(dim=(0, 2, 3)), torch.zeros(8, dtype=torch.float64), atol=1e-8, rtol=0)


def test_small_batches_estimate_badly(x):
    """Notes 001, line 464: with more rows a batch, mean and variance are more exact."""
    everything = x.mean(dim=(0, 2, 3))
    small = torch.stack([rows.mean(dim=(0, 2, 3)) for rows in x.split(1)])
    large = torch.stack([rows.mean(dim=(0, 2, 3)) for rows in x.split(3)])
    assert (large - everything).abs().mean() < (small - everything).abs().mean()


def test_a_convolution_before_it_needs_no_bias(x):
    """Notes 000, lines 579 to 600 (use_bias=False): the mean takes any bias away."""
    layer, convolution = Normalisation.BATCH.layer(3).double(), nn.Conv2d(8, 3, 3).double()
    before = layer(convolution(x))
    with torch.no_grad():
        convolution.bias.add_(7)
    torch.testing.assert_close(layer(convolution(x)), before)


def test_standardised_columns_have_a_mean_of_0_and_a_deviation_of_1(x):
    """Notes 004, lines 79 to 81: standardised; "normalised" there is divided by the maximum, 0 to 1 for bytes."""
    rows = x[:, :, 0, 0]
    standard = (rows - rows.mean(dim=0)) / rows.std(dim=0, unbiased=False)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(8, dtype=torch.float64))
    torch.testing.assert_close(standard.std(dim=0, unbiased=False), torch.ones(8, dtype=torch.float64))
    assert (torch.arange(256) / 255).max() == 1


def test_columns_of_unlike_size_make_descent_slow():
    """Notes 000, line 567: the loss is more sensitive to the weights of large columns; scaled, one rate fits all."""
    torch.manual_seed(0)
    rows = torch.randn(200, 2) * torch.tensor([100.0, 1.0])
    for scale, conditioned in ((torch.ones(2), False), (rows.std(dim=0), True)):
        curvature = torch.linalg.eigvalsh((rows / scale).t() @ (rows / scale) / 200)
        assert (curvature[1] / curvature[0] < 2) == conditioned
