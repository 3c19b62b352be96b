"""One layer, two classic ways to learn it."""

from torch import Tensor, nn


class LogisticRegression(nn.Module):
    """Weighs the features: sigmoid of the output, or softmax of several, is a probability.

    Source: Cox 1958, "The Regression Analysis of Binary Sequences"; notes 000, part 4.
    """

    def __init__(self, width: int, outputs: int = 1) -> None:
        super().__init__()
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to log-odds: (n, width) -> (n, outputs)."""
        logits: Tensor = self.head(x)
        return logits


class Perceptron(nn.Module):
    """A threshold unit: on which side of a plane a row lies. It cannot learn XOR.

    Source: Rosenblatt 1958, "The Perceptron"; notes 002, section 4.1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Rows to signed distances from the plane, times the weights' norm: (n, width) -> (n,)."""
        margin: Tensor = self.head(x)  # (n, 1)
        return margin.squeeze(1)


def perceptron_loss(margin: Tensor, side: Tensor) -> Tensor:
    """How far rows lie on the wrong side: (n,), (n,) of −1 and 1 -> (n,).

    Its gradient is Rosenblatt's rule: a row on the wrong side moves the weights by itself, any other by nothing.
    """
    return (-side * margin).relu()
