"""From two logits and a box to a score and contributions of an image's cells, in NumPy and as ONNX nodes.

score           log(1 + odds) = -log P(background)
contributions   the score, shared out among the cells in the box by their logarithms; 0 outside
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.marks import MOST_LOG_ODDS
from oddflow.models.rows import Floats

HALF = 0.501
"""Of a cell, and a little more: a box so small that it lies between centres has a cell, too."""
LEAST_SHARE = 1e-3
"""Of a cell that is empty: a box without a busy cell is a box, too."""


def boxes_around(marked: NDArray[np.bool_]) -> Floats:
    """The least box around all marked cells: (n, rows, columns) -> (n, 4): x, y, width, height as parts of 1.

    Where none is marked, all four are 0.
    """
    found = []
    for axis in (1, 2):  # over rows: where it stands in x; over columns: in y
        hit = np.asarray(marked.any(axis=axis))
        size = hit.shape[1]
        first, behind = hit.argmax(axis=1), size - hit[:, ::-1].argmax(axis=1)
        found.append(np.where(hit.any(axis=1), [first, behind - first], 0) / size)
    (x, width), (y, height) = found
    return np.stack([x, y, width, height], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes in images of so many rows and columns."""

    rows: int
    columns: int

    def _centres(self) -> tuple[Floats, Floats, float, float]:
        """Of all cells in x and in y, (cells,) each, and half a cell's sides."""
        cells = np.arange(self.rows * self.columns)
        x, y = (cells % self.columns + 0.5) / self.columns, (cells // self.columns + 0.5) / self.rows
        return x.astype(np.float32), y.astype(np.float32), HALF / self.columns, HALF / self.rows

    def inside(self, boxes: Floats) -> NDArray[np.bool_]:
        """Which cells' centres are in a box, one at least: (n, 4) -> (n, cells)."""
        x, y, *halves = self._centres()
        hits = []
        for place, (centres, half) in enumerate(zip((x, y), halves, strict=True)):
            near, far = boxes[:, [place]], np.minimum(boxes[:, [place]] + boxes[:, [2 + place]], np.float32(1))
            middle, reach = (near + far) / np.float32(2), np.maximum((far - near) / np.float32(2), np.float32(half))
            hits.append(np.abs(centres - middle) <= reach)
        return np.asarray(hits[0] & hits[1])

    def contributions(self, x: Floats, located: Floats) -> Floats:
        """Rows of cells (n, cells), and two logits and a box each (n, 6) -> (n, cells)."""
        odds = np.clip(located[:, 1] - located[:, 0], -MOST_LOG_ODDS, MOST_LOG_ODDS)
        busy = np.log(np.float32(1) + np.abs(x)) + np.float32(LEAST_SHARE)
        shares = busy * self.inside(located[:, 2:])
        score = np.logaddexp(np.float32(0), odds)[:, None]
        return np.asarray(shares / shares.sum(axis=1, keepdims=True) * score, np.float32)

    def score(self, contributions: Floats) -> Floats:
        """(n, cells) -> (n,)."""
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def write(self, builder: GraphBuilder, located: str) -> tuple[str, str]:
        """Adds the same as nodes, from the graph's x and (n, 6); the names of score and contributions."""
        axis = builder.constant(np.array([1], np.int64))
        background, attack, *box = (builder.columns(located, np.array([place]), width=6) for place in range(6))
        odds = builder.add("Sub", attack, background)
        limits = (builder.constant(-MOST_LOG_ODDS), builder.constant(MOST_LOG_ODDS))
        score = builder.add("Softplus", builder.add("Clip", odds, *limits))  # (n, 1)
        x, y, *halves = self._centres()
        busy = builder.add("Log", builder.add("Add", builder.add("Abs", builder.x), builder.constant(1.0)))
        shares = builder.add("Add", busy, builder.constant(LEAST_SHARE))
        for centres, half, near, size in zip((x, y), halves, box[:2], box[2:], strict=True):
            far = builder.add("Min", builder.add("Add", near, size), builder.constant(1.0))
            middle = builder.add("Div", builder.add("Add", near, far), builder.constant(2.0))
            reach = builder.add("Div", builder.add("Sub", far, near), builder.constant(2.0))
            reach = builder.add("Max", reach, builder.constant(float(half)))
            distance = builder.add("Abs", builder.add("Sub", builder.constant(centres[None]), middle))
            hit = builder.add("Cast", builder.add("LessOrEqual", distance, reach), to=1)
            shares = builder.add("Mul", shares, hit)
        shares = builder.add("Div", shares, builder.add("ReduceSum", shares, axis, keepdims=1))
        return builder.add("Squeeze", score, axis), builder.add("Mul", shares, score)
