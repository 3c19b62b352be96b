"""One network on several views of a flow as a detector."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oddflow.detectors.classifying import ClassifyingDetector
from oddflow.detectors.drawing import run
from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import MOST_LOG_ODDS
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS
from oddflow.features.representation import Reads
from oddflow.features.several import Views
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.tails import TAIL
from oddflow.networks.multimodal import MultimodalNetwork, joint_loss
from oddflow.training.export import to_onnx

VIEWS = 3
LEAST_TAIL = 1e-3
"""Of a mean squared miss; no smaller one is told from another."""


@registered
@final
class CrossModalDetector(ClassifyingDetector):
    """Reads statistics, packets and bytes of a flow at once; tells known attacks, and what is unlike all else.

    Two heads stand on one code. The class head gives log(1 + odds) of an attack. The score head draws the three views
    anew from the code; a view's surprise is its mean squared miss, in units of what 1 in 1,000 normal flows pass and as
    far as it goes beyond that. The score is the sum of the first and the greatest surprise: what is like a known attack
    scores by the one, what is like nothing that was learnt by the other.

    Source: Ngiam et al. 2011, "Multimodal Deep Learning"; Caruana 1997, "Multitask Learning".

    Args:
        features: The columns of several views.
        width: Numbers that stand for each view, and for all of them.
        weight: Of the drawing in the loss, beside the classes.
        batch_rows, learning_rate, epochs, patience: As of all networks; at first, validation gets worse.
        shared: See `ClassifyingDetector`; activation and normalisation are the network's own.
    """

    name: ClassVar[str] = "cross-modal-network"
    needs: ClassVar[str] = "train"
    uses_unlabelled: ClassVar[bool] = False
    summary: ClassVar[str] = "one network on statistics, packets and bytes, with two heads; learns from labels"
    good_at: ClassVar[str] = "attacks that show in one view or only in several; new ones beside known ones"
    bad_at: ClassVar[str] = "learning time; few labels; sources that tell of no packets or bytes"
    paper: ClassVar[str] = "Ngiam et al. 2011; Caruana 1997"
    reads: ClassVar[Reads] = Reads.SEVERAL
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        **ClassifyingDetector.limits,
        "width": (1, 512),
        "weight": (0, 1_000),
    }
    choices: ClassVar[Mapping[str, type[StrEnum]]] = ClassifyingDetector.choices

    tails_of_views_: Floats
    """What one in a thousand normal flows misses each view by, (3,)."""

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        width: int = 32,
        weight: float = 1.0,
        batch_rows: int = 64,
        learning_rate: float = 5e-3,
        epochs: int = 60,
        patience: int = 20,
        **shared: Any,
    ) -> None:
        super().__init__(
            features, batch_rows=batch_rows, learning_rate=learning_rate, epochs=epochs, patience=patience, **shared
        )
        self.width = width
        self.weight = weight

    def _network(self, width: int, outputs: int) -> nn.Module:
        views = Views.of(self.features)
        return _Joined(
            MultimodalNetwork(
                width - views.packets - views.bytes,
                outputs,
                steps=views.packets // 2,
                channels=views.bytes // PIXELS,
                width=self.width,
                dropout=self.dropout,
            )
        )

    def _losses(self, logits: Tensor, wanted: Tensor) -> Tensor:
        by_class = super()._losses(logits[:, :-VIEWS], wanted)
        return joint_loss(by_class, logits[:, -VIEWS:], wanted, self.weight)

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:
        super()._learn(x, scaled, y)
        normal = self._given(x, scaled)[y == 0]
        missed = run(self.network_, normal)[:, -VIEWS:]
        self.tails_of_views_ = np.maximum(np.quantile(missed, TAIL, axis=0), LEAST_TAIL).astype(np.float32)

    def _tabular(self) -> NDArray[np.int64]:
        """Places of the scaled columns of statistics."""
        return np.flatnonzero(self.scaler_.owners < Views.of(self.features).tabular)

    def _given(self, x: Floats, scaled: Floats) -> Floats:
        plain = self.plain_.transform(x)[:, Views.of(self.features).tabular :]
        return np.concatenate([scaled[:, self._tabular()], plain], axis=1)

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:
        if not len(x):
            return np.zeros(0)
        given = run(self.network_, self._given(x, scaled)).astype(np.float64)  # (n, k + 3)
        logits, missed = given[:, :-VIEWS], given[:, -VIEWS:]
        odds = np.logaddexp.reduce(logits[:, 1:], axis=1) - logits[:, 0]
        known = np.logaddexp(0, np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))
        surprise = np.clip((missed / self.tails_of_views_).max(axis=1) - 1, 0, MOST_LOG_ODDS)
        return np.asarray(known + surprise)

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        axis, count = builder.constant(np.array([1], np.int64)), len(self.classes_)
        tabular = self._tabular()
        ends = (np.array([place], np.int64) for place in (Views.of(self.features).tabular, len(self.features), 1))
        plain = builder.add("Slice", self.plain_.write(builder), *(builder.constant(end) for end in ends))
        rows = builder.add("Concat", builder.columns(scaled, tabular, width=len(self.scaler_.owners)), plain, axis=1)
        width = len(tabular) + len(self.features) - Views.of(self.features).tabular
        (given,) = builder.include(to_onnx(self.network_, width), rows)
        normal, attacks, logits, missed = (
            builder.columns(given, np.arange(start, end), width=count + VIEWS)
            for start, end in ((0, 1), (1, count), (0, count), (count, count + VIEWS))
        )
        builder.tell_classes(builder.add("Softmax", logits, axis=1), count)
        attack = builder.add("ReduceLogSumExp", attacks, axis, keepdims=0)
        odds = builder.add("Sub", attack, builder.add("Squeeze", normal, axis))
        odds = builder.add("Clip", odds, builder.constant(-MOST_LOG_ODDS), builder.constant(MOST_LOG_ODDS))
        surprise = builder.add("Div", missed, builder.constant(self.tails_of_views_))
        surprise = builder.add("ReduceMax", surprise, axis, keepdims=0)
        surprise = builder.add("Sub", surprise, builder.constant(1.0))
        surprise = builder.add("Clip", surprise, builder.constant(0.0), builder.constant(MOST_LOG_ODDS))
        return builder.add("Add", builder.add("Softplus", odds), surprise)


class _Joined(nn.Module):
    """Both answers of a network side by side: (n, outputs), (n, views) -> (n, outputs + views)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) -> (n, outputs + views)."""
        return torch.cat(self.network(x), dim=1)
