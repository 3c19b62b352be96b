"""What a labelled set holds: its classes, what is missing, and how each feature is spread."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.rows import Label, LabelledRows
from oddflow.features.feature import Feature, Scale
from oddflow.features.image import Image

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BINS = 20
TAIL = 0.005
"""Of the values, at each end, that lie in the outermost bins together with what is farther out."""

MOST_WORDS = 12
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Word = Callable[[float, Feature], str]
"""What to call a value of a category."""


def _number(value: float, _feature: Feature) -> str:
    return f"{value:g}"


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Rows of one class: `parts` by official part, in their order, and `rows` in all."""

    label: Label
    rows: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How one feature is spread.

    Attributes:
        feature: The feature.
        missing: Rows without a value.
        distinct: Different values.
        quantiles: At 0, 5, 25, 50, 75, 95 and 100 %; empty for categories and where all is missing.
        edges: Of the bins, (b + 1,); outliers are in the outermost. Empty for categories.
        words: The commonest values of a category, in place of bins; the last stands for all others where there are any.
        normal, attack: Rows in each bin, or with each word, (b,).
    """

    feature: Feature
    missing: int
    distinct: int
    quantiles: tuple[float, ...]
    edges: tuple[float, ...]
    words: tuple[str, ...]
    normal: tuple[int, ...]
    attack: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set holds.

    Attributes:
        name: The set's.
        rows: That are looked at; `read` is more where an even sample of them was kept.
        attacks: Rows that are no normal traffic.
        parts: Official parts.
        part_rows: Rows of each.
        classes: The most frequent first.
        spreads: One for each feature, in order.
        span_ns: First and last time; None where the set says nothing of times.
        captures: Files or captures with their rows, the most first.
        incomplete: Rows with a missing value.
        pictures: Of a set of pictures, the mean one of each class, in the order of the classes: 784 grey bytes each.
    """

    name: str
    rows: int
    read: int
    attacks: int
    parts: tuple[str, ...]
    part_rows: tuple[int, ...]
    classes: tuple[ClassCount, ...]
    spreads: tuple[Spread, ...]
    span_ns: tuple[int, int] | None
    captures: tuple[tuple[str, int], ...]
    incomplete: int
    pictures: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, rows: LabelledRows, word: Word = _number) -> "Summary":
        """Of n rows, n > 0; one feature at a time, so it takes little memory beside them.

        Args:
            rows: The rows.
            word: What to call a value of a category for which the set has no word.
        """
        attacks = rows.is_attack
        incomplete = np.zeros(len(rows), bool)
        spreads = []
        for place, feature in enumerate(rows.features):
            column = rows.x[:, place]
            is_known = np.isfinite(column)
            incomplete |= ~is_known
            spreads.append(_spread(feature, column, is_known, attacks, _names(rows, feature, word)))
        times, classes = rows.times_ns, _classes(rows)
        return cls(
            name=rows.name,
            rows=len(rows),
            read=max(rows.read, len(rows)),
            attacks=int(attacks.sum()),
            parts=rows.parts,
            part_rows=tuple(int(np.sum(rows.part == part)) for part in range(len(rows.parts))),
            classes=classes,
            spreads=tuple(spreads),
            span_ns=None if times is None else (int(times.min()), int(times.max())),
            captures=_captures(rows),
            incomplete=int(incomplete.sum()),
            pictures=_pictures(rows, classes),
        )

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON."""
        told = {
            name: value
            for name in ("name", "rows", "read", "attacks", "parts", "part_rows", "span_ns", "captures", "incomplete")
            for value in [getattr(self, name)]
        }
        told["classes"] = [
            {"name": one.label.name, "category": one.label.category.value, "techniques": list(one.label.techniques),
             "rows": one.rows, "parts": dict(zip(self.parts, one.parts, strict=False))}
            for one in self.classes
        ]  # fmt: skip
        told["features"] = [asdict(spread) | {"feature": asdict(spread.feature)} for spread in self.spreads]
        return told


def _classes(rows: LabelledRows) -> tuple[ClassCount, ...]:
    totals = np.bincount(rows.y, minlength=len(rows.labels))
    by_part = [
        np.bincount(rows.y[rows.part == part], minlength=len(rows.labels)) for part in range(len(rows.parts))
    ]  # fmt: skip
    order = sorted(range(len(rows.labels)), key=lambda place: (-totals[place], rows.labels[place].name))
    return tuple(
        ClassCount(rows.labels[place], int(totals[place]), tuple(int(counts[place]) for counts in by_part))
        for place in order
        if totals[place]
    )


def _pictures(rows: LabelledRows, classes: tuple[ClassCount, ...]) -> tuple[bytes, ...]:
    if [feature.name for feature in rows.features] != [feature.name for feature in Image().features]:
        return ()
    means = (rows.x[rows.y == rows.labels.index(one.label)].mean(axis=0) for one in classes)
    return tuple(np.clip(255 * np.nan_to_num(mean), 0, 255).round().astype(np.uint8).tobytes() for mean in means)


def _captures(rows: LabelledRows) -> tuple[tuple[str, int], ...]:
    if rows.capture is None:
        return ()
    counts = np.bincount(rows.capture, minlength=len(rows.captures))
    return tuple(sorted(zip(rows.captures, map(int, counts), strict=True), key=lambda pair: (-pair[1], pair[0])))


def _spread(feature: Feature, column: Floats, is_known: Flags, attacks: Flags, name: Callable[[float], str]) -> Spread:
    values, attack = column[is_known], attacks[is_known]
    known, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    missing, distinct = len(column) - len(values), len(known)
    if feature.scale is Scale.CATEGORY:
        shown = np.lexsort((known, -counts))[:MOST_WORDS]
        by_word = [np.bincount(codes[kind], minlength=distinct) for kind in (~attack, attack)]
        normal, odd = ([int(by[place]) for place in shown] for by in by_word)
        named = [name(float(known[place])) for place in shown]
        if distinct > len(shown):
            named.append(f"{distinct - len(shown):,} others")
            normal.append(int((~attack).sum()) - sum(normal))
            odd.append(int(attack.sum()) - sum(odd))
        return Spread(feature, missing, distinct, (), (), tuple(named), tuple(normal), tuple(odd))
    if not distinct:
        return Spread(feature, missing, 0, (), (), (), (), ())
    quantiles = tuple(map(float, np.quantile(values, QUANTILES, method="nearest")))
    edges = _edges(values, is_log=feature.scale is Scale.LOG and quantiles[0] >= 0)
    bins = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    by_bin = [np.bincount(bins[kind], minlength=len(edges) - 1) for kind in (~attack, attack)]
    return Spread(feature, missing, distinct, quantiles, tuple(map(float, edges)), (), *(_whole(by) for by in by_bin))


def _whole(counts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(map(int, counts))


def _edges(values: Floats, *, is_log: bool) -> NDArray[np.float64]:
    """Bins of equal width, or of equal width of the logarithm, over all but the tails."""
    low, high = np.quantile(values, [TAIL, 1 - TAIL], method="nearest").astype(np.float64)
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.array([low, low + 1])
    if is_log:
        return np.expm1(np.linspace(np.log1p(low), np.log1p(high), BINS + 1))
    return np.linspace(low, high, BINS + 1)


def _names(rows: LabelledRows, feature: Feature, word: Word) -> Callable[[float], str]:
    words = rows.words.get(feature.name, ())
    return lambda value: words[int(value)] if 0 <= value < len(words) else word(value, feature)
