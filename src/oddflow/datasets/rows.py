"""Labelled rows: what every data set becomes, whether it has flows or only feature columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.losses import Ledger
from oddflow.schema import AttackCategory

CATEGORIES = tuple(AttackCategory)


@dataclass(frozen=True, slots=True)
class Label:
    """One class of a data set.

    Attributes:
        name: As the set writes it.
        category: What kind of attack it is, or normal.
        techniques: MITRE ATT&CK technique ids, like "T1110"; none for normal traffic.
    """

    name: str
    category: AttackCategory
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """What was read of one section of a set, before a sample of it was kept.

    Attributes:
        section: Which: a file, or a member of one.
        part: The official part that it belongs to; "" for none.
        classes: Rows of each class, by its name.
    """

    section: str
    part: str
    classes: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Rows of all classes."""
        return sum(self.classes.values())


@dataclass(slots=True)
class LabelledRows:
    """n rows of d features with their labels, in the set's own order.

    Attributes:
        name: The set's.
        x: Feature rows, (n, d) float32; a category is a whole number, a place in `words`; NaN is missing.
        features: The d columns.
        words: The values of a CATEGORY feature by its name, where they are words.
        labels: The classes.
        y: The class of each row, a place in `labels`, (n,) int16.
        parts: Names of the official parts: ("train", "test"); empty where the set has none.
        part: The official part of each row, a place in `parts`, (n,) int8; None where the set has none.
        times_ns: When each row's flow ended, (n,) int64; None where the set does not say.
        captures: Names of the captures or files that rows come from.
        capture: The capture of each row, a place in `captures`, (n,) int32.
        ends: src_ip, src_port, dst_ip, dst_port, protocol of each row, a table of n rows; None where the set has none.
            They split and check rows and are never features.
        counted: What was read, section by section; more rows than n where a sample was kept.
        ledger: What was lost.
    """

    name: str
    x: NDArray[np.float32]
    features: tuple[Feature, ...]
    labels: tuple[Label, ...]
    y: NDArray[np.int16]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    part: NDArray[np.int8] | None = None
    times_ns: NDArray[np.int64] | None = None
    captures: tuple[str, ...] = ()
    capture: NDArray[np.int32] | None = None
    ends: pa.Table | None = None
    counted: tuple[Counted, ...] = ()
    ledger: Ledger = field(default_factory=lambda: Ledger("rows"))

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.y)

    def filled(self) -> NDArray[np.float32]:
        """The features with 0 where one is missing, as models take them: x (n, d) -> (n, d)."""
        return np.nan_to_num(self.x)

    @property
    def read(self) -> int:
        """Rows that were read; more than n where an even sample was kept."""
        return sum(one.rows for one in self.counted)

    @property
    def kinds(self) -> NDArray[np.int64]:
        """What kind of traffic each row is, a place in `AttackCategory`: 0 is normal, (n,)."""
        places = np.array([CATEGORIES.index(label.category) for label in self.labels], np.int64)
        return np.asarray(places[self.y])

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Which rows are no normal traffic, (n,)."""
        return self.kinds > 0


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows are learnt from, and which are tested on.

    Attributes:
        name: How it was made: "official", "by time", "fold 3 of 10".
        train, test: Places of rows, ascending, without common members, (m,) int64.
    """

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]
