"""Pieces of sections to labelled rows: what is kept is bounded, what was there is counted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.datasets.description import Meaning, folded
from oddflow.datasets.readers.piece import Piece, Words
from oddflow.datasets.rows import Counted, Label, LabelledRows
from oddflow.errors import InputError, UsageError
from oddflow.features.feature import Feature
from oddflow.losses import Ledger
from oddflow.schema import AttackCategory

MAX_ROWS = 1_000_000
"""Of a longer set an even sample is kept: 41 features take about 164 MB, 784 take 3.1 GB."""

MOST_LABELS = 4_096


@dataclass(slots=True)
class _Kept:
    x: NDArray[np.float32]
    y: NDArray[np.int16]
    part: NDArray[np.int8]
    capture: NDArray[np.int32]
    times_ns: NDArray[np.int64] | None
    ends: pa.Table | None

    def every(self, step: int, first: int) -> "_Kept":
        """Every `step`th row; copies, as a slice would keep all rows alive."""
        rows = slice(first, None, step)
        return _Kept(
            self.x[rows].copy(),
            self.y[rows].copy(),
            self.part[rows].copy(),
            self.capture[rows].copy(),
            self.times_ns[rows].copy() if self.times_ns is not None else None,
            self.ends.take(np.arange(first, len(self.y), step)) if self.ends is not None else None,
        )


@dataclass(slots=True)
class Collector:
    """Takes the pieces of sections, one after the other, and gives them as one.

    Attributes:
        name: The set's.
        max_rows: The most that are kept; of more, every second, fourth, … row of the set.
        meanings: What labels mean; one that is not there means OTHER, and is told of.
        ledger: Told of rows used.
    """

    name: str
    max_rows: int
    ledger: Ledger
    meanings: Sequence[Meaning] = ()
    words: Words = field(default_factory=Words)
    _features: tuple[Feature, ...] = ()
    _labels: list[Label] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _captures: list[str] = field(default_factory=list)
    _counted: list[Counted] = field(default_factory=list)
    _kept: list[_Kept] = field(default_factory=list)
    _count: int = 0
    _step: int = 1
    _passed: int = 0

    def __post_init__(self) -> None:
        """Refuses a limit that keeps nothing, and takes in what labels mean."""
        if self.max_rows < 1:
            raise UsageError(f"max_rows is {self.max_rows}; expected 1 or more")
        for meaning in self.meanings:
            self._places[folded(meaning.name)] = len(self._labels)
            self._labels.append(Label(meaning.name, meaning.category, meaning.techniques))

    def section(self, name: str, part: str, pieces: Iterable[Piece]) -> None:
        """Takes all pieces of a section.

        Raises:
            InputError: They have other columns than those of a section before.
        """
        if part and part not in self._parts:
            self._parts.append(part)
        self._captures.append(name)
        classes: Counter[str] = Counter()
        for piece in pieces:
            if not self._features:
                self._features = piece.features
            if piece.features != self._features:
                raise InputError(
                    f"{name} has other columns than {self._captures[0]}: "
                    f"{_difference(self._features, piece.features)}; read them one by one"
                )
            y = self._classes(piece.labels, name)
            numbers, counts = np.unique(y, return_counts=True)
            classes.update({self._labels[n].name: int(c) for n, c in zip(numbers, counts, strict=True)})
            if self.ledger.unit == "rows":  # who read packets and records counted them
                self.ledger.used(len(y))
            self._keep(piece, y, self._parts.index(part) if part else -1)
        self._counted.append(Counted(name, part, dict(classes.most_common())))

    @property
    def counted(self) -> tuple[Counted, ...]:
        """What was read so far, section by section."""
        return tuple(self._counted)

    def _classes(self, labels: pa.Array, section: str) -> NDArray[np.int16]:
        encoded = pc.dictionary_encode(pc.fill_null(labels, ""))
        places = [self._place(name, section) for name in encoded.dictionary.to_pylist()]
        return np.asarray(np.asarray(places, np.int16)[encoded.indices.to_numpy()])

    def _place(self, name: str, section: str) -> int:
        key = folded(name)
        if key not in self._places and (found := self._meant(key)) is not None:
            self._places[key] = found
        if key not in self._places:
            if len(self._labels) >= MOST_LABELS:
                raise InputError(f"{section} has more than {MOST_LABELS:,} different labels; is that column the label?")
            shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name.strip())
            self.ledger.noted(f"{section}: the label {shown!r} is not known; taken as an attack of another kind")
            self._places[key] = len(self._labels)
            self._labels.append(Label(shown, AttackCategory.OTHER))
        return self._places[key]

    def _meant(self, key: str) -> int | None:
        """The place of a label that says more than the set's name for it: "malicious: ddos", "from-botnet-v42"."""
        general, _, detail = key.partition(": ")
        known = next((self._places[part] for part in (detail, general) if part in self._places), None)
        if known is not None:
            return known
        held = (self._places[folded(m.name)] for m in self.meanings if m.contains and m.contains in key)
        return next(held, None)

    def _keep(self, piece: Piece, y: NDArray[np.int16], part: int) -> None:
        whole = _Kept(
            piece.x,
            y,
            np.full(len(y), part, np.int8),
            np.full(len(y), len(self._captures) - 1, np.int32),
            piece.times_ns,
            piece.ends,
        )
        first = -self._passed % self._step
        self._passed += len(y)
        self._kept.append(whole.every(self._step, first) if self._step > 1 else whole)
        self._count += len(self._kept[-1].y)
        while self._count > self.max_rows:
            self._kept = [_joined(self._kept).every(2, 0)]
            self._count = len(self._kept[0].y)
            self._step *= 2

    def rows(self) -> LabelledRows:
        """All that was taken.

        Raises:
            InputError: Nothing was.
        """
        if not self._count:
            raise self.ledger.nothing_metered([self.name])
        kept = _joined(self._kept)
        if self._step > 1:
            self.ledger.noted(
                f"every {self._step}th of {self._passed:,} rows is kept, {self._count:,} of them: more than "
                f"{self.max_rows:,} were there"
            )
        return LabelledRows(
            name=self.name,
            x=kept.x,
            features=self._features,
            labels=tuple(self._labels),  # all that the set knows: places do not depend on what was read
            y=kept.y,
            words={name: tuple(words) for name, words in self.words.known.items()},
            parts=tuple(self._parts),
            part=kept.part if self._parts else None,
            times_ns=kept.times_ns,
            captures=tuple(self._captures),
            capture=kept.capture,
            ends=kept.ends,
            counted=self.counted,
            ledger=self.ledger,
        )


def _joined(kept: list[_Kept]) -> _Kept:
    if len(kept) == 1:
        return kept[0]
    times = [one.times_ns for one in kept if one.times_ns is not None]
    ends = [one.ends for one in kept if one.ends is not None]
    return _Kept(
        np.concatenate([one.x for one in kept]),
        np.concatenate([one.y for one in kept]),
        np.concatenate([one.part for one in kept]),
        np.concatenate([one.capture for one in kept]),
        np.concatenate(times) if len(times) == len(kept) else None,
        pa.concat_tables(ends).combine_chunks() if len(ends) == len(kept) else None,
    )


def _difference(ours: tuple[Feature, ...], theirs: tuple[Feature, ...]) -> str:
    lacking = [feature.name for feature in ours if feature not in theirs]
    more = [feature.name for feature in theirs if feature not in ours]
    words = [f"lacks {', '.join(lacking[:5])}"] if lacking else []
    return "; ".join([*words, *([f"has {', '.join(more[:5])}"] if more else [])]) or "their order differs"
