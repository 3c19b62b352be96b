"""Slopes that are written out are those that autograd finds, and lead to the noise of a row."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.dcgan import DcganDiscriminator, DcganGenerator  # noqa: E402
from oddflow.networks.generative_adversarial import Discriminator, Generator  # noqa: E402
from oddflow.networks.inversion import Inversion, passed, pulled_back  # noqa: E402


def seasoned(*networks):
    """Networks in use, whose running statistics are not those that they began with."""
    for network in networks:
        for part in network.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
                part.weight.data.uniform_(0.5, 2)
        network.double().eval()


@pytest.mark.parametrize("images", [False, True])
def test_the_slope_of_the_distance_is_autograds(images):
    torch.manual_seed(0)
    if images:
        generator, discriminator = DcganGenerator(4, 2), DcganDiscriminator(2)
        layers, seen, x = [*generator.body], [*discriminator.body], torch.randn(3, 1, 28, 28).double()
    else:
        generator, discriminator = Generator(4, 6, (5, 7)), Discriminator(6, (5, 8))
        layers = [*generator.body.body, generator.body.head, generator.last]
        seen, x = [*discriminator.dense.body], torch.randn(3, 6).double()
    seasoned(generator, discriminator)
    inversion = Inversion(layers, seen, torch.randn(5, 4).double(), weight=0.7).double()
    z = torch.randn(3, 4).double().requires_grad_()
    drawn = generator(z)
    near = (x - drawn).square().flatten(1).mean(dim=1)
    alike = (discriminator.features(x) - discriminator.features(drawn)).square().mean(dim=1)
    (wanted,) = torch.autograd.grad((near + 0.7 * alike).sum(), z)
    torch.testing.assert_close(inversion._slope(x, discriminator.features(x), z), wanted)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Tanh(), (3, 4)),
        (nn.Conv2d(2, 3, 5, 2, padding=2), (2, 2, 14, 14)),
        (nn.Conv2d(2, 3, 3), (2, 2, 7, 6)),
        (nn.ConvTranspose2d(2, 3, 4, 2, padding=1), (2, 2, 5, 5)),
        (nn.Sequential(nn.Flatten(), nn.Linear(8, 3), nn.Identity()), (2, 2, 2, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_slope_of_a_layer_is_autograds(layer, shape):
    torch.manual_seed(0)
    layers = list(layer) if isinstance(layer, nn.Sequential) else [layer]
    x = torch.randn(shape, requires_grad=True)
    values = passed(layers, x)
    slope = torch.randn_like(values[-1])
    (wanted,) = torch.autograd.grad(values[-1], x, slope)
    torch.testing.assert_close(pulled_back(layers, values, slope), wanted)


def test_it_comes_nearer_with_every_few_steps_and_leaves_what_cannot_be_made():
    torch.manual_seed(0)
    generator, discriminator = Generator(2, 6, (8,)), Discriminator(6, (5,))
    layers = [*generator.body.body, generator.body.head]
    generator.eval()
    with torch.no_grad():
        rows = torch.cat([generator(torch.randn(20, 2)), torch.full((20, 6), 9.0)])
        left = [
            Inversion(layers, [*discriminator.dense.body], torch.randn(16, 2), steps=steps)(rows)[1]
            for steps in (1, 5, 40)
        ]
    assert left[0][:20].mean() > left[1][:20].mean() > 5 * left[2][:20].mean()
    assert left[2][20:].min() > 50 * left[2][:20].max()


def test_a_layer_whose_slope_is_not_known_is_named():
    with pytest.raises(TypeError, match="no slope is known of GELU, Softmax"):
        Inversion([nn.Linear(2, 2), nn.GELU()], [nn.Softmax(1)], torch.randn(3, 2))
