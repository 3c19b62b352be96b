"""Rows that excite a part of a model most (activation maximisation)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from oddflow.features.feature import Scale
from oddflow.inspection.differentiable import Differentiable
from oddflow.models.manifest import Manifest
from oddflow.models.rows import Floats

STEPS = 150
_RATE = 0.05
"""Of the way from the least to the greatest value of a column, a step."""
_PULL = 0.02
"""What it costs to leave the start, so that only columns move that matter."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where climbs begin, and the bounds of each column, (d,): its median, least and greatest value in a baseline.

    A category has no bounds but its median: numbers between two categories are none.
    """

    median: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, manifest: Manifest) -> "Span":
        """What a manifest holds."""
        columns = [[getattr(one, name) for one in manifest.ranges] for name in ("median", "minimum", "maximum")]
        median, low, high = (np.asarray(column, np.float32) for column in columns)
        still = np.array([feature.scale is Scale.CATEGORY for feature in manifest.features])
        return cls(median, np.where(still, median, low), np.where(still, median, high))


@dataclass(frozen=True, slots=True)
class Excited:
    """A row that excites a unit, and how much the start did.

    Attributes:
        value: The name of a value in the graph.
        unit: Which column, or map, of it.
        row: The row, (d,).
        before, after: What the unit gives the start, and the row.
    """

    value: str
    unit: int
    row: Floats
    before: float
    after: float


def excite(
    graph: Differentiable,
    wanted: Sequence[tuple[str, int]],
    span: Span,
    *,
    steps: int = STEPS,
) -> list[Excited]:
    """Climbs from the median to rows that excite units most, each column within its bounds.

    Source: Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network"; steps by Adam, on columns brought
    to 0 … 1, with what leaving the start costs (Simonyan et al. 2014, section 2, in place of the norm).

    Args:
        graph: The model's.
        wanted: Names of values and columns, or maps, of them; of "score" the column is 0.
        span: Where each climb begins, and within which bounds it stays.
        steps: Of each climb.
    """
    found = []
    for value in dict.fromkeys(name for name, _ in wanted):
        units = [unit for name, unit in wanted if name == value]
        rows, before, after = _climbed(graph, value, units, span, steps)
        found += [
            Excited(value, unit, row, float(b), float(a))
            for unit, row, b, a in zip(units, rows, before, after, strict=True)
        ]
    return found


def _climbed(
    graph: Differentiable, value: str, units: Sequence[int], span: Span, steps: int
) -> tuple[Floats, Floats, Floats]:
    """Rows (k, d) for k units of one value, and what they gave before and after, (k,)."""
    start, least = torch.from_numpy(span.median), torch.from_numpy(span.low)
    width = torch.from_numpy(span.high - span.low).clamp(min=0)
    begin = ((start - least) / width.where(width > 0, torch.ones(()))).clamp(0, 1)
    places = begin.repeat(len(units), 1).requires_grad_()
    optimiser = torch.optim.Adam([places], lr=_RATE)
    begun = start.repeat(len(units), 1)
    with torch.no_grad():
        before = _excitement(graph, value, units, begun)
    best, best_rows = before.clone(), begun.clone()
    scale = before.abs().mean().clamp(min=1)
    for _ in range(steps):
        rows = torch.where(width > 0, least + places * width, begun)
        given = _excitement(graph, value, units, rows)
        better = given.detach() > best
        best[better], best_rows[better] = given.detach()[better], rows.detach()[better]
        lost = _PULL * scale * (places - begin).abs().sum() - given.sum()
        optimiser.zero_grad()
        lost.backward()  # type: ignore[no-untyped-call]
        if places.grad is not None:
            places.grad.nan_to_num_()
        optimiser.step()
        with torch.no_grad():
            places.clamp_(0, 1)
    return np.asarray(best_rows), np.asarray(before), np.asarray(best)


def _excitement(graph: Differentiable, value: str, units: Sequence[int], rows: torch.Tensor) -> torch.Tensor:
    """What unit k of the value gives row k, the mean over a map: (k, d) -> (k,)."""
    given = graph.run({"x": rows}, [value])[value]
    if given.ndim == 1:
        return given
    chosen = given[torch.arange(len(units)), torch.tensor(list(units))]
    return chosen.reshape(len(units), -1).mean(dim=1)
