"""The adversarial autoencoder."""

from torch import Tensor, nn

from oddflow.networks.autoencoder import Autoencoder
from oddflow.networks.dense import MultilayerPerceptron


class AdversarialAutoencoder(nn.Module):
    """An autoencoder whose codes a discriminator cannot tell from samples of a prior.

    In turn: draw rows well; tell codes from samples of N(0, 1) with `discriminator_loss` of adversarial_losses; bend
    the encoder so that it cannot, with `generator_loss`.

    Source: Makhzani et al. 2015, "Adversarial Autoencoders", section 2; notes 002, section 10.3.
    """

    def __init__(self, width: int, hidden: tuple[int, ...] = (64, 16), critic: tuple[int, ...] = (32,)) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(width, hidden)
        self.discriminator = MultilayerPerceptron(hidden[-1], 1, critic)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows drawn anew, and log-odds that their codes are the prior's: (n, width) -> (n, width), (n,)."""
        code = self.autoencoder.encoder(x)  # (n, hidden[-1])
        return self.autoencoder.decoder(code), self.discriminator(code).squeeze(1)
