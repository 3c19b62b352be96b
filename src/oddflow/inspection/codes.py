"""The codes of a model that draws rows through a narrow middle: what lies near what, and what lies between."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.inspection.differentiable import Differentiable, Layer
from oddflow.inspection.excitation import Span
from oddflow.models.rows import Floats

_GRID = 129
"""Values of a column at which its scaling is looked at, to go back from what is drawn."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The middle of a model, and the way out of it.

    Attributes:
        graph: The model's.
        middle: Its narrowest layer that has another behind it.
        span: What the baseline held of each column, to go back from scaled units.
        drawn: The name of what the model draws of a code, in scaled units.
        scaled: The name of the scaled row that it is held against.
    """

    graph: Differentiable
    middle: Layer
    span: Span
    drawn: str
    scaled: str

    @classmethod
    def of(cls, graph: Differentiable, span: Span) -> Self:
        """Finds them.

        Raises:
            UsageError: The model draws no rows, or through no one layer that is narrower than both its ends.
        """
        ends = graph.drawn
        if ends is None:
            raise UsageError("the model draws no rows, so it has no codes to go back from")
        drawn, scaled = ends
        flat = [layer for layer in graph.layers if layer.operator == "Gemm" and layer.output != drawn]
        row = torch.from_numpy(span.median[None])
        values = graph.run({"x": row}, [layer.output for layer in flat] + [scaled])
        flat = [layer for layer in flat if values[layer.output].ndim == 2]
        if not flat:
            raise UsageError("the model has no layer that could be a code")
        middle = min(flat, key=lambda layer: values[layer.output].shape[1])
        if values[middle.output].shape[1] >= values[scaled].shape[1]:
            raise UsageError("the model's narrowest layer is no narrower than a row")
        return cls(graph, middle, span, drawn, scaled)

    def encode(self, x: Floats) -> Floats:
        """Codes of rows: (n, d) -> (n, c)."""
        with torch.no_grad():
            return np.asarray(self.graph.run({"x": torch.from_numpy(x)}, [self.middle.output])[self.middle.output])

    def decode(self, codes: Floats, like: Floats) -> Floats:
        """Rows that the model draws of codes: (n, c) and one row (d,) -> (n, d).

        Scaling is undone a column at a time, by looking where on a grid over the baseline's values, and that of `like`,
        the scaled value lies; columns that are categories, and others without a scaled column of their own, stay as in
        `like`.
        """
        count = len(codes)
        rows = np.repeat(like[None, :], count, axis=0)
        with torch.no_grad():
            given = {"x": torch.from_numpy(rows), self.middle.output: torch.from_numpy(codes.astype(np.float32))}
            drawn = np.asarray(self.graph.run(given, [self.drawn])[self.drawn]).reshape(count, -1)
        return self._unscaled(drawn, like)

    def between(self, first: Floats, second: Floats, steps: int = 7) -> Floats:
        """Rows drawn on the way from one row's code to another's: (d,), (d,) -> (steps, d)."""
        begin, end = self.encode(np.stack([first, second]))
        parts = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.decode((1 - parts) * begin + parts * end, first)

    def arithmetic(self, row: Floats, minus: Floats, plus: Floats) -> Floats:
        """What is drawn of a row's code less the mean code of some rows, and with that of others.

        Source: Radford et al. 2016, "Unsupervised Representation Learning with DCGAN", section 6.3.2.

        Shapes: (d,), (m, d), (p, d) -> (d,).
        """
        code = self.encode(row[None])[0] - self.encode(minus).mean(axis=0) + self.encode(plus).mean(axis=0)
        return np.asarray(self.decode(code[None], row)[0])

    @torch.no_grad()
    def _unscaled(self, drawn: Floats, like: Floats) -> Floats:
        """From scaled units, (n, m), to rows (n, d)."""
        low, high = np.minimum(self.span.low, like), np.maximum(self.span.high, like)
        grid = _grid(low, high)
        moved = np.asarray(self.graph.run({"x": torch.from_numpy(grid)}, [self.scaled])[self.scaled])
        moved = moved.reshape(len(grid), -1)  # (g, m)
        owner = _owners(self.graph, self.scaled, like, low, high, moved.shape[1])
        rows = np.repeat(like[None, :], len(drawn), axis=0)
        categories = grid[0] == grid[-1]
        for column in range(len(like)):
            places = np.flatnonzero(owner == column)
            if len(places) != 1 or categories[column]:
                continue
            rising = np.maximum.accumulate(moved[:, places[0]])
            rows[:, column] = np.interp(drawn[:, places[0]], rising, grid[:, column])
        return rows


def _grid(low: Floats, high: Floats) -> Floats:
    """Values from the least to the greatest, dense near both the least and, evenly, everywhere: (d,) -> (g, d)."""
    even = np.linspace(0, 1, _GRID, dtype=np.float32)
    parts = np.unique(np.concatenate([even, even**4, np.geomspace(1e-7, 1, _GRID, dtype=np.float32)]))
    return np.asarray(low + parts[:, None] * (high - low), np.float32)


def _owners(
    graph: Differentiable, scaled: str, like: Floats, low: Floats, high: Floats, count: int
) -> NDArray[np.int64]:
    """Which raw column moves each scaled one, (m,); -1 for none, or several."""
    width = len(like)
    owner, movers = np.full(count, -1), np.zeros(count, np.int64)
    for start in range(0, width, 256):
        columns = np.arange(start, min(width, start + 256))
        rows = np.repeat(like[None, :], 2 * len(columns), axis=0)
        rows[np.arange(len(columns)), columns] = low[columns]
        rows[len(columns) + np.arange(len(columns)), columns] = high[columns]
        values = np.asarray(graph.run({"x": torch.from_numpy(rows)}, [scaled])[scaled]).reshape(len(rows), -1)
        differ = values[: len(columns)] != values[len(columns) :]  # (k, m)
        movers += differ.sum(axis=0)
        owner = np.where(differ.any(axis=0), columns[differ.argmax(axis=0)], owner)
    return np.where(movers == 1, owner, -1)
