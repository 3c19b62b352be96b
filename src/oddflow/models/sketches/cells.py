"""Quantiles of columns: within 0.4 % of the value in one pass over the rows, exactly in two."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.models.rows import Floats
from oddflow.models.sketches.packed import pack, refused, unpack

RELATIVE_ERROR = 2.0**-8
"""Of a quantile after one pass."""

_KIND, _FINER = "cells", "finer cells"
_HALF = 1 << 16
_SIGN = np.uint32(1 << 31)

Counts = NDArray[np.int64]


class Cells:
    """How many values of k columns of float32 lie in each of 65,536 cells.

    A cell holds the numbers that share the upper half of their bits: sign, exponent and seven bits of the fraction. So
    it is as wide as 1/128 of its numbers, and a quantile that is told by the middle of its cell is off by 1/256 of its
    value at most, whatever the values and their order (below 2^-126 by less than 10^-40). Counts are whole numbers:
    any partition and any order give the same. A second pass looks into the cells that were asked for, and is exact.

    Source: the guarantee is that of Masson, Rim & Lee 2019, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
    Relative-Error Guarantees"; cells are those of the number format, so that no logarithm is taken and no two computers
    differ.

    Memory: 512 KiB a column at most; traffic fills some hundred cells, 8 bytes each where it is packed.

    Args:
        width: Columns k.
    """

    def __init__(self, width: int) -> None:
        self.counts: Counts = np.zeros((width, _HALF), np.int64)

    @property
    def rows(self) -> int:
        """How many values a column has."""
        return int(self.counts[0].sum()) if len(self.counts) else 0

    def update(self, x: Floats) -> None:
        """Takes rows (n, k), finite."""
        for column in range(len(self.counts)):
            self.counts[column] += np.bincount(_keys(x[:, column]) >> 16, minlength=_HALF)

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        self.counts = self.counts + other.counts

    def estimates(self, places: Sequence[int]) -> Floats:
        """Values at some places of the sorted rows, from 0, to 1/256 of each: (places, k)."""
        cells = self._cells(places)[0]
        ends = [_numbers((cells << 16) | last) for last in (0, _HALF - 1)]
        low, high = (np.clip(end, -np.finfo(np.float32).max, np.finfo(np.float32).max) for end in ends)
        return np.asarray(low + (high - low) / 2, np.float32)

    def finer(self, places: Sequence[int]) -> "FinerCells":
        """What a second pass over the same rows fills, to have the values at these places exactly."""
        return FinerCells(*self._cells(places))

    def to_bytes(self) -> bytes:
        """For a wire or a file."""
        columns, cells = np.nonzero(self.counts)
        width = np.array([len(self.counts)])
        return pack(_KIND, width=width, columns=columns, cells=cells, counts=self.counts[columns, cells])

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From a wire or a file; raises UnknownFormat for what is none."""
        numbers = (np.int64, 1)
        arrays = unpack(content, _KIND, {"width": numbers, "columns": numbers, "cells": numbers, "counts": numbers})
        width, columns, cells, counts = (arrays[name] for name in ("width", "columns", "cells", "counts"))
        is_sound = (
            width.shape == (1,)
            and 0 <= width[0] <= _HALF
            and len(columns) == len(cells) == len(counts)
            and _within(columns, int(width[0]))
            and _within(cells, _HALF)
            and bool((counts > 0).all())
        )
        if not is_sound or len(np.unique(columns * _HALF + cells)) < len(cells):
            raise refused(_KIND, "columns, cells and counts do not go together")
        found = cls(int(width[0]))
        found.counts[columns, cells] = counts
        return found

    def _cells(self, places: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The cell that holds each place of each column, and the place within it: (places, k), (places, k)."""
        passed = np.cumsum(self.counts, axis=1)
        cells = np.stack([np.searchsorted(column, places, side="right") for column in passed], axis=1)
        held = np.stack([column[cells[:, j]] for j, column in enumerate(passed)], axis=1)
        own = np.stack([column[cells[:, j]] for j, column in enumerate(self.counts)], axis=1)
        return cells, np.asarray(places)[:, None] - (held - own)


class FinerCells:
    """How many values of some cells have each lower half of their bits.

    Memory: 512 KiB at most for each place of each column, and far less where numbers repeat.

    Args:
        cells: That are looked into, (places, k).
        within: The place that is wanted within each, (places, k).
    """

    def __init__(self, cells: NDArray[np.int64], within: NDArray[np.int64]) -> None:
        self.cells = cells
        self.within = within
        self._keys = [np.zeros(0, np.int64) for _ in range(cells.shape[1])]
        self._counts = [np.zeros(0, np.int64) for _ in range(cells.shape[1])]

    def update(self, x: Floats) -> None:
        """Takes rows (n, k), the same ones again."""
        for column, wanted in enumerate(self.cells.T):
            keys = _keys(x[:, column])
            is_wanted = np.zeros(_HALF, bool)
            is_wanted[wanted] = True
            self._add(column, *np.unique(keys[is_wanted[keys >> 16]], return_counts=True))

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        for column in range(len(self._keys)):
            self._add(column, other._keys[column], other._counts[column])

    def values(self) -> Floats:
        """At the places that were asked for, exactly: (places, k)."""
        found = np.zeros(self.cells.shape, np.int64)
        for column, (keys, counts) in enumerate(zip(self._keys, self._counts, strict=True)):
            passed = np.cumsum(counts)
            first = np.searchsorted(keys, self.cells[:, column] << 16)
            start = np.where(first, passed[first - 1], 0)
            found[:, column] = keys[np.searchsorted(passed, start + self.within[:, column], side="right")]
        return _numbers(found)

    def to_bytes(self) -> bytes:
        """For a wire or a file."""
        sizes = np.array([len(keys) for keys in self._keys], np.int64)
        keys, counts = (np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (self._keys, self._counts))
        return pack(_FINER, cells=self.cells, within=self.within, sizes=sizes, keys=keys, counts=counts)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From a wire or a file; raises UnknownFormat for what is none."""
        numbers, tables = (np.int64, 1), (np.int64, 2)
        arrays = unpack(
            content, _FINER, {"cells": tables, "within": tables, "sizes": numbers, "keys": numbers, "counts": numbers}
        )
        cells, sizes, keys, counts = (arrays[name] for name in ("cells", "sizes", "keys", "counts"))
        is_sound = (
            cells.shape == arrays["within"].shape
            and cells.shape[1] == len(sizes)
            and bool((sizes >= 0).all())
            and sum(sizes.tolist()) == len(keys) == len(counts)
            and _within(cells, _HALF)
            and _within(keys, 1 << 32)
            and bool((counts > 0).all())
        )
        if not is_sound:
            raise refused(_FINER, "cells, keys and counts do not go together")
        found = cls(cells.copy(), arrays["within"].copy())
        ends = np.cumsum(sizes)[:-1]
        for column, (own, many) in enumerate(zip(np.split(keys, ends), np.split(counts, ends), strict=True)):
            if (np.diff(own) <= 0).any():
                raise refused(_FINER, "keys do not ascend")
            found._keys[column], found._counts[column] = own.copy(), many.copy()
        return found

    def _add(self, column: int, keys: NDArray[np.int64], counts: Counts) -> None:
        both, many = np.concatenate([self._keys[column], keys]), np.concatenate([self._counts[column], counts])
        self._keys[column], places = np.unique(both, return_inverse=True)
        self._counts[column] = np.zeros(len(self._keys[column]), np.int64)
        np.add.at(self._counts[column], places, many)


def _keys(column: Floats) -> NDArray[np.int64]:
    """Whole numbers from 0 to 2^32 that ascend as the values do; -0 is 0."""
    bits = (np.ascontiguousarray(column, np.float32) + np.float32(0)).view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN).astype(np.int64)


def _numbers(keys: NDArray[np.int64]) -> Floats:
    """And back."""
    bits = keys.astype(np.uint32)
    return np.where(bits & _SIGN, bits & ~_SIGN, ~bits).astype(np.uint32).view(np.float32)


def _within(numbers: NDArray[np.int64], most: int) -> bool:
    return not numbers.size or bool(numbers.min() >= 0 and numbers.max() < most)
