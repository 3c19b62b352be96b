"""How well one coarse column alone tells classes apart: learnt on the training rows, measured on the test rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.rows import LabelledRows

LEAST_TRAIN, LEAST_TEST = 30, 30
"""Rows of a class and of all others, on each side, without which nothing can be told."""

Table = NDArray[np.int64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Told:
    """How well a class is told from all others.

    Attributes:
        which: The class, a place in the labels; -1 for all attacks.
        balanced: Mean of the shares of its test rows, and of all others', that are told right.
        accuracy: Share of all test rows that are.
        majority: Share that would be if all were given to the commoner side.
    """

    which: int
    balanced: float
    accuracy: float
    majority: float

    @property
    def words(self) -> str:
        """The balanced accuracy in words."""
        return f"has a balanced accuracy of {self.balanced:.3f}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by code and class: `train` and `test` (codes, classes) int64; which classes are attacks (classes,)."""

    train: Table
    test: Table
    is_attack: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: LabelledRows, sides: tuple[Places, Places], codes: tuple[Places, Places], count: int) -> "Counts":
        """Of the training and the test rows; their codes are 0 to count - 1."""
        classes = len(rows.labels)
        tables = [
            np.bincount(code * classes + rows.y[side], minlength=count * classes).reshape(count, classes)
            for side, code in zip(sides, codes, strict=True)
        ]
        attacks = np.array([label.category.value != "normal" for label in rows.labels])
        return cls(tables[0], tables[1], attacks)

    def attacks(self) -> tuple[Table, Table, int]:
        """Normal rows and attacks by code: (codes, 2) of each side."""
        return _two(self.train, self.is_attack), _two(self.test, self.is_attack), -1

    def each_class(self) -> Iterator[Told]:
        """How well each class is told from all others, where there are enough rows."""
        for which in range(self.train.shape[1]):
            mine = np.arange(self.train.shape[1]) == which
            told = tell((_two(self.train, mine), _two(self.test, mine), which))
            if told is not None:
                yield told


def _two(table: Table, mine: NDArray[np.bool_]) -> Table:
    return np.stack([table[:, ~mine].sum(axis=1), table[:, mine].sum(axis=1)], axis=1)


def told_by_others(table: Table) -> float:
    """The balanced accuracy of giving each row to the side that has more of the other rows with its code.

    Args:
        table: Rows by code and side, (codes, 2); two rows of either side at least.
    """
    normal, mine = table[:, 0].astype(np.float64), table[:, 1].astype(np.float64)
    totals = normal.sum(), mine.sum()
    is_right = np.stack(
        [mine / totals[1] <= (normal - 1) / (totals[0] - 1), (mine - 1) / (totals[1] - 1) > normal / totals[0]], axis=1
    )
    return float(((table * is_right).sum(axis=0) / table.sum(axis=0)).mean())


def tell(sides: tuple[Table, Table, int]) -> Told | None:
    """Each code is given to the side that has more of its training rows there; None where rows are too few."""
    train, test, which = sides
    if train.sum(axis=0).min() < LEAST_TRAIN or test.sum(axis=0).min() < LEAST_TEST:
        return None
    shares = train / train.sum(axis=0)
    is_mine = shares[:, 1] > shares[:, 0]
    right = np.array([test[~is_mine, 0].sum(), test[is_mine, 1].sum()])
    total = test.sum(axis=0)
    return Told(
        which, float((right / total).mean()), float(right.sum() / total.sum()), float(total.max() / total.sum())
    )
