"""GANs that find the noise of a row: by an encoder, or by descent."""

import torch
from torch import Tensor, nn

from oddflow.networks.generative_adversarial import Discriminator


class JointDiscriminator(nn.Module):
    """Tells (row, its code) from (generated row, its noise): whoever fools it inverts the generator.

    Source: Donahue et al. 2017, "Adversarial Feature Learning" (BiGAN), eq. 3; Zenati et al. 2018, "Efficient
    GAN-Based Anomaly Detection".
    """

    def __init__(self, width: int, latent: int, hidden: tuple[int, ...] = (64, 64)) -> None:
        super().__init__()
        self.discriminator = Discriminator(width + latent, hidden)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Rows and codes to log-odds of being real: (n, width), (n, latent) -> (n,)."""
        odds: Tensor = self.discriminator(torch.cat([x, z], dim=1))
        return odds


class EncoderGan(nn.Module):
    """Encodes a row, generates it anew, and tells how far the two lie apart, to the eye and to the discriminator.

    The generator and the discriminator were learnt before; only the encoder learns to lower this.

    Source: Schlegl et al. 2019, "f-AnoGAN", eq. 4 (izi_f).

    Args:
        generator: Noise to rows, or images.
        discriminator: Whose `features` are compared.
        encoder: Rows, or images, to noise.
        weight: Of the features' difference (κ).
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        encoder: nn.Module,
        *,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.generator = generator
        self.discriminator = discriminator
        self.weight = weight

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows anew, and their distance: (n, …) -> (n, …), (n,)."""
        drawn = self.generator(self.encoder(x))  # (n, …) -> (n, latent) -> (n, …)
        seen, again = self.discriminator.features(x), self.discriminator.features(drawn)  # type: ignore[operator]
        return drawn, residual(x, drawn) + self.weight * residual(seen, again)


def inversion_loss(generator: nn.Module, discriminator: Discriminator, x: Tensor, z: Tensor, weight: float) -> Tensor:
    """What to descend in z to find a row's noise: (n, width), (n, latent) -> (n,). What is left is its score.

    Source: Schlegl et al. 2017, "Unsupervised Anomaly Detection with GANs" (AnoGAN), eq. 2, 4 and 5.
    """
    drawn: Tensor = generator(z)
    by_eye = (x - drawn).abs().sum(dim=1)
    by_feature = (discriminator.features(x) - discriminator.features(drawn)).abs().sum(dim=1)
    return (1 - weight) * by_eye + weight * by_feature


def residual(x: Tensor, drawn: Tensor) -> Tensor:
    """Mean squared difference: (n, …) twice -> (n,)."""
    return (x - drawn).square().flatten(1).mean(dim=1)
