"""The feed-forward networks as detectors."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.rows import Floats
from oddflow.networks.activation import Activation
from oddflow.networks.class_losses import ClassLoss
from oddflow.networks.dense import MultilayerPerceptron
from oddflow.networks.linear import LogisticRegression, Perceptron, perceptron_loss
from oddflow.networks.normalisation import Normalisation


class FeedForward(StrEnum):
    """A layer with a soft border, one with Rosenblatt's rule, or several."""

    LOGISTIC = "logistic"
    PERCEPTRON = "perceptron"
    MLP = "mlp"


@registered
@final
class FeedForwardDetector(ClassifyingDetector):
    """Weighs the scaled features of a flow, in one layer or several, and says how likely an attack is.

    Source: Cox 1958, "The Regression Analysis of Binary Sequences"; Rosenblatt 1958, "The Perceptron"; Rumelhart,
    Hinton & Williams 1986, "Learning representations by back-propagating errors".

    Args:
        features: The columns of a row.
        network: logistic, perceptron or mlp. The perceptron tells attacks from normal rows and not kinds of attack
            apart, and its score is no probability: the margin stands for the log-odds.
        hidden: Widths of the layers before the last; of mlp alone, as activation, normalisation and dropout are.
        shared: See `ClassifyingDetector`.
    """

    name: ClassVar[str] = "feed-forward-network"
    needs: ClassVar[str] = "train"
    summary: ClassVar[str] = "logistic regression, a perceptron or a multilayer perceptron; learns from labels"
    good_at: ClassVar[str] = "many labelled rows; attacks that several features show together; fast to score"
    bad_at: ClassVar[str] = "attacks that were not learnt; few labels"
    paper: ClassVar[str] = "Cox 1958; Rosenblatt 1958; Rumelhart et al. 1986"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**ClassifyingDetector.limits, "hidden": (1, 65_536)}
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {**ClassifyingDetector.choices, "network": FeedForward}

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = FeedForward.MLP,
        hidden: tuple[int, ...] = (64, 32),
        **shared: Any,
    ) -> None:
        super().__init__(features, **shared)
        self.network = network
        self.hidden = hidden

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        if y is not None and self.network == FeedForward.PERCEPTRON:
            y = np.minimum(y, 1)
            if len(self.unlabelled_):
                raise UsageError("a perceptron knows no probabilities, and so has no use for rows without labels")
        super()._learn(x, scaled, y)

    def kinds(self) -> tuple[int, ...]:
        """The labels that it learnt; none of a perceptron, which knows no probabilities."""
        return () if self.network == FeedForward.PERCEPTRON else super().kinds()

    def _network(self, width: int, outputs: int) -> nn.Module:
        match FeedForward(self.network):
            case FeedForward.LOGISTIC:
                return LogisticRegression(width, outputs)
            case FeedForward.PERCEPTRON:
                return _Sides(width)
            case FeedForward.MLP:
                return MultilayerPerceptron(
                    width,
                    outputs,
                    tuple(self.hidden),
                    activation=Activation(self.activation),
                    normalisation=Normalisation(self.normalisation),
                    dropout=self.dropout,
                )

    def _losses(self, logits: Tensor, wanted: Tensor) -> Tensor:
        if self.network == FeedForward.PERCEPTRON:
            if self.loss != ClassLoss.CROSS_ENTROPY or self.smoothing:
                raise UsageError("the perceptron has a loss of its own; leave loss and smoothing out")
            return perceptron_loss(logits[:, 1], 2.0 * wanted - 1)
        return super()._losses(logits, wanted)


class _Sides(nn.Module):
    """A perceptron whose margin is the logit of an attack; that of normal rows is 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.unit = Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n, 2)."""
        margin = self.unit(x)[:, None]  # (n, 1)
        return torch.cat([0 * margin, margin], dim=1)
