"""What a network that draws rows anew does badly."""

from enum import StrEnum

from torch import Tensor
from torch.nn.functional import smooth_l1_loss


class DrawingLoss(StrEnum):
    """How a miss counts: by its square (MSE), by its size (MAE), or by its square up to a bend and its size beyond.

    Of a Gaussian, of a Laplace distribution, and of one that is Gaussian in the middle and Laplace's in its tails, they
    are the negative log-likelihoods, but for constants. A far-out row bends a network towards it the most by the
    first, and the least by the second.
    """

    HUBER = "huber"
    MSE = "mse"
    MAE = "mae"

    def missed(self, drawn: Tensor, rows: Tensor, bend: float = 1.0) -> Tensor:
        """What each number's miss costs: (b, m) twice -> (b, m).

        Source: Huber 1964, "Robust Estimation of a Location Parameter", section 6, divided by the bend, so that a far
        miss counts as its size does; notes 001, section 4 (MSE).

        Args:
            drawn: What was drawn.
            rows: What it should have been.
            bend: Where Huber's loss goes on straight.
        """
        match self:
            case DrawingLoss.MSE:
                return (drawn - rows).square()
            case DrawingLoss.MAE:
                return (drawn - rows).abs()
            case DrawingLoss.HUBER:
                return smooth_l1_loss(drawn, rows, reduction="none", beta=bend)

    def of(self, drawn: Tensor, rows: Tensor) -> Tensor:
        """The mean a row: (b, m) twice -> (b,)."""
        return self.missed(drawn, rows).mean(dim=1)
