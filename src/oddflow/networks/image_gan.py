"""The GANs of images as pairs that play alike: noise (n, latent) to images, and images to heights."""

from enum import StrEnum

from torch import Tensor, nn

from oddflow.networks.attention_gan import AttentionDiscriminator, AttentionGenerator
from oddflow.networks.biggan import BigDiscriminator, BigGenerator
from oddflow.networks.dcgan import DcganDiscriminator, DcganGenerator
from oddflow.networks.information_gan import Answer, Codes, InformationImageDiscriminator

CATEGORIES, CONTINUOUS = 10, 2
"""InfoGAN's codes: a kind out of ten, and two numbers (Chen et al. 2016, section 7.2)."""
LEAST_LATENT = CATEGORIES + CONTINUOUS + 1
"""Columns of noise that InfoGAN's codes leave one for."""


class ImageNetwork(StrEnum):
    """Which pair.

    DCGAN: Radford et al. 2016. INFO: the same, part of whose noise means something (Chen et al. 2016). ATTENTION: far
    parts fit each other (Zhang et al. 2019). BIG: residual blocks, spectral norm, orthogonal weights (Brock et al.
    2019).
    """

    DCGAN = "dcgan"
    INFO = "info"
    ATTENTION = "attention"
    BIG = "big"


class OneClass(nn.Module):
    """A network that is told a class, told the same one always: BigGAN where there are no classes.

    Source: Brock et al. 2019, appendix B.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(n, …) -> what the network makes of it and class 0."""
        made: Tensor = self.network(x, self._label(x))
        return made

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, channels, 28, 28) -> (n, features)."""
        seen: Tensor = self.network.features(x)  # type: ignore[operator]
        return seen

    @staticmethod
    def _label(x: Tensor) -> Tensor:
        return (0 * x.flatten(1)[:, 0]).long()  # (n,); of x, so that a graph needs no operator that makes rows


class Odds(nn.Module):
    """Of InfoGAN's answers only how real an image looks.

    Source: Chen et al. 2016, section 5.
    """

    def __init__(self, guesser: InformationImageDiscriminator) -> None:
        super().__init__()
        self.guesser = guesser

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, 28, 28) -> (n,)."""
        odds: Tensor = self.guesser.dcgan(x)
        return odds

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, channels, 28, 28) -> (n, features)."""
        return self.guesser.dcgan.features(x)

    def answer(self, x: Tensor) -> Answer:
        """Its guesses too."""
        answer: Answer = self.guesser(x)
        return answer


class ImagePair(nn.Module):
    """The two players.

    Source: see `ImageNetwork`; Goodfellow et al. 2014, "Generative Adversarial Nets".

    Args:
        network: Which.
        latent: Columns of the noise; with INFO, its codes are the last ones.
        width: Channels of the widest map; DCGAN's of the notes has 64.
        channels: Of the images.
    """

    def __init__(self, network: ImageNetwork, latent: int, width: int, channels: int = 1) -> None:
        super().__init__()
        self.latent = latent
        self.generator: nn.Module
        self.discriminator: nn.Module
        match network:
            case ImageNetwork.DCGAN:
                self.generator = DcganGenerator(latent, width, channels=channels)
                self.discriminator = DcganDiscriminator(width, channels=channels)
            case ImageNetwork.INFO:
                self.generator = DcganGenerator(latent, width, channels=channels)
                self.discriminator = Odds(
                    InformationImageDiscriminator(CATEGORIES, CONTINUOUS, width, channels=channels)
                )
            case ImageNetwork.ATTENTION:
                self.generator = AttentionGenerator(latent, width, channels=channels)
                self.discriminator = AttentionDiscriminator(width, channels=channels)
            case ImageNetwork.BIG:
                self.generator = OneClass(BigGenerator(latent, 1, width, channels=channels))
                self.discriminator = OneClass(BigDiscriminator(1, width, channels=channels))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Noise to images, and how real they look: (n, latent) -> (n, channels, 28, 28), (n,)."""
        images = self.generator(z)
        return images, self.discriminator(images)


class ImageEncoder(nn.Module):
    """Finds the noise of an image; its body is DCGAN's discriminator.

    Source: Schlegl et al. 2019, "f-AnoGAN", section 3.2 (an encoder built as the discriminator is).
    """

    def __init__(self, latent: int, width: int, channels: int = 1) -> None:
        super().__init__()
        self.body = DcganDiscriminator(width, dropout=0.0, channels=channels).body
        self.head = nn.Linear(98 * width, latent)

    def forward(self, x: Tensor) -> Tensor:
        """Images to noise: (n, channels, 28, 28) -> (n, latent)."""
        z: Tensor = self.head(self.body(x))
        return z


class Pixels(nn.Module):
    """Rows of bytes from 0 to 1 as images from −1 to 1; what lies beyond is cut.

    Source: Radford et al. 2016, section 4 (images scaled to the range of tanh).
    """

    def __init__(self, channels: int = 1, side: int = 28) -> None:
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels · 784) -> (n, channels, 28, 28)."""
        return (2 * x.clamp(0, 1) - 1).reshape(x.shape[0], *self.shape)


def codes_of(z: Tensor) -> Codes:
    """InfoGAN's codes, the last columns of its noise: (n, latent) -> (n,), (n, 2)."""
    return Codes(z[:, -CATEGORIES - CONTINUOUS : -CONTINUOUS].argmax(dim=1), z[:, -CONTINUOUS:])
