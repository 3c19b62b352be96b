"""A protocol's data to rows with classes, and which of them are learnt from and tested on."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets import registry as sets
from oddflow.datasets.leaks.repeats import row_hashes
from oddflow.datasets.rows import CATEGORIES, LabelledRows, Split
from oddflow.datasets.splits import by_capture, splits, usual
from oddflow.errors import UsageError
from oddflow.evaluation.applications import of_applications
from oddflow.evaluation.protocol import Classes, Data, Repeats, Scheme
from oddflow.evaluation.rows import Folder, of_data_set, of_sources, without_repeats
from oddflow.features.representation import Reads
from oddflow.schema import AttackCategory

Places = NDArray[np.int64]
DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Fold:
    """One fit, and the parts that it is tested on.

    Attributes:
        name: How it was split.
        train: Places of rows, ascending.
        tests: The same of each test part.
    """

    name: str
    train: Places
    tests: Mapping[str, Places]

    def split(self, part: str) -> Split:
        """As a split into two, of one test part."""
        return Split(self.name, self.train, self.tests[part])


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows with classes, split.

    Attributes:
        rows: As they are learnt from: features and repeats left out where the protocol says so.
        names: The k classes, normal ones first.
        codes: The class of each row, (n,) int64 in 0 … k - 1.
        is_attack: Which classes are attacks, (k,).
        folds: One, unless captures are learnt from in turn.
        told: Where the rows come from and what was done to them, a sentence each.
    """

    rows: LabelledRows
    names: tuple[str, ...]
    codes: Places
    is_attack: NDArray[np.bool_]
    folds: tuple[Fold, ...]
    told: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of all rows, their classes and how they are split."""
        known = hashlib.sha256(np.ascontiguousarray(self.rows.x).data.cast("B"))
        known.update(self.codes.tobytes())
        for fold in self.folds:
            for places in (fold.train, *fold.tests.values()):
                known.update(places.tobytes())
        return known.hexdigest()

    def flows_a_day(self) -> float | None:
        """Normal rows a day, of the minutes that saw any; None where times are not known."""
        times_ns = self.rows.times_ns
        if times_ns is None or np.ptp(times_ns) == 0:
            return None
        minutes = len(np.unique(times_ns // MINUTE_NS))
        return float((~self.rows.is_attack).sum() / (minutes * MINUTE_NS) * DAY_NS)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows with classes, as `Problem` has them, not split yet."""

    data: Data
    rows: LabelledRows
    names: tuple[str, ...]
    codes: Places
    is_attack: NDArray[np.bool_]
    told: tuple[str, ...]

    def problem(self, seed: int = 0) -> Problem:
        """Splits them; `seed` is of the rows that are drawn, and of the split where the data say so.

        Raises:
            UsageError: They cannot be split so, or no attacks or no normal rows are left.
        """
        folds = tuple(_limited(fold, self.rows, self.data, seed) for fold in _folds(self.rows, self.data, seed))
        told = list(self.told)
        if self.data.repeats is Repeats.LEAVE_OUT_OF_TESTS:
            folds, left = _unseen(self.rows, folds)
            told.append(f"{left:,} test rows that are among the rows to learn from are left out")
        told += _said(self.rows, folds)
        problem = Problem(self.rows, self.names, self.codes, self.is_attack, folds, tuple(told))
        _check(problem)
        return problem


def load(data: Data, classes: Classes, reads: Reads, *, folder: Folder | None = None) -> Loaded:
    """Reads what a protocol learns from and tests on.

    Args:
        data: Which rows.
        classes: What is told apart.
        reads: What of flows the rows are to show.
        folder: Of all data sets; the one that ODDFLOW_DATA names unless given.

    Raises:
        UsageError: There is no such set, section or feature.
        InputError: A file is missing, or is not what it should be.
    """
    rows, told = _prepared(_read(data, reads, folder), data)
    return Loaded(data, rows, *_classes(rows, classes), tuple(told))


def _read(data: Data, reads: Reads, folder: Folder | None) -> LabelledRows:
    if data.captures:
        return of_applications(data.captures, data.applications, folder, reads)
    if data.sources:
        return of_sources([*data.baseline, *data.sources], data.truth, reads)
    wanted = [*data.train, *(section for part in data.tests.values() for section in part), *data.sections]
    return of_data_set(data.set, folder, reads, parts=list(dict.fromkeys(wanted)), repeats=True)


