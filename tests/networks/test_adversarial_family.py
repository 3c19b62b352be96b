"""What each GAN adds to the plain one."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from oddflow.networks.adversarial_losses import (  # noqa: E402
    discriminator_loss,
    generator_loss,
    hinge_discriminator_loss,
)
from oddflow.networks.attention_gan import AttentionDiscriminator, MapAttention  # noqa: E402
from oddflow.networks.biggan import BigDiscriminator, BigGenerator, orthogonality, truncated_noise  # noqa: E402
from oddflow.networks.conditional_gan import ConditionalGenerator  # noqa: E402
from oddflow.networks.dense import MultilayerPerceptron  # noqa: E402
from oddflow.networks.encoder_gan import EncoderGan, inversion_loss  # noqa: E402
from oddflow.networks.frechet import frechet_distance  # noqa: E402
from oddflow.networks.generative_adversarial import Discriminator, Generator  # noqa: E402
from oddflow.networks.information_gan import (  # noqa: E402
    Answer,
    Codes,
    InformationDiscriminator,
    draw_codes,
    information_loss,
    latent,
)


def test_a_gan_learns_where_rows_lie():
    torch.manual_seed(0)
    generator, discriminator = Generator(2, 2, (16,)), Discriminator(2, (16,))
    of_g = torch.optim.Adam(generator.parameters(), lr=5e-3, betas=(0.5, 0.99))
    of_d = torch.optim.Adam(discriminator.parameters(), lr=5e-3, betas=(0.5, 0.99))
    centre = torch.tensor([3.0, -2.0])
    for _ in range(300):
        real, fake = centre + torch.randn(64, 2), generator(torch.randn(64, 2))
        of_d.zero_grad()
        discriminator_loss(discriminator(real), discriminator(fake.detach())).backward()
        of_d.step()
        of_g.zero_grad()
        generator_loss(discriminator(fake)).backward()
        of_g.step()
    torch.testing.assert_close(generator(torch.randn(500, 2)).mean(dim=0).detach(), centre, atol=1, rtol=0)


def test_the_hinge_loss_leaves_alone_what_is_far_enough():
    assert hinge_discriminator_loss(torch.tensor([1.5, 2.0]), torch.tensor([-1.0, -3.0])) == 0
    assert hinge_discriminator_loss(torch.tensor([0.0]), torch.tensor([0.5])) == 2.5


def test_the_class_that_is_asked_for_matters():
    torch.manual_seed(0)
    generator = ConditionalGenerator(3, 4, 2).eval()
    z = torch.randn(5, 3)
    assert not torch.allclose(generator(z, torch.zeros(5).long()), generator(z, torch.ones(5).long()))


def test_codes_that_are_guessed_right_cost_nothing():
    codes = Codes(torch.tensor([0, 2]), torch.tensor([[0.5], [-1.0]]))
    sure = Answer(torch.zeros(2), 100 * nn.functional.one_hot(codes.category, 3).float(), codes.continuous)
    torch.testing.assert_close(information_loss(sure, codes), torch.zeros(2))
    unsure = Answer(torch.zeros(2), torch.zeros(2, 3), codes.continuous + 2)
    torch.testing.assert_close(information_loss(unsure, codes), torch.full((2,), torch.tensor(3.0).log() + 2))


def test_codes_stand_beside_the_noise():
    codes = draw_codes(1000, 4, 2, torch.Generator().manual_seed(0))
    z = latent(torch.zeros(1000, 3), codes, 4)
    assert z.shape == (1000, 3 + 4 + 2)
    assert torch.equal(z[:, 3:7].argmax(dim=1), codes.category)
    assert codes.category.unique().tolist() == [0, 1, 2, 3]
    assert -1 <= codes.continuous.min() < -0.9 < 0.9 < codes.continuous.max() <= 1


def test_a_generator_that_is_told_to_shows_its_codes():
    """InfoGAN's other half: codes can be read off what was generated."""
    torch.manual_seed(0)
    generator, guesser = Generator(2 + 3 + 1, 4, (16,)), InformationDiscriminator(4, 3, 1, (16, 16))
    optimiser = torch.optim.Adam([*generator.parameters(), *guesser.parameters()], lr=0.01)
    losses = []
    for _ in range(80):
        codes = draw_codes(64, 3, 1)
        loss = information_loss(guesser(generator(latent(torch.randn(64, 2), codes, 3))), codes).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_attention_begins_with_what_it_was_given():
    torch.manual_seed(0)
    attention, x = MapAttention(8).eval(), torch.randn(2, 8, 3, 3)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.gamma.fill_(1)
    value = attention.value(x).flatten(2)
    seen = (attention(x) - x).flatten(2)
    assert (seen.amax(dim=2) <= value.amax(dim=2) + 1e-5).all()  # means of values, weighted
    assert (seen.amin(dim=2) >= value.amin(dim=2) - 1e-5).all()


def test_attention_is_that_of_the_paper():
    """Zhang et al. 2019, eq. 1 to 3, pixel by pixel: βⱼᵢ is how much pixel j looks at pixel i."""
    torch.manual_seed(0)
    attention, x = MapAttention(8).eval(), torch.randn(1, 8, 2, 3)
    with torch.no_grad():
        attention.gamma.fill_(0.5)
        pixels = [layer(x)[0].flatten(1) for layer in (attention.key, attention.query, attention.value)]
        for j in range(6):
            likeness = torch.stack([pixels[0][:, i] @ pixels[1][:, j] for i in range(6)]).softmax(0)
            seen = sum(likeness[i] * pixels[2][:, i] for i in range(6))
            expected = x[0].flatten(1)[:, j] + 0.5 * seen
            torch.testing.assert_close(attention(x)[0].flatten(1)[:, j], expected)


