"""A baseline whose rows lie on many machines to a sealed model: the same as `learn`, and no machine holds all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.learning.known import Known
from oddflow.learning.learn import CROSS_AT_MOST, STRETCHES, VALIDATION_SHARE, archive_of, shown_option
from oddflow.models.format import Archive
from oddflow.models.held_back import Circumstances
from oddflow.models.manifest import Training
from oddflow.models.rows import Floats
from oddflow.models.sketches.shares import Places, Rows, Shares, Sketch, Stretch

TOLD = ("service", "role")
"""Columns that tell the circumstances of a flow."""


def places_of(times_ns: NDArray[np.int64]) -> Places:
    """Where rows stand in the order of time, (n,): of two that ended at once, the one that was gathered first."""
    places = np.empty(len(times_ns), np.int64)
    places[np.argsort(times_ns, kind="stable")] = np.arange(len(times_ns))
    return places


@dataclass(frozen=True, slots=True)
class _Scores:
    """Scores of rows, beside the columns that tell their circumstances."""

    detector: Detector
    columns: tuple[int, ...]

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:
        scores = self.detector.decision_function(x) if len(x) else np.zeros(0, np.float32)
        return [Rows(np.column_stack([scores, x[:, list(self.columns)]]).astype(np.float32), places)]


def learn_shares(
    gathered: Gathered, shares: Shares, *, detector: str | type[Detector], seed: int = 0, **options: Any
) -> Archive:
    """Learns normal rows that lie in several places: the model that `learn` makes of them, part for part.

    Args:
        gathered: All that is known of the rows but themselves: its x is empty.
        shares: The rows, by their places in the order of time (`places_of`).
        detector: By name, or a class of your own; one that learns from shares.
        seed: Of all chance in it.
        options: Of the detector.

    Raises:
        UsageError: The detector, or one with these options, needs all rows at once; or there are so few that they are
            held back in turn, for which they are better brought together.
    """
    started = perf_counter()
    kind, count = registry.sealable(detector), len(gathered.times_ns)
    if count <= CROSS_AT_MOST:
        raise UsageError(f"{count:,} rows are few: bring them together; shares are for more than {CROSS_AT_MOST:,}")
    held_from = round(count * (STRETCHES - 1) / STRETCHES)
    cut = round(held_from * (1 - VALIDATION_SHARE))
    known, held_back = Stretch(0, held_from), Stretch(held_from, count)
    fitted = registry.create(kind, gathered.features, seed=seed, **options)
    fitted.fit_shares(shares, Stretch(0, cut), known)
    names = [feature.name for feature in gathered.features]
    columns = tuple(names.index(name) for name in TOLD if name in names)
    [told] = shares.told(_Scores(fitted, columns), held_back)
    rows = cast("Rows", told).x
    scored = np.argsort(gathered.times_ns, kind="stable")[held_from:]
    circumstances = Circumstances.of(
        rows[:, 1:], gathered.times_ns[scored], [gathered.features[place] for place in columns]
    )
    return archive_of(
        gathered,
        fitted,
        options={key: shown_option(value) for key, value in options.items()} | {"seed": seed},
        known=Known.of_shares(shares, known, gathered.features),
        scores=np.ascontiguousarray(rows[:, 0]),
        scored=scored,
        circumstances=circumstances,
        training=Training(fit_rows=cut, validation_rows=held_from - cut, calibration_rows=count - held_from),
        duration_s=perf_counter() - started,
    )
