"""What a network that tells classes apart does badly, and what a row of each class weighs in it."""

from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_LEAST_LEFT = 1e-7
"""Of 1 − p, so that a class that is sure has a gradient at every focus."""


class ClassLoss(StrEnum):
    """What a row costs.

    CROSS_ENTROPY: As it is usual. FOCAL: Leaves rows alone that are told well already. GENERALISED: Leaves rows alone
    that are told badly, since their labels may be wrong. BOOTSTRAP: Believes itself as much as the label.
    """

    CROSS_ENTROPY = "cross-entropy"
    FOCAL = "focal"
    GENERALISED = "generalised"
    BOOTSTRAP = "bootstrap"


class Weighting(StrEnum):
    """What a row weighs by the number of rows of its class; each is 1 a row in the mean.

    NONE: all the same. SQUARE_ROOT: normal rows, class 0, weigh half of all; of the other half a kind of attack has a
    part like the square root of its rows (Mahajan et al. 2018, section 2.2). BALANCED: each class weighs as much as any
    other (King & Zeng 2001). EFFECTIVE: like one through the effective number of rows (Cui et al. 2019).
    """

    NONE = "none"
    SQUARE_ROOT = "square-root"
    BALANCED = "balanced"
    EFFECTIVE = "effective"


def class_weights(
    counts: NDArray[np.int64], weighting: Weighting = Weighting.SQUARE_ROOT, overlap: float = 0.999
) -> NDArray[np.float32]:
    """What a row of each class weighs, 1 in the mean of all rows: (k,) -> (k,).

    Args:
        counts: Rows of each class, normal ones first, (k,), all at least 1.
        weighting: By which rule.
        overlap: β of `effective_numbers`; of EFFECTIVE alone.
    """
    match weighting:
        case Weighting.NONE:
            shares = counts / counts.sum()
        case Weighting.SQUARE_ROOT:
            shares = np.sqrt(counts)
            shares[1:] /= 2 * shares[1:].sum()
            shares[0] = 0.5
        case Weighting.BALANCED:
            shares = np.full(len(counts), 1 / len(counts))
        case Weighting.EFFECTIVE:
            shares = counts / effective_numbers(counts, overlap)
            shares /= shares.sum()
    return np.asarray(shares * counts.sum() / counts, np.float32)


def effective_numbers(counts: NDArray[np.int64], overlap: float) -> NDArray[np.float64]:
    """How many rows there are of a class when each may say again what others said: (k,) -> (k,).

    (1 − βⁿ) / (1 − β): 1 for β = 0, n as β comes near 1.

    Source: Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples", proposition 1.
    """
    return np.asarray((1 - overlap**counts) / (1 - overlap), np.float64)


def cross_entropy(logits: Tensor, wanted: Tensor, smoothing: float = 0.0) -> Tensor:
    """−Σ q log p a row: (n, k), (n,) int64 -> (n,); q is 1 − ε for the class and ε / k more for each.

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7 (smoothing ε).
    """
    return nn.functional.cross_entropy(logits, wanted, reduction="none", label_smoothing=smoothing)


def focal_loss(logits: Tensor, wanted: Tensor, focus: float = 2.0, smoothing: float = 0.0) -> Tensor:
    """−Σ q (1 − p)^γ log p a row: (n, k), (n,) int64 -> (n,); cross entropy for γ = 0.

    Without smoothing that is −(1 − p)^γ log p of the row's own class, equation 4 of the source; its α, a weight of each
    class, is `class_weights`.

    Args:
        logits: Of each class.
        wanted: The class of each row.
        focus: γ: how little a row weighs that is told well.
        smoothing: ε, as in `cross_entropy`.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", section 3.2.
    """
    log_p = nn.functional.log_softmax(logits, dim=1)  # (n, k)
    left = (-torch.expm1(log_p)).clamp(min=_LEAST_LEFT)  # 1 − p
    share = torch.full_like(log_p, smoothing / logits.shape[1])
    share = share.scatter_add(1, wanted[:, None], torch.full_like(log_p[:, :1], 1 - smoothing))  # q
    return -(share * left**focus * log_p).sum(dim=1)


def generalised_cross_entropy(logits: Tensor, wanted: Tensor, doubt: float = 0.7) -> Tensor:
    """(1 − p^q) / q a row: (n, k), (n,) int64 -> (n,); cross entropy as q comes near 0, and 1 − p for q = 1.

    Its gradient is p^q times that of cross entropy, so that a row whose label does not fit pulls little.

    Args:
        logits: Of each class.
        wanted: The class of each row, some of them wrong.
        doubt: q, above 0 and at most 1.

    Source: Zhang & Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels",
    equation 6.
    """
    p = logits.softmax(dim=1).gather(1, wanted[:, None])[:, 0].clamp(min=_LEAST_LEFT)
    return (1 - p**doubt) / doubt


def bootstrap_loss(logits: Tensor, wanted: Tensor, doubt: float = 0.2) -> Tensor:
    """−Σ ((1 − q) y + q p) log p a row: (n, k), (n,) int64 -> (n,); cross entropy for q = 0.

    Its second part is the entropy of p, whose gradient is taken as a whole: what it believes, it shall be sure of.

    Args:
        logits: Of each class.
        wanted: The class of each row, some of them wrong.
        doubt: q: how much it believes itself in place of the label.

    Source: Reed et al. 2015, "Training Deep Neural Networks on Noisy Labels with Bootstrapping", equation 6 (soft).
    """
    log_p = nn.functional.log_softmax(logits, dim=1)  # (n, k)
    own = -(log_p.exp() * log_p).sum(dim=1)
    return (1 - doubt) * nn.functional.nll_loss(log_p, wanted, reduction="none") + doubt * own
