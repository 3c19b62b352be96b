"""Rows of a table that can be used, and those that cannot, counted by reason with the first line of each."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.losses import Ledger, Loss


class Sieve:
    """Takes rows out one reason after the other; each row is lost once, for the first reason that hits it.

    Args:
        lines: The line of each row, (n,).
        name: What messages call the source.
        ledger: Told of the rows that are lost.
    """

    def __init__(self, lines: NDArray[np.int64], name: str, ledger: Ledger) -> None:
        self.keeps = np.ones(len(lines), np.bool_)
        self._lines = lines
        self._name = name
        self._ledger = ledger

    def drop(self, rows: NDArray[np.bool_], why: str) -> None:
        """Counts the rows (n,) as lost, as far as they are not yet."""
        places = np.flatnonzero(rows & self.keeps)
        if len(places):
            self._ledger.lost(Loss.RECORD, len(places), why, at=f"{self._name}, line {self._lines[places[0]]}")
            self.keeps[places] = False

    def leave(self, rows: NDArray[np.bool_]) -> None:
        """Takes rows (n,) out that are no loss."""
        self.keeps &= ~rows

    def sift(self, columns: dict[str, Any]) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """The rows that are left, of n rows each column, and their lines."""
        if self.keeps.all():
            return columns, self._lines
        kept = pa.array(self.keeps)
        return {name: column.filter(kept) for name, column in columns.items()}, self._lines[self.keeps]
