"""A two-head localiser: whether a host attacks, and where in its traffic matrix."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from oddflow.detectors.base import Detector
from oddflow.detectors.drawing import LIMITS, run, schedule_of, state_of
from oddflow.detectors.made import check_watched, last_seen
from oddflow.detectors.matrices import marks_of
from oddflow.detectors.registry import registered
from oddflow.detectors.segmenting import wanted_of
from oddflow.features.feature import Feature
from oddflow.features.matrix_settings import ROWS, SLOTS
from oddflow.features.representation import Reads
from oddflow.models.boxes import Boxes, boxes_around
from oddflow.models.graph import GraphBuilder
from oddflow.models.plain import PlainScaler
from oddflow.models.rows import Floats, check_rows
from oddflow.networks.inputs import RowsAsImage
from oddflow.networks.localiser import Localiser, localiser_loss
from oddflow.training.export import to_onnx
from oddflow.training.loop import EpochTold, History, fit_network

if TYPE_CHECKING:
    import onnx


class _Located(nn.Module):
    """Scaled cells to the log-odds of an attack and its box, side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.image = RowsAsImage(ROWS)
        self.localiser = Localiser(1, 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 784) -> (n, 6): two logits, then x, y, width, height."""
        return torch.cat(self.localiser(self.image(x)), dim=1)


@registered
@final
class AttackLocaliser(Detector):
    """Says whether a host attacks, and puts a box around the attack in its traffic matrix: from when on, which rows.

    The score is log(1 + odds) = -log P(normal). The cells in the box share it, busier ones more of it; all others have
    none, so the box is read from the contributions.

    Source: Sermanet et al. 2014, "OverFeat", section 4 (a class head and boxes by regression).

    Args:
        features: The cells of a traffic matrix.
        width: Units of the layer that both heads share.
        box_weight: How much the box counts beside the class.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights and the order of rows.
        told: Told of each epoch.
    """

    name: ClassVar[str] = "attack-localiser"
    summary: ClassVar[str] = "a two-head network that boxes an attack in a host's ports × time; learns from labels"
    good_at: ClassVar[str] = "scans, floods and guessing: from when to when, and which ports or peers"
    bad_at: ClassVar[str] = "attacks that were not learnt; two attacks at once, which share a box"
    paper: ClassVar[str] = "Sermanet et al. 2014"
    needs: ClassVar[str] = "train"
    reads: ClassVar[Reads] = Reads.MATRIX
    supervised: ClassVar[bool] = True
    marks_parts: ClassVar[bool] = True
    stops_early: ClassVar[bool] = False
    watches_last: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**LIMITS, "width": (1, 1_024), "box_weight": (0, 1_000)}

    plain_: PlainScaler
    boxes_: Boxes
    network_: _Located
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        width: int = 64,
        box_weight: float = 10.0,
        epochs: int = 40,
        batch_rows: int = 64,
        learning_rate: float = 2e-3,
        patience: int = 8,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.width = width
        self.box_weight = box_weight
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    def boxes(self, x: ArrayLike) -> Floats:
        """A box for each row, where there is no attack too: (n, 784) -> (n, 4): x, y, width, height as parts of 1."""
        self._check_fitted()
        rows = check_rows(x, width=self.width_, names=[feature.name for feature in self.features])
        return self._located(rows)[:, 2:]

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        marks = marks_of(x.shape[1], self.name)
        self.plain_, self.boxes_ = PlainScaler.of(self.features), Boxes(ROWS, SLOTS)
        wanted = wanted_of(y, marks.present(x), self.name)
        is_attack = np.asarray(wanted[:, marks.deciding].any(axis=1))
        weights = np.where(is_attack, 0.5 / max(1, is_attack.sum()), 0.5 / max(1, (~is_attack).sum())) * len(x)
        boxes = boxes_around(wanted.reshape(-1, ROWS, SLOTS))
        columns = [self.plain_.transform(x), boxes, is_attack[:, None], weights[:, None]]
        rows = torch.from_numpy(np.concatenate(columns, axis=1, dtype=np.float32))
        cells = x.shape[1]

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            true_boxes, classes, weights = rows[:, cells:-2], rows[:, -2].long(), rows[:, -1]
            located = network(rows[:, :cells])  # (b, 6)
            return weights * localiser_loss(located[:, :2], located[:, 2:], classes, true_boxes, self.box_weight)

        held = last_seen(is_attack.astype(np.int64), self.made_)
        check_watched(held, self.made_, self.name)
        schedule = schedule_of(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = _Located(self.width)
            last = rows[held] if held.any() else rows[~self.made_]
            self.history_ = fit_network(self.network_, loss, rows[~held], last, schedule, self.told)

    def _located(self, rows: Floats) -> Floats:
        return run(self.network_, self.plain_.transform(rows)) if len(rows) else np.zeros((0, 6), np.float32)

    def _contributions(self, x: Floats) -> Floats:
        return self.boxes_.contributions(x, self._located(x))

    def _score_of(self, contributions: Floats) -> Floats:
        return self.boxes_.score(contributions)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        (located,) = builder.include(to_onnx(self.network_, self.width_), self.plain_.write(builder))
        score, contributions = self.boxes_.write(builder, located)
        return builder.finish(score=score, contributions=contributions)

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)