def _prepared(rows: LabelledRows, data: Data) -> tuple[LabelledRows, list[str]]:
    """Rows as they are learnt from, and what was done to them."""
    told = [_origin(rows, data)]
    if data.exclude:
        gone = [f.name for f in rows.features if any(fnmatchcase(f.name, one) for one in data.exclude)]
        idle = [one for one in data.exclude if not any(fnmatchcase(name, one) for name in gone)]
        if idle or len(gone) == len(rows.features):
            raise UsageError(
                f"exclude names {idle[0]!r}, and no feature is called so" if idle else "no feature is left"
            )
        kept = [place for place, feature in enumerate(rows.features) if feature.name not in gone]
        rows = replace(rows, x=rows.x[:, kept], features=tuple(rows.features[place] for place in kept))
        told.append(f"left out: {', '.join(gone)}")
    if data.blank_bytes:
        blank = [place for place, f in enumerate(rows.features) if f.name in _bytes(data.blank_bytes)]
        if not blank:
            raise UsageError("blank_bytes is for images of bytes, and these rows have none")
        rows = replace(rows, x=rows.x.copy())
        rows.x[:, blank] = 0
        told.append(f"the first {data.blank_bytes} bytes of each image are made 0")
    if data.repeats is Repeats.LEAVE_OUT:
        before = len(rows)
        rows = without_repeats(rows)
        told.append(f"{before - len(rows):,} of {before:,} rows repeat another, or carry several classes: left out")
    return rows, told


def _bytes(count: int) -> set[str]:
    return {f"{before}byte_{place:03}" for before in ("", "reverse_") for place in range(count)}


def _origin(rows: LabelledRows, data: Data) -> str:
    if data.captures:
        named = ", ".join(data.applications)
        return (
            f"read: {len(rows.counted):,} captures of {', '.join(data.captures)}, flows of {named}: {len(rows):,} rows"
        )
    read = "; ".join(f"{one.section}, {one.rows:,} rows" for one in rows.counted)
    if data.sources:
        return f"read: {read}"
    known = sets.find(data.set)
    return f"{known.title} ({known.paper.authors.split(';')[0]} et al. {known.paper.year}): {read}"


def _classes(rows: LabelledRows, classes: Classes) -> tuple[tuple[str, ...], Places, NDArray[np.bool_]]:
    """Names of the classes, the class of each row, and which are attacks; normal ones come first."""
    if classes is Classes.TWO:
        return ("normal", "attack"), rows.is_attack.astype(np.int64), np.array([False, True])
    if classes is Classes.CATEGORIES:
        known = np.union1d([0], rows.kinds)
        names = tuple(CATEGORIES[kind].value for kind in known)
        return names, np.searchsorted(known, rows.kinds), known > 0
    present = np.unique(rows.y)
    normal = [rows.labels[place].category is AttackCategory.NORMAL for place in present]
    order = present[np.argsort(~np.array(normal), kind="stable")]
    places = np.zeros(len(rows.labels), np.int64)
    places[order] = np.arange(len(order))
    attack = np.array([rows.labels[place].category is not AttackCategory.NORMAL for place in order])
    return tuple(rows.labels[place].name for place in order), places[rows.y], attack


def _folds(rows: LabelledRows, data: Data, seed: int) -> Iterator[Fold]:
    if data.tests:
        tests = {name: _of_sections(rows, sections) for name, sections in data.tests.items()}
        yield Fold(f"learnt from {', '.join(data.train)}", _of_sections(rows, data.train), tests)
    elif data.split is Scheme.EACH_CAPTURE:
        for name in _captures(rows):
            split = by_capture(rows, test=[name])
            yield Fold(
                "one capture after the other is tested on, learnt from the others", split.train, {name: split.test}
            )
    elif data.split is Scheme.CAPTURE_PAIRS:
        for one in _captures(rows):
            tests = {f"{one} → {other}": _of_sections(rows, [other]) for other in _captures(rows) if other != one}
            yield Fold("learnt from one capture, tested on each other", _of_sections(rows, [one]), tests)
    else:
        split = _one_split(rows, data, seed if data.split_by_seed else 0)
        yield Fold(split.name, split.train, {"test": split.test})


def _one_split(rows: LabelledRows, data: Data, seed: int) -> Split:
    if data.baseline:
        return by_capture(rows, test=list(data.sources))
    if data.split is Scheme.TIME_WITHIN_CLASSES:
        return _within_classes(rows, data.test_share)
    if data.split is None:
        return usual(rows, seed=seed)
    return splits(rows, data.split, test_share=data.test_share, seed=seed)[0]


