"""What detectors share that mark the parts of a row that are an attack."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from oddflow.detectors.base import Detector
from oddflow.detectors.drawing import LIMITS, run, schedule_of, state_of
from oddflow.detectors.made import check_watched, last_seen
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.marks import MOST_LOG_ODDS, Marks
from oddflow.models.plain import PlainScaler
from oddflow.models.rows import Floats, check_rows
from oddflow.networks.fully_convolutional import FullyConvolutionalNetwork
from oddflow.networks.normalisation import Normalisation
from oddflow.networks.unet import UNet
from oddflow.networks.upsampling import Upsampling
from oddflow.training.export import to_onnx
from oddflow.training.loop import EpochTold, History, fit_network

if TYPE_CHECKING:
    import onnx


class Segmenter(StrEnum):
    """Which network marks.

    FCN: scores of small maps are made larger and added up (Long et al. 2015). UNET: maps themselves are made larger,
    and joined with those of the way down (Ronneberger et al. 2015).
    """

    FCN = "fcn"
    UNET = "unet"


class SegmentingDetector(Detector):
    """Learns which parts of rows are an attack, and marks those of new rows; attack parts weigh as much as normal ones.

    Where only whole rows have labels, it learns them by their worst part (Pathak et al. 2015, "Fully Convolutional
    Multi-Class Multiple Instance Learning"): in an attack one part at least is odd, in a normal row none.

    The score is that of the worst part that decides (`models/marks.py`).

    Subclasses are final: they implement `_marks_of`, `_shape` and nothing else.

    Args:
        features: The columns of a row.
        network: Which network marks: fcn or unet.
        upsampling: How maps become larger: transposed, interpolated or unpooled; the FCN's are transposed.
        widths: Channels of each size, from the largest.
        normalisation: After each convolution of the U-Net.
        epochs, batch_rows, learning_rate, patience: See `training.loop.Schedule`.
        seed: Of the first weights and the order of rows.
        told: Told of each epoch.
    """

    needs: ClassVar[str] = "train"
    supervised: ClassVar[bool] = True
    marks_parts: ClassVar[bool] = True
    stops_early: ClassVar[bool] = False
    watches_last: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {**LIMITS, "widths": (1, 256)}
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {
        "network": Segmenter,
        "upsampling": Upsampling,
        "normalisation": Normalisation,
    }

    plain_: PlainScaler
    marks_: Marks
    network_: nn.Module
    history_: History

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        network: str = Segmenter.UNET,
        upsampling: str = Upsampling.TRANSPOSED,
        widths: tuple[int, ...] = (16, 32, 64),
        normalisation: str = Normalisation.BATCH,
        epochs: int = 40,
        batch_rows: int = 64,
        learning_rate: float = 2e-3,
        patience: int = 8,
        seed: int = 0,
        told: EpochTold | None = None,
    ) -> None:
        self.features = features
        self.network = network
        self.upsampling = upsampling
        self.widths = widths
        self.normalisation = normalisation
        self.epochs = epochs
        self.batch_rows = batch_rows
        self.learning_rate = learning_rate
        self.patience = patience
        self.seed = seed
        self.told = told

    @abstractmethod
    def _marks_of(self, width: int) -> Marks:
        """Which columns of a row of this width are parts; raises UsageError where it can be no such row."""

    @abstractmethod
    def _shape(self, width: int) -> tuple[int, ...]:
        """What a row is for the network: channels, and one or two sides whose product is the number of parts."""

    def marks(self, x: ArrayLike) -> Floats:
        """The mark of each part: shape (n, d) -> (n, p); log 2 where an attack is as likely as not, 0 for no part."""
        self._check_fitted()
        rows = check_rows(x, width=self.width_, names=[feature.name for feature in self.features])
        return self.marks_.of(rows, run(self.network_, self.plain_.transform(rows)))

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        self.plain_, self.marks_ = PlainScaler.of(self.features), self._marks_of(x.shape[1])
        present = self.marks_.present(x)
        is_marked = y.ndim == 2
        wanted = wanted_of(y, present, self.name) if is_marked else y[:, None] > 0
        weights = weights_of(wanted, present if is_marked else np.ones_like(wanted))
        width, parts, deciding = x.shape[1], wanted.shape[1], present & self.marks_.deciding
        # what is wanted goes along as further columns, then what it weighs, then which parts decide on a row
        columns = [self.plain_.transform(x), wanted, weights, deciding]
        rows = torch.from_numpy(np.concatenate(columns, axis=1, dtype=np.float32))

        def loss(network: nn.Module, rows: Tensor) -> Tensor:
            odds, wanted = network(rows[:, :width]), rows[:, width : width + parts]
            weights, deciding = rows[:, width + parts : width + 2 * parts], rows[:, width + 2 * parts :]
            if not is_marked:
                odds = odds.masked_fill(deciding == 0, -MOST_LOG_ODDS).amax(dim=1, keepdim=True)
            return nn.functional.binary_cross_entropy_with_logits(odds, wanted, weights, reduction="none").sum(dim=1)

        held = last_seen(np.asarray(wanted.any(axis=1), np.int64), self.made_)
        check_watched(held, self.made_, self.name)
        schedule = schedule_of(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = nn.Sequential(
                nn.Unflatten(1, self._shape(width)),  # (n, d) -> (n, channels, …)
                self._segmenter(self._shape(width)),  # -> (n, 1, …)
                nn.Flatten(),  # -> (n, p)
            )
            last = rows[held] if held.any() else rows[~self.made_]
            self.history_ = fit_network(self.network_, loss, rows[~held], last, schedule, self.told)

    def _segmenter(self, shape: tuple[int, ...]) -> nn.Module:
        channels, *sides = shape
        if self.network == Segmenter.UNET:
            return UNet(
                channels,
                1,
                self.widths,
                dimensions=len(sides),
                upsampling=Upsampling(self.upsampling),
                normalisation=Normalisation(self.normalisation),
            )
        if self.upsampling != Upsampling.TRANSPOSED:
            raise UsageError(f"the FCN's maps are made larger by transposed convolutions, not {self.upsampling} ones")
        return FullyConvolutionalNetwork(channels, 1, self.widths, skips=len(self.widths) - 1, dimensions=len(sides))

    def _contributions(self, x: Floats) -> Floats:
        if not len(x):
            return x.copy()
        return self.marks_.contributions(self.marks(x))

    def _score_of(self, contributions: Floats) -> Floats:
        return self.marks_.score(contributions)

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        (odds,) = builder.include(to_onnx(self.network_, self.width_), self.plain_.write(builder))
        score, contributions = self.marks_.write(builder, odds)
        return builder.finish(score=score, contributions=contributions)

    def weights(self) -> dict[str, Floats]:
        """The network's state by torch's names."""
        return state_of(self.network_)


def wanted_of(y: NDArray[np.int64], present: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """Which parts are an attack's: labels (n,) of whole rows or marks (n, p), and which parts there are -> (n, p).

    Raises:
        UsageError: Marks are of another number of parts.
    """
    marks = y > 0 if y.ndim == 2 else np.broadcast_to(y[:, None] > 0, present.shape)
    if marks.shape != present.shape:
        raise UsageError(f"{name} marks {present.shape[1]} parts of a row; marks of {marks.shape[1]} given")
    return np.asarray(marks & present)


def weights_of(wanted: NDArray[np.bool_], present: NDArray[np.bool_]) -> Floats:
    """What each part weighs, (n, p): attacks together half, normal parts the other; 1 a row in the mean."""
    attacks, normal = int(wanted.sum()), int((present & ~wanted).sum())
    each = 0.5 * len(wanted)
    weights = np.where(wanted, each / max(1, attacks), each / max(1, normal))
    return np.asarray(weights * present, np.float32)
