"""The same scaling as `Scaler.fit` learns, of rows that lie in several places: two passes over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.models.categories import MOST_CATEGORIES, Categories, shown_as
from oddflow.models.numbers import FARTHEST, ByService, Measured
from oddflow.models.rows import Floats
from oddflow.models.scaling import FIT_ROWS, Scaler, groups_of
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.moments import Moments
from oddflow.models.sketches.shares import Places, Shares, Sketch, Stretch
from oddflow.models.sketches.tops import Tops


@dataclass(frozen=True, slots=True)
class _First:
    """How often the values of categories are met, and the greatest magnitudes of the columns that have no logarithm."""

    measured: Measured
    categories: tuple[int, ...]
    depth: int

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        x = np.clip(x, -FARTHEST, FARTHEST)
        greatest = Tops([self.depth], len(self.measured.linears))
        greatest.update(np.abs(x[:, self.measured.linears]))
        counts = []
        for place in self.categories:
            counts.append(Counts())
            counts[-1].update(x[:, place])
        return [greatest, *counts]


@dataclass(frozen=True, slots=True)
class _Second:
    """Exact moments of the measures, by group; the last group is that of values that are not known."""

    measured: Measured
    services: tuple[int, Floats] | None

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        x = np.clip(x, -FARTHEST, FARTHEST)
        groups, count = groups_of(x, self.services)
        moments = Moments(count + 1, len(self.measured.places))
        moments.update(self.measured.transform(x), groups)
        return [moments]


def scaler_of(
    shares: Shares, stretch: Stretch, features: Sequence[Feature], categories: Categories, *, buckets: int = 16
) -> Scaler:
    """What `Scaler.fit` would learn of the rows of a stretch, by service, bit for bit.

    Args:
        shares: Where the rows lie.
        stretch: Those that are learnt from.
        features: Their columns.
        categories: How categories are shown; not by vectors, which are learnt from rows.
        buckets: Of a hashed category.
    """
    stretch = Stretch(stretch.start, stretch.stop, FIT_ROWS)
    measured = Measured.of(features)
    places = tuple(place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY)
    depth = Tops.for_share([stretch.rows], 0.99, 0).depths[0]
    greatest, *counts = shares.told(_First(measured, places, depth), stretch)
    usual = cast("Tops", greatest).quantile(0, 0.99)
    known = {
        place: cast("Counts", count).most_frequent(MOST_CATEGORIES) for place, count in zip(places, counts, strict=True)
    }
    services = (places[0], known[places[0]]) if places else None
    [moments] = shares.told(_Second(measured, services), stretch)
    numbers = ByService.of(cast("Moments", moments), measured.floors_of(usual, features))
    parts = shown_as(known, len(features), categories, buckets=buckets)
    extent = len(measured.places) + sum(len(part.owners) for part in parts)
    return Scaler(measured, numbers, parts, services, np.zeros(extent, np.float32), np.ones(extent, np.float32))
