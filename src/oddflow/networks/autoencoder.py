"""The plain autoencoder, and what keeps one from learning its rows by heart."""

from itertools import pairwise

from torch import Generator, Tensor, nn

from oddflow.networks.chance import normal


class Autoencoder(nn.Module):
    """Squeezes a row through a narrow middle and draws it anew.

    What it cannot draw is not like the rows it learnt from.

    Source: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks".
    """

    def __init__(self, width: int, hidden: tuple[int, ...] = (64, 16), *, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = (width, *hidden)
        self.encoder = _dense(sizes, dropout)
        self.decoder = _dense(sizes[::-1], dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Rows drawn anew: (n, width) -> (n, width)."""
        code = self.encoder(x)  # (n, width) -> (n, hidden[-1])
        return self.decoder(code)  # type: ignore[no-any-return]  # -> (n, width)


def noised(x: Tensor, deviation: float, generator: Generator | None = None) -> Tensor:
    """Rows with Gaussian noise, from which a denoising autoencoder draws the rows themselves: any shape -> the same.

    Source: Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising Autoencoders"; notes 002,
    section 10.3.
    """
    return x + deviation * normal(x, *x.shape[1:], generator=generator)


def sparsity(code: Tensor, target: float = 0.05) -> Tensor:
    """How far each unit's mean activity is from a small one, Σ KL(target || mean): (n, units) -> ().

    The code is taken through a sigmoid first, so that an activity is a probability.

    Source: Ng 2011, "Sparse Autoencoder" (CS294A), section 3.
    """
    mean = code.sigmoid().mean(dim=0).clamp(1e-6, 1 - 1e-6)  # (units,)
    return (target * (target / mean).log() + (1 - target) * ((1 - target) / (1 - mean)).log()).sum()


def _dense(sizes: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Linear layers with ReLU between them; the last one stays linear."""
    layers: list[nn.Module] = []
    for given, wanted in pairwise(sizes):
        layers += [nn.Linear(given, wanted), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers[: -2 if dropout else -1])
