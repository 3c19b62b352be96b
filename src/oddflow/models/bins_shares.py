"""Bins of rows that lie in several places, and how often each is met: two passes, exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature, Scale
from oddflow.models.bins import Bins
from oddflow.models.rows import Floats
from oddflow.models.scaling import MOST_CATEGORIES
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.shares import Places, Shares, Sketch, Stretch
from oddflow.models.sketches.tops import Tops


class BinCounts:
    """How often each of B bins of d columns is met: whole numbers, the same in any partition and order.

    Args:
        counts: (d, B).
    """

    def __init__(self, counts: NDArray[np.int64]) -> None:
        self.counts = counts

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        self.counts = self.counts + other.counts


@dataclass(frozen=True, slots=True)
class _Ends:
    """The greatest of each column and of its negative, and how often values of categories are met."""

    categories: tuple[int, ...]

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        greatest, least = (Tops([1], x.shape[1]) for _ in range(2))
        greatest.update(x)
        least.update(-x)
        counts = [Counts() for _ in self.categories]
        for count, place in zip(counts, self.categories, strict=True):
            count.update(x[:, place])
        return [greatest, least, *counts]


@dataclass(frozen=True, slots=True)
class _Met:
    """How often each bin is met."""

    bins: Bins

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        codes, count = self.bins.codes(x), self.bins.count
        return [BinCounts(np.stack([np.bincount(column, minlength=count) for column in codes.T]))]


def bins_of(
    shares: Shares, stretch: Stretch, features: Sequence[Feature], inner: int, *, most: int
) -> tuple[Bins, NDArray[np.int64]]:
    """What `Bins.fit` would learn of the rows of a stretch, and how often each bin is met in `most` of them: (d, B)."""
    places = tuple(place for place, feature in enumerate(features) if feature.scale is Scale.CATEGORY)
    greatest, least, *counts = shares.told(_Ends(places), stretch)
    known = {place: cast("Counts", count).ranked(MOST_CATEGORIES) for place, count in zip(places, counts, strict=True)}
    ends = 0 - cast("Tops", least).greatest(0, 0), cast("Tops", greatest).greatest(0, 0)
    bins = Bins.of(*ends, known, features, inner)
    [met] = shares.told(_Met(bins), Stretch(stretch.start, stretch.stop, most))
    return bins, cast("BinCounts", met).counts
