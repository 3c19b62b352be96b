"""The dense GAN: a generator of rows and its discriminator."""

from torch import Tensor, nn

from oddflow.networks.activation import Activation
from oddflow.networks.dense import MultilayerPerceptron
from oddflow.networks.normalisation import Normalisation


class Generator(nn.Module):
    """Turns noise into rows.

    Source: Goodfellow et al. 2014, "Generative Adversarial Nets"; notes 002, section 11.1.

    Args:
        latent: Columns of the noise.
        width: Columns of a row.
        hidden: Widths between.
        last: What bounds a row's numbers: a sigmoid to 0 … 1, tanh to −1 … 1; none does not.
    """

    def __init__(
        self, latent: int, width: int, hidden: tuple[int, ...] = (64, 64), *, last: Activation | None = None
    ) -> None:
        super().__init__()
        self.body = MultilayerPerceptron(
            latent, width, hidden, activation=Activation.LEAKY_RELU, normalisation=Normalisation.BATCH
        )
        self.last = last.layer() if last else nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        """Noise to rows: (n, latent) -> (n, width)."""
        rows: Tensor = self.last(self.body(z))
        return rows


class Discriminator(nn.Module):
    """Tells rows from generated ones; without a bound on its output it is WGAN's critic as well.

    Source: Goodfellow et al. 2014; Arjovsky et al. 2017 (critic).
    """

    def __init__(self, width: int, hidden: tuple[int, ...] = (64, 64), *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dense = MultilayerPerceptron(width, 1, hidden, activation=Activation.LEAKY_RELU, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to log-odds of being real: (n, width) -> (n,)."""
        odds: Tensor = self.dense(x)  # (n, 1)
        return odds.squeeze(1)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, width) -> (n, hidden[-1])."""
        seen: Tensor = self.dense.body(x)
        return seen
