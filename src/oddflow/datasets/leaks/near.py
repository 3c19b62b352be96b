"""Near repeats: test rows that lie closer to a training row than rows that were apart from each other do.

Bursts of alike flows, cut apart by a random split, are nearly repeats without being equal. What "near" means is
measured among the training rows: how far a row is from the nearest one of another stretch of time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.leaks.finding import Figure, Finding, Severity, by_share, percent
from oddflow.datasets.leaks.repeats import row_hashes
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.features.feature import Scale

STRETCHES = 5
NEAR = 0.1
"""Rows nearer than this quantile of the distances between stretches of training rows are near."""

MOST_QUERIES = 2_000
MOST_KNOWN = 131_072
MOST_CELLS = 1 << 25
"""Rows × columns that are held as points: 128 MiB."""

MOST_MEASURED = 16_384
"""Rows that tell how features are spread."""

MOST_PRODUCTS = 30_000_000_000
"""Multiplications that looking for neighbours may take: seconds on one core."""

BLOCK_ROWS = 4_096
MOST_WORDS = 32
"""Values of a category that have a column of their own; the others share one."""

FARTHEST = 10.0
"""Interquartile ranges from the median at which a value is cut off."""

LEAST_ROWS = 100
Floats = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Space:
    """Columns made comparable, with what the training rows say of their spread.

    Attributes:
        is_log: Features whose logarithm is looked at, (d,).
        middles, widths: Of each feature, (d,); a width of 0 leaves it out.
        values: Of each category feature, by its column: those that have a column of their own.
    """

    is_log: NDArray[np.bool_]
    middles: Floats
    widths: Floats
    values: dict[int, Floats]

    @classmethod
    def of(cls, rows: LabelledRows, known: Places) -> "Space":
        """As these rows have it."""
        scales = [feature.scale for feature in rows.features]
        is_log = np.array([scale is Scale.LOG for scale in scales])
        x = _bent(rows.x[known], is_log)
        x[:, np.isnan(x).all(axis=0)] = 0  # nothing is known: a width of 0
        low, middles, high = np.nanquantile(x, [0.25, 0.5, 0.75], axis=0).astype(np.float32)
        spread = np.nanstd(x, axis=0, dtype=np.float64).astype(np.float32)
        widths = np.where(high > low, high - low, spread)
        values = {
            place: _commonest(rows.x[known, place]) for place, scale in enumerate(scales) if scale is Scale.CATEGORY
        }
        widths[list(values)] = 0
        return cls(is_log, middles, widths, values)

    @property
    def width(self) -> int:
        """Columns that `points` gives."""
        return int((self.widths > 0).sum()) + sum(len(values) for values in self.values.values())

    def points(self, x: Floats) -> Floats:
        """Rows as points, (n, d) -> (n, width): two different words are as far apart as a quarter and three."""
        used = self.widths > 0
        numbers = (_bent(x[:, used], self.is_log[used]) - self.middles[used]) / self.widths[used]
        numbers = np.clip(np.nan_to_num(numbers), -FARTHEST, FARTHEST)
        words = [x[:, [place]] == values for place, values in self.values.items()]
        return np.concatenate([numbers, *(hit * np.float32(np.sqrt(0.5)) for hit in words)], axis=1).astype(np.float32)


def _bent(x: Floats, is_log: NDArray[np.bool_]) -> Floats:
    finite = np.where(np.isfinite(x), x, np.float32(np.nan))
    return np.where(is_log, np.log1p(np.maximum(finite, 0)), finite)


def _commonest(column: Floats) -> Floats:
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    return values[np.lexsort((values, -counts))][:MOST_WORDS].astype(np.float32)


def near_repeats(rows: LabelledRows, split: Split, seed: int = 0) -> list[Finding]:
    """How many test rows lie nearer to a training row than is usual between stretches of training rows."""
    name = "near repeats"
    random = np.random.default_rng([seed, 1])
    hashes = row_hashes(rows.x)
    _, first = np.unique(hashes[split.train], return_index=True)
    train = split.train[np.sort(first)]
    test = split.test[~np.isin(hashes[split.test], hashes[split.train])]
    if min(len(train), len(test)) < LEAST_ROWS:
        return [_not_checked(name, len(train), len(test))]
    space = Space.of(rows, _sample(train, MOST_MEASURED, random))
    train = _sample(train, min(MOST_KNOWN, MOST_CELLS // max(1, space.width)), random)
    most = max(LEAST_ROWS, min(MOST_QUERIES, MOST_PRODUCTS // max(1, len(train) * space.width)))
    known, stretch = _stretches(rows, train)
    points = space.points(rows.x[known])
    usual = []
    for place in range(STRETCHES):
        inside = stretch == place
        asked = _sample(np.flatnonzero(inside), most // STRETCHES, random)
        usual.append(nearest(points[asked], points[~inside]))
    reference = np.concatenate(usual)
    limit = float(np.quantile(reference, NEAR))
    # as many rows to be near to as a stretch had: four fifths
    beside = _sample(np.arange(len(points)), len(points) * (STRETCHES - 1) // STRETCHES, random)
    distances = nearest(space.points(rows.x[_sample(test, most, random)]), points[beside])
    share, usually = float((distances <= limit).mean()), float((reference <= limit).mean())
    by = "time" if rows.times_ns is not None else "the set's own order"
    figures: dict[str, Figure] = {
        "test_rows": len(distances), "train_rows": len(beside), "share": share, "usual_share": usually,
        "limit": limit, "median": float(np.median(distances)), "usual_median": float(np.median(reference)),
        "stretches_by": by,
    }  # fmt: skip
    what = (
        f"{percent(share)} of {len(distances):,} test rows lie as near to a training row as {percent(usually)} of "
        f"training rows do to those of another stretch of {by}"
    )
    severity = by_share(share, note=2 * usually, warning=max(0.3, 3 * usually), severe=max(0.6, 6 * usually))
    advice = "split by time, by host or by capture, so that what came in one burst stays on one side"
    return [Finding(name, severity, what, advice if share > 2 * usually else "", figures)]


def _not_checked(name: str, train: int, test: int) -> Finding:
    what = f"{train:,} different training rows and {test:,} test rows that repeat none are too few to tell"
    return Finding(name, Severity.NOT_CHECKED, what, figures={"train_rows": train, "test_rows": test})


def _sample(places: Places, most: int, random: np.random.Generator) -> Places:
    if len(places) <= most:
        return places
    return np.sort(random.choice(places, most, replace=False))


def _stretches(rows: LabelledRows, train: Places) -> tuple[Places, Places]:
    """Training rows in the order of time, else of the set, and the stretch of each."""
    order = train if rows.times_ns is None else train[np.argsort(rows.times_ns[train], kind="stable")]
    return order, np.arange(len(order)) * STRETCHES // len(order)


def nearest(points: Floats, others: Floats) -> Floats:
    """The Euclidean distance of each point to the nearest of others: (q, d), (n, d) -> (q,)."""
    best = np.full(len(points), np.inf, np.float32)
    which = np.zeros(len(points), np.int64)
    for start in range(0, len(others), BLOCK_ROWS):
        block = others[start : start + BLOCK_ROWS]
        squares = np.einsum("ij,ij->i", block, block) - 2 * (points @ block.T)
        found = squares.argmin(axis=1)
        least = squares[np.arange(len(points)), found]
        better = least < best
        best[better], which[better] = least[better], start + found[better]
    # the products above cancel where points are close: these differences do not
    return np.asarray(np.linalg.norm(points - others[which], axis=1))
