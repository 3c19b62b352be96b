"""What a detector's scores mean: how rare they are among normal rows that it has not learnt from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

_QUANTILES = np.array([0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999])
_ENDLESS = np.float32(1e30)


@dataclass(frozen=True, slots=True, eq=False)
class Rarity:
    """-log₁₀ of the share of normal rows that score as high: 2 where one of a hundred does.

    It runs in straight lines between 11 knots, and beyond the last as steeply as before it.

    Attributes:
        knots, heights: Scores that ascend, and their rarity, at least two of each, (k,).
    """

    knots: NDArray[np.float64]
    heights: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> Self:
        """Learns it from scores of normal rows: (n,)."""
        knots, last = np.unique(np.quantile(scores, _QUANTILES).astype(np.float32)[::-1], return_index=True)
        heights = -np.log10(1 - _QUANTILES[::-1][last])
        least = max(1e-3, 1e-3 * abs(float(knots[-1])))
        if len(knots) < 2:
            knots, heights = np.array([knots[0], knots[0] + least]), np.array([0.0, 1.0])
        # members that never score below another number than 0 start there
        heights[0] = 0.0
        apart = np.concatenate([[True], np.diff(knots) > least / 10])
        if apart.sum() < 2:
            return cls(np.array([knots[0], knots[0] + least]), np.array([0.0, 1.0]))
        return cls(knots[apart], heights[apart])

    def transform(self, scores: Floats) -> Floats:
        """Of scores: (n,) -> (n,), not negative."""
        starts, widths, slopes = self._lines()
        passed = np.clip(scores[:, None] - starts, 0, widths)
        return np.asarray(passed @ slopes, np.float32)

    def write(self, builder: GraphBuilder, score: str) -> str:
        """Adds the same as nodes: (n, 1) -> (n, 1)."""
        starts, widths, slopes = self._lines()
        passed = builder.add("Relu", builder.add("Sub", score, builder.constant(starts)))
        passed = builder.add("Min", passed, builder.constant(widths))
        return builder.add("MatMul", passed, builder.constant(slopes[:, None]))

    def _lines(self) -> tuple[Floats, Floats, Floats]:
        """Where each straight line begins, how wide it is and how steep, each (k - 1,); the last has no end."""
        widths = np.diff(self.knots)
        slopes = np.diff(self.heights) / widths
        ends = np.append(widths[:-1], _ENDLESS)
        return self.knots[:-1].astype(np.float32), ends.astype(np.float32), slopes.astype(np.float32)
