"""What a sealed model tells of the rows that it was learnt from, gathered at once or in passes over several places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from oddflow.features.feature import Feature
from oddflow.models.manifest import Group, Range
from oddflow.models.measure import ROOM, chosen
from oddflow.models.rows import Floats
from oddflow.models.scaling import MOST_CATEGORIES
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.cells import Cells, FinerCells
from oddflow.models.sketches.ranks import nearest
from oddflow.models.sketches.shares import Places, Rows, Shares, Sketch, Stretch
from oddflow.models.sketches.tops import Tops
from oddflow.models.tails import LEAST_GROUP
from oddflow.models.usual import MOST_ROWS

QUANTILES = (0.0, 0.001, 0.01, 0.5, 0.99, 0.999, 1.0)
LOW = 0.001
CHECKED = 512
"""Rows on which a sealed model is compared with what was learnt."""
_NAMES = ("minimum", "q001", "q01", "median", "q99", "q999", "maximum")


@dataclass(frozen=True, slots=True)
class Known:
    """Of n rows.

    Attributes:
        ranges: Of each column.
        groups: What is normal for each of the most frequent services.
        prototypes: A few that stand for all, (p, d); None where they would hold words.
        checked: Some, evenly, on which a sealed model is checked, (c, d).
        spread: Some, evenly, that tell how all are spread, (s, d).
    """

    ranges: list[Range]
    groups: list[Group]
    prototypes: Floats | None
    checked: Floats
    spread: Floats

    @classmethod
    def of(cls, x: Floats, features: Sequence[Feature]) -> Self:
        """From all rows, (n, d), in the order of time."""
        table = np.quantile(x, QUANTILES, axis=0, method="nearest")
        return cls(_ranges(table), _groups(x, service_of(features)), chosen(x, features), evenly(x, CHECKED), x)

    @classmethod
    def of_shares(cls, shares: Shares, known: Stretch, features: Sequence[Feature]) -> Self:
        """The same of rows that lie in several places."""
        service, width = service_of(features), len(features)
        samples = [Stretch(known.start, known.stop, most) for most in (ROOM, CHECKED, MOST_ROWS)]
        cells, counts, *rows = shares.told(_First(width, service, tuple(samples)), known)
        places = [nearest(known.rows, share) for share in QUANTILES]
        finer = cast("Cells", cells).finer(places)
        often = cast("Counts", counts)
        values = [float(value) for value in often.ranked(MOST_CATEGORIES) if often.of([value])[0] >= LEAST_GROUP]
        sizes = often.of(values)
        depths = [nearest(size, LOW) + 1 for size in sizes]
        found, least, most = shares.told(_Second(finer, service, tuple(values), tuple(depths)), known)
        low, high = cast("Tops", least), cast("Tops", most)
        groups = [
            Group(
                value=value,
                rows=size,
                low=(0 - low.greatest(place, depths[place] - 1)).tolist(),
                high=high.greatest(place, 0).tolist(),
            )
            for place, (value, size) in enumerate(zip(values, sizes, strict=True))
        ]
        standing, checked, spread = (cast("Rows", one).x for one in rows)
        return cls(_ranges(cast("FinerCells", found).values()), groups, chosen(standing, features), checked, spread)


@dataclass(frozen=True, slots=True)
class _First:
    """Where quantiles lie, how often services are met, and rows that are taken evenly."""

    width: int
    service: int | None
    samples: tuple[Stretch, ...]

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:
        cells, counts = Cells(self.width), Counts()
        cells.update(x)
        if self.service is not None:
            counts.update(x[:, self.service])
        taken = [sample.holds(places) for sample in self.samples]
        return [cells, counts, *(Rows(x[held], places[held]) for held in taken)]


@dataclass(frozen=True, slots=True)
class _Second:
    """The quantiles themselves, and the least and greatest values of services."""

    finer: FinerCells
    service: int | None
    values: tuple[float, ...]
    depths: tuple[int, ...]

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        finer = FinerCells(self.finer.cells, self.finer.within)
        finer.update(x)
        low, high = Tops(self.depths, x.shape[1]), Tops([1] * len(self.depths), x.shape[1])
        if self.service is not None and self.values:
            order = np.argsort(self.values)
            known = np.array(self.values, np.float32)[order]
            found = np.minimum(np.searchsorted(known, x[:, self.service]), len(known) - 1)
            groups = np.where(known[found] == x[:, self.service], order[found], len(known))
            low.update(-x, groups)
            high.update(x, groups)
        return [finer, low, high]


def service_of(features: Sequence[Feature]) -> int | None:
    """The place of the column that tells the service, if there is one."""
    return next((place for place, feature in enumerate(features) if feature.name == "service"), None)


def evenly(x: Floats, most: int) -> Floats:
    """At most so many rows, from the first to the last."""
    return x[np.linspace(0, len(x) - 1, min(len(x), most)).astype(np.int64)]


def _ranges(table: Floats) -> list[Range]:
    return [Range(**dict(zip(_NAMES, map(float, row), strict=True))) for row in table.T]


def _groups(x: Floats, place: int | None) -> list[Group]:
    if place is None:
        return []
    values, counts = np.unique(x[:, place], return_counts=True)
    groups = []
    for value in values[np.lexsort((values, -counts))][:MOST_CATEGORIES]:
        rows = x[x[:, place] == value]
        if len(rows) < LEAST_GROUP:
            break
        low, high = np.quantile(rows, [LOW, 1.0], axis=0, method="nearest")
        groups.append(Group(value=float(value), rows=len(rows), low=low.tolist(), high=high.tolist()))
    return groups
