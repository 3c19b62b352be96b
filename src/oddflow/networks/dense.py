"""The multilayer perceptron."""

from itertools import pairwise

from torch import Tensor, nn

from oddflow.networks.activation import Activation
from oddflow.networks.normalisation import Normalisation


class MultilayerPerceptron(nn.Module):
    """Dense layers with a bend between them.

    Source: Rumelhart, Hinton & Williams 1986, "Learning representations by back-propagating errors".
    """

    def __init__(
        self,
        width: int,
        outputs: int,
        hidden: tuple[int, ...] = (64, 32),
        *,
        activation: Activation = Activation.RELU,
        normalisation: Normalisation = Normalisation.NONE,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for given, wanted in pairwise((width, *hidden)):
            self.body.append(nn.Linear(given, wanted))
            if normalisation is not Normalisation.NONE:
                self.body.append(normalisation.layer(wanted, dimensions=0))
            self.body.append(activation.layer())
            if dropout:
                self.body.append(nn.Dropout(dropout))
        self.head = nn.Linear((width, *hidden)[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to outputs: (n, width) -> (n, outputs)."""
        h = self.body(x)  # (n, width) -> (n, hidden[-1])
        logits: Tensor = self.head(h)  # -> (n, outputs)
        return logits
