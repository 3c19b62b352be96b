"""One feature that alone tells the classes apart: an artefact of how the set was made, more often than not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.leaks.finding import Figure, Finding, Severity
from oddflow.datasets.leaks.telling import LEAST_TRAIN, Counts, Told, tell
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.features.feature import Feature, Scale

CHECK = "single features"
MOST_ROWS = 200_000
EDGE_ROWS = 20_000
BINS = 64
MOST_VALUES = 1_024

SUSPECT, ALONE = 0.9, 0.98
"""Balanced accuracies on the test rows that are worth a look, and that leave nothing to learn."""

NAMED = 5
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Found:
    feature: str
    told: Told


def single_features(rows: LabelledRows, split: Split, seed: int = 0) -> list[Finding]:
    """The features that, each by itself, tell attacks from normal rows, or one class from all others.

    Values are cut into at most 64 ranges (a value that is common is a range of its own), each given to the class that
    has more of its training rows there; the balanced accuracy is that of the test rows.
    """
    random = np.random.default_rng([seed, 2])
    train, test = (
        np.sort(random.choice(places, MOST_ROWS, replace=False)) if len(places) > MOST_ROWS else places
        for places in (split.train, split.test)
    )
    kinds, classes = [], []
    for place, feature in enumerate(rows.features):
        bins = _Bins.of(rows.x[train, place], feature)
        codes = bins.codes(rows.x[train, place]), bins.codes(rows.x[test, place])
        counts = Counts.of(rows, (train, test), codes, bins.count)
        if (kind := tell(counts.attacks())) is not None:
            kinds.append(_Found(feature.name, kind))
        classes += [_Found(feature.name, told) for told in counts.each_class()]
    return [_of_attacks(kinds), _of_classes(rows, classes)]


def _of_attacks(found: list[_Found]) -> Finding:
    best = sorted(found, key=lambda one: -one.told.balanced)[:NAMED]
    if not best:
        return Finding(CHECK, Severity.NOT_CHECKED, "there are no attacks, or nothing else, on one of the sides")
    figures: dict[str, Figure] = {
        "best": best[0].feature,
        "balanced_accuracy": best[0].told.balanced,
        "features": _listed(best),
    }
    above = [one for one in best if one.told.balanced >= SUSPECT]
    if not above:
        what = f"none tells attacks from normal rows; the best, {best[0].feature}, {best[0].told.words}"
        return Finding(CHECK, Severity.CLEAN, what, figures=figures)
    named = ", ".join(f"{one.feature} ({one.told.balanced:.3f})" for one in above)
    return Finding(
        CHECK,
        Severity.SEVERE if above[0].told.balanced >= ALONE else Severity.WARNING,
        f"alone, {named} tell{'s' if len(above) == 1 else ''} attacks from normal rows (balanced accuracy)",
        "find out why: an attack tool's fixed value or a capture's is no property of attacks; show results without",
        figures,
    )


def _of_classes(rows: LabelledRows, found: list[_Found]) -> Finding:
    name = f"{CHECK}, by class"
    best: dict[str, _Found] = {}
    for one in found:
        label = rows.labels[one.told.which].name
        if label not in best or one.told.balanced > best[label].told.balanced:
            best[label] = one
    above = sorted(
        ((label, one) for label, one in best.items() if one.told.balanced >= ALONE),
        key=lambda pair: -pair[1].told.balanced,
    )
    figures: dict[str, Figure] = {
        "classes_checked": len(best),
        "classes": [f"{label}: {_words(one)}" for label, one in above],
    }
    if not best:
        what = f"no class has {LEAST_TRAIN} rows, and others as many, on both sides"
        return Finding(name, Severity.NOT_CHECKED, what, figures=figures)
    if not above:
        what = f"no feature alone tells one of {len(best)} classes from all others"
        return Finding(name, Severity.CLEAN, what, figures=figures)
    named = "; ".join(f"{label} by {one.feature} ({one.told.balanced:.3f})" for label, one in above[:NAMED])
    more = f"; and {len(above) - NAMED} more" if len(above) > NAMED else ""
    return Finding(
        name,
        Severity.NOTE,
        f"one feature alone tells {len(above)} of {len(best)} classes from all others: {named}{more}",
        "may be what the class is; or what one tool, host or minute left in every row: look before you praise a model",
        figures,
    )


def _listed(found: list[_Found]) -> list[str]:
    return [_words(one) for one in found]


def _words(one: _Found) -> str:
    return f"{one.feature} {one.told.balanced:.4f}"


@dataclass(frozen=True, slots=True)
class _Bins:
    """Ranges of a feature's values: below, at and above each edge, and one for what is missing."""

    edges: NDArray[np.float32]

    @classmethod
    def of(cls, column: NDArray[np.float32], feature: Feature) -> "_Bins":
        known = column[np.isfinite(column)]
        known = known[:: max(1, len(known) // EDGE_ROWS)]
        values = np.unique(known)
        most = MOST_VALUES if feature.scale is Scale.CATEGORY else BINS
        if len(values) > most:
            values = np.unique(np.quantile(known, np.linspace(0, 1, most), method="nearest"))
        return cls(values.astype(np.float32))

    @property
    def count(self) -> int:
        return 2 * len(self.edges) + 2

    def codes(self, column: NDArray[np.float32]) -> Places:
        below = np.searchsorted(self.edges, column, "left") + np.searchsorted(self.edges, column, "right")
        return np.where(np.isfinite(column), below, self.count - 1)