def test_far_pixels_reach_each_other():
    torch.manual_seed(0)
    attention, x = MapAttention(8).eval(), torch.randn(1, 8, 4, 4, requires_grad=True)
    with torch.no_grad():
        attention.gamma.fill_(1)
    (slope,) = torch.autograd.grad(attention(x)[0, :, 0, 0].sum(), x)
    assert slope[0, :, 3, 3].abs().sum() > 0


def test_weights_have_a_spectral_norm_of_1():
    torch.manual_seed(0)
    discriminator = AttentionDiscriminator(4).train()
    for _ in range(30):  # each forward pass makes the estimate better
        discriminator(torch.randn(2, 1, 28, 28))
    weight = discriminator.head.weight
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, rel=1e-3)


def test_orthogonal_rows_cost_nothing_whatever_their_lengths():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0], [0, 5]]))
        assert orthogonality(layer) == 0
        layer.weight.copy_(torch.tensor([[1.0, 1], [1, 1]]))
        assert orthogonality(layer) == 8


def test_truncated_noise_stays_within_its_limit():
    noise = truncated_noise(1000, 5, 0.7, torch.Generator().manual_seed(0))
    assert noise.shape == (1000, 5)
    assert noise.abs().max() <= 0.7
    assert noise.mean().item() == pytest.approx(0, abs=0.02)


def test_a_class_and_each_piece_of_noise_change_a_big_generators_image():
    torch.manual_seed(0)
    generator = BigGenerator(7, 2, 2, 3).eval()
    z, label = torch.randn(1, 7), torch.zeros(1).long()
    image = generator(z, label)
    assert not torch.allclose(generator(z, label + 1), image)
    for column in (0, 3, 6):
        moved = z.clone()
        moved[:, column] += 1
        assert not torch.allclose(generator(moved, label), image)


def test_a_big_discriminator_judges_by_class():
    torch.manual_seed(0)
    discriminator, x = BigDiscriminator(2, 2).eval(), torch.randn(3, 1, 28, 28)
    assert not torch.allclose(discriminator(x, torch.zeros(3).long()), discriminator(x, torch.ones(3).long()))


class Identity(nn.Module):
    def forward(self, x):
        return x


def test_what_is_generated_again_exactly_scores_0():
    network = EncoderGan(Identity(), Discriminator(4, (5,)), MultilayerPerceptron(4, 4, ()))
    with torch.no_grad():
        network.encoder.head.weight.copy_(torch.eye(4))
        network.encoder.head.bias.zero_()
    drawn, score = network(torch.randn(3, 4))
    assert torch.equal(score, torch.zeros(3))
    network.encoder.head.bias.data.add_(1)
    x = torch.randn(3, 4)
    drawn, score = network(x)
    seen, again = network.discriminator.features(x), network.discriminator.features(drawn)
    torch.testing.assert_close(score, 1 + (seen - again).square().mean(dim=1))


def test_the_noise_of_a_row_is_found_by_descent():
    """AnoGAN: what a generator can make is found again, what it cannot make keeps a residual."""
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 4), Discriminator(4, (5,))
    rows = torch.stack([generator(torch.tensor([0.5, -1.0])), torch.tensor([9.0, -9, 9, 9])]).detach()
    z = torch.zeros(2, 2, requires_grad=True)
    optimiser = torch.optim.Adam([z], lr=0.02)
    for _ in range(400):
        optimiser.zero_grad()
        loss = inversion_loss(generator, discriminator, rows, z, 0.1)
        loss.sum().backward()
        optimiser.step()
    assert loss[0] < 0.1
    assert loss[1] > 5
    torch.testing.assert_close(z[0].detach(), torch.tensor([0.5, -1.0]), atol=0.05, rtol=0)


def test_a_residual_is_of_the_eye_and_of_the_features():
    torch.manual_seed(0)
    generator, discriminator, x, z = nn.Linear(2, 4), Discriminator(4, (5,)), torch.randn(3, 4), torch.randn(3, 2)
    by_eye, by_feature = (inversion_loss(generator, discriminator, x, z, weight) for weight in (0.0, 1.0))
    torch.testing.assert_close(by_eye, (x - generator(z)).abs().sum(dim=1))
    features = discriminator.features
    torch.testing.assert_close(by_feature, (features(x) - features(generator(z))).abs().sum(dim=1))
    torch.testing.assert_close(inversion_loss(generator, discriminator, x, z, 0.1), 0.9 * by_eye + 0.1 * by_feature)


def test_frechet_distance_of_two_gaussians():
    torch.manual_seed(0)
    x, y = torch.randn(20_000, 2), torch.randn(20_000, 2) * torch.tensor([3.0, 1]) + torch.tensor([0.0, 2])
    expected = 2**2 + (1 + 9 - 2 * 3)  # apart by 2; a deviation of 1 and one of 3
    assert frechet_distance(x, y).item() == pytest.approx(expected, rel=0.05)
    assert frechet_distance(x, x).item() == pytest.approx(0, abs=1e-8)
    assert frechet_distance(x, y).item() == pytest.approx(frechet_distance(y, x).item())
    assert frechet_distance(x[:, :1], x[:, :1] + 1).item() == pytest.approx(1, rel=1e-5)


def test_frechet_distance_sees_a_collapsed_mode():
    torch.manual_seed(0)
    real = torch.cat([torch.randn(500, 2) - 5, torch.randn(500, 2) + 5])
    both = torch.cat([torch.randn(500, 2) - 5, torch.randn(500, 2) + 5])
    collapsed = torch.randn(1000, 2) + 5
    assert frechet_distance(real, collapsed) > 20 * frechet_distance(real, both)
