"""Rows of packets to numbers that a network of sequences can learn from, in NumPy and as ONNX nodes.

    length   becomes length / spread
    gap      becomes log(1 + gap / 1 ms) / spread

A spread is the root mean square over the packets that are there, the same at all places: a recurrent network reads all
places with the same weights. Nothing is centred, so that a packet that is not there stays 0, which is how networks tell
padding (`networks/inputs.py`). Numbers are cut at ±30.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import BOUND, LOG_FLOOR, STEPS

GAP_STEP_S = STEPS["s"]
LENGTH_FLOOR_BYTES = 1.0
_FARTHEST = np.float32(1e30)


@dataclass(frozen=True, slots=True, eq=False)
class PacketScaler:
    """Fitted scaling of columns of lengths, then as many gaps, somewhere in a row.

    Attributes:
        first: Place of the first length.
        steps: Packets; there are twice as many columns.
        length_bytes, gap: Spreads.
    """

    first: int
    steps: int
    length_bytes: float
    gap: float

    @classmethod
    def fit(cls, x: Floats, features: Sequence[Feature], first: int = 0) -> Self:
        """Learns the spreads.

        Args:
            x: Rows, (n, d).
            features: Of the columns from `first` on.
            first: Place of the first length.

        Raises:
            UsageError: The features are no lengths and gaps.
        """
        steps = sum(feature.unit == "bytes" for feature in features)
        if not steps or [feature.unit for feature in features] != ["bytes"] * steps + ["s"] * steps:
            raise UsageError(
                f"sequences are as many lengths as gaps; {len(features)} columns given, {steps} of them lengths"
            )
        lengths, gaps = _parts(x, first, steps)
        there = lengths != 0
        return cls(
            first,
            steps,
            max(_root_mean_square(lengths, there), LENGTH_FLOOR_BYTES),
            max(_root_mean_square(gaps, there), LOG_FLOOR),
        )

    @property
    def owners(self) -> NDArray[np.int64]:
        """Place of the raw column that each scaled one stands for: (2 · steps,)."""
        return self.first + np.arange(2 * self.steps)

    @property
    def known(self) -> NDArray[np.bool_]:
        """None of the columns is that of a category: (2 · steps,)."""
        return np.zeros(2 * self.steps, bool)

    @property
    def group_count(self) -> int:
        """All rows are alike."""
        return 0

    def groups(self, x: Floats) -> NDArray[np.int64]:
        """The only group of each row: (n, d) -> (n,)."""
        return np.zeros(len(x), np.int64)

    def transform(self, x: Floats) -> Floats:
        """Scales rows: (n, d) -> (n, 2 · steps)."""
        lengths, gaps = _parts(x, self.first, self.steps)
        scaled = np.concatenate([lengths / np.float32(self.length_bytes), gaps / np.float32(self.gap)], axis=1)
        return np.asarray(np.clip(scaled, -BOUND, BOUND), np.float32)

    def write(self, builder: GraphBuilder) -> tuple[str, str]:
        """Adds the same as nodes, from the graph's x; the names of scaled columns and groups."""
        middle, end = self.first + self.steps, self.first + 2 * self.steps
        lengths = builder.add("Div", write_slice(builder, self.first, middle), builder.constant(self.length_bytes))
        raw = write_slice(builder, middle, end)
        waits = builder.add("Div", builder.add("Abs", raw), builder.constant(GAP_STEP_S))
        logarithm = builder.add("Log", builder.add("Add", waits, builder.constant(1.0)))
        gaps = builder.add("Div", builder.add("Mul", builder.add("Sign", raw), logarithm), builder.constant(self.gap))
        joined = builder.add("Concat", lengths, gaps, axis=1)
        scaled = builder.add("Clip", joined, builder.constant(-BOUND), builder.constant(BOUND))
        return scaled, _write_group(builder)


def write_slice(builder: GraphBuilder, start: int, end: int) -> str:
    """Adds neighbouring columns of the graph's x: (n, d) -> (n, end - start)."""
    places = (np.array([place], np.int64) for place in (start, end, 1))
    return builder.add("Slice", builder.x, *(builder.constant(place) for place in places))


def _write_group(builder: GraphBuilder) -> str:
    """Adds zeros, one for each row: (n,) int64."""
    nothing = builder.add("Mul", write_slice(builder, 0, 1), builder.constant(0.0))
    return builder.add("Squeeze", builder.add("Cast", nothing, to=7), builder.constant(np.array([1], np.int64)))


def _parts(x: Floats, first: int, steps: int) -> tuple[Floats, Floats]:
    """Lengths, and logarithms of gaps: (n, steps) each."""
    columns = np.clip(x[:, first : first + 2 * steps], -_FARTHEST, _FARTHEST)
    lengths, gaps = columns[:, :steps], columns[:, steps:]
    return lengths, np.asarray(np.sign(gaps) * np.log(np.float32(1) + np.abs(gaps) / np.float32(GAP_STEP_S)))


def _root_mean_square(values: Floats, there: NDArray[np.bool_]) -> float:
    kept = values[there].astype(np.float64)
    return float(np.sqrt(np.mean(kept**2))) if len(kept) else 0.0
