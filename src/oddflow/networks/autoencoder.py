"""The plain autoencoder."""

from itertools import pairwise

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Squeezes a row through a narrow middle and draws it anew.

    What it cannot draw is not like the rows it learnt from.

    Source: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks".
    """

    def __init__(self, width: int, hidden: tuple[int, ...] = (64, 16)) -> None:
        super().__init__()
        sizes = (width, *hidden)
        self.encoder = _dense(sizes)
        self.decoder = _dense(sizes[::-1])

    def forward(self, x: Tensor) -> Tensor:
        """Rows drawn anew: (n, width) -> (n, width)."""
        code = self.encoder(x)  # (n, width) -> (n, hidden[-1])
        return self.decoder(code)  # type: ignore[no-any-return]  # -> (n, width)


def _dense(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them; the last one stays linear."""
    layers: list[nn.Module] = []
    for given, wanted in pairwise(sizes):
        layers += [nn.Linear(given, wanted), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