def _within_classes(rows: LabelledRows, test_share: float) -> Split:
    """Of each label the rows that ended first are learnt from; of several rows at least one on either side."""
    if rows.times_ns is None:
        raise UsageError(f"{rows.name} does not say when its rows were; split it stratified or by capture")
    is_test = np.zeros(len(rows), bool)
    for label in np.unique(rows.y):
        places = np.flatnonzero(rows.y == label)
        places = places[np.argsort(rows.times_ns[places], kind="stable")]
        wanted = min(max(round(len(places) * test_share), 1), len(places) - 1)
        is_test[places[len(places) - wanted :]] = True
    return Split("by time within each class", np.flatnonzero(~is_test), np.flatnonzero(is_test))


def _captures(rows: LabelledRows) -> list[str]:
    held: list[int] = [] if rows.capture is None else np.unique(rows.capture).tolist()
    if len(held) < 2:
        raise UsageError(f"{rows.name} is of one capture or section alone; split it another way")
    return [rows.captures[place] for place in held]


def _of_sections(rows: LabelledRows, names: Sequence[str]) -> Places:
    unknown = [name for name in names if name not in (*rows.captures, *rows.parts)]
    if unknown:
        known = ", ".join(dict.fromkeys((*rows.captures, *rows.parts)))
        raise UsageError(f"{rows.name} has no section {unknown[0]!r}; it has {known}")
    held = np.zeros(len(rows), bool)
    for name in names:
        if name in rows.captures:
            held |= rows.capture == rows.captures.index(name)
        else:
            held |= rows.part == rows.parts.index(name)
    return np.flatnonzero(held).astype(np.int64)


def _limited(fold: Fold, rows: LabelledRows, data: Data, seed: int) -> Fold:
    """At most so many normal rows and attacks each."""
    train = _drawn(fold.train, rows, data.most_train, [seed, 5])
    tests = {name: _drawn(places, rows, data.most_test, [0, 7]) for name, places in fold.tests.items()}
    return Fold(fold.name, train, tests)


def _drawn(places: Places, rows: LabelledRows, most: int | None, seed: list[int]) -> Places:
    if most is None:
        return places
    chance = np.random.default_rng(seed)
    is_attack = rows.is_attack[places]
    kept = [chance.permutation(places[kind])[:most] for kind in (~is_attack, is_attack)]
    return np.sort(np.concatenate(kept))


def _unseen(rows: LabelledRows, folds: Sequence[Fold]) -> tuple[tuple[Fold, ...], int]:
    """Without test rows that are learnt from, and how many those were."""
    hashes = row_hashes(rows.x)
    found, left = [], 0
    for fold in folds:
        known = hashes[fold.train]
        tests = {name: places[~np.isin(hashes[places], known)] for name, places in fold.tests.items()}
        left += sum(len(places) - len(tests[name]) for name, places in fold.tests.items())
        found.append(Fold(fold.name, fold.train, tests))
    return tuple(found), left


def _said(rows: LabelledRows, folds: Sequence[Fold]) -> Iterator[str]:
    yield f"split: {folds[0].name}"
    for fold in folds:
        known = rows.is_attack[fold.train]
        parts = [f"learnt from {len(fold.train):,} rows, {known.sum():,} of them attacks"]
        for name, places in fold.tests.items():
            parts.append(f"{name}: {len(places):,} rows, {rows.is_attack[places].sum():,} of them attacks")
        yield "; ".join(parts)


def _check(problem: Problem) -> None:
    for fold in problem.folds:
        for name, places in {"the rows to learn from": fold.train, **fold.tests}.items():
            if not len(places) or (len(np.unique(problem.codes[places])) < 2 and name in fold.tests):
                counts = np.bincount(problem.codes[places], minlength=len(problem.names))
                held = ", ".join(f"{count:,} {one}" for one, count in zip(problem.names, counts, strict=True) if count)
                attacks = int(problem.rows.is_attack[places].sum())
                raise UsageError(
                    f"{problem.rows.name}, {name}: of {len(places):,} rows to test on {attacks:,} are attacks; both "
                    f"are needed ({held or 'none'})"
                )
        if problem.rows.is_attack[fold.train].all():
            raise UsageError(f"{problem.rows.name}, {fold.name}: no row to learn from is normal; split it another way")
