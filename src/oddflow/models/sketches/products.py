"""Sums and products of scaled rows without rounding, and matrices applied to rows: the same in any partition and order.

A scaled value is taken as a whole multiple of 2^-24, in two parts: 2^-10 and the rest. Products of such parts, and sums
of some thousand of them, are whole numbers below 2^53, which a double holds: whatever order a matrix product adds them
up in, and on however many threads, it gives the same bits (error-free transformation of matrix products: Ozaki et al.
2012, "Error-free transformations of matrix multiplication by using fast routines of matrix multiplication and its
applications"). A value is thereby rounded by at most 2^-25 of a spread, as float32 rounds those from 1/2 to 1.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.models.rows import Floats
from oddflow.models.sketches.packed import Integers, integers_of, pack, refused, unpack, words_of

Doubles = NDArray[np.float64]

FARTHEST = 1_024.0
"""Scaled values that are summed lie within it."""

_KIND = "products"
_COARSE, _FINE, _ENTRY = 2.0**10, 2.0**24, 2.0**30
_BLOCK = 4_096
"""Rows: 2^12 products of at most 2^40 stay below 2^53."""
_FOLDED = 512
"""Blocks whose sums stay below 2^63."""
_UNIT = 1 << 48


class Products:
    """Count, sum and sum of products of scaled rows with m columns: exact means and covariances.

    Memory: m² integers of at most 16 bytes while n < 2^60. An update takes three matrix products in double precision.

    Args:
        width: Columns m.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self._sums: Integers = np.zeros(width, object)
        self._products: Integers = np.zeros((width, width), object)

    def update(self, scaled: Floats) -> None:
        """Takes rows (n, m).

        Raises:
            UsageError: A value is farther out than any scaling of ours leaves it.
        """
        check_scaled(scaled)
        for start in range(0, len(scaled), _BLOCK * _FOLDED):
            self._add(scaled[start : start + _BLOCK * _FOLDED])

    def merge(self, other: Self) -> None:
        """Takes in what another saw."""
        self.count += other.count
        self._sums = self._sums + other._sums
        self._products = self._products + other._products

    def mean(self) -> Doubles:
        """(m,)."""
        return np.array([total / (max(1, self.count) << 24) for total in self._sums], np.float64)

    def covariance(self) -> Doubles:
        """Dividing by the rows, (m, m)."""
        n = max(1, self.count)
        scatter = self._products * n - np.outer(self._sums, self._sums)
        return np.array([value / (n * n * _UNIT) for value in scatter.flat], np.float64).reshape(scatter.shape)

    def to_bytes(self) -> bytes:
        """For a wire or a file."""
        return pack(_KIND, count=np.array([self.count]), sums=words_of(self._sums), products=words_of(self._products))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """From a wire or a file; raises UnknownFormat for what is none."""
        arrays = unpack(content, _KIND, {"count": (np.int64, 1), "sums": (np.uint8, 2), "products": (np.uint8, 3)})
        sums, products = (integers_of(arrays[name], _KIND) for name in ("sums", "products"))
        if arrays["count"].shape != (1,) or arrays["count"][0] < 0 or products.shape != (len(sums), len(sums)):
            raise refused(_KIND, "count, sums and products are not of the same rows and columns")
        found = cls(len(sums))
        found.count, found._sums, found._products = int(arrays["count"][0]), sums, products
        return found

    def _add(self, scaled: Floats) -> None:
        width = len(self._sums)
        sums = np.zeros((2, width), np.int64)
        products = np.zeros((3, width, width), np.int64)
        for start in range(0, len(scaled), _BLOCK):
            coarse, fine = parts_of(scaled[start : start + _BLOCK])
            sums += np.stack([coarse.sum(axis=0), fine.sum(axis=0)]).astype(np.int64)
            products += np.stack([coarse.T @ coarse, coarse.T @ fine, fine.T @ fine]).astype(np.int64)
        self.count += len(scaled)
        self._sums = self._sums + (sums[0].astype(object) * (1 << 14) + sums[1])
        mixed = products[1].astype(object)
        self._products = self._products + (
            products[0].astype(object) * (1 << 28) + (mixed + mixed.T) * (1 << 14) + products[2]
        )


def parts_of(scaled: Floats) -> tuple[Doubles, Doubles]:
    """Whole multiples of 2^-10, and whole multiples of 2^-24 of what these leave: (n, m) -> (n, m), (n, m)."""
    wide = scaled.astype(np.float64)
    coarse = np.rint(wide * _COARSE)
    return coarse, np.rint((wide - coarse / _COARSE) * _FINE)


def check_scaled(scaled: Floats) -> None:
    """Raises UsageError for a value that is farther out than scaled ones lie."""
    if len(scaled) and not max(float(scaled.max()), -float(scaled.min())) <= FARTHEST:
        raise UsageError(f"scaled values must lie within ±{FARTHEST:g}; use another scaling")


def projected(scaled: Floats, mean: Floats, projection: Floats) -> Floats:
    """Rows drawn by the directions that a projection keeps: (n, m), (m,), (m, m) -> (n, m).

    (row - mean) · projection + mean, where entries of the projection are whole multiples of 2^-30. Since no row of a
    projection is longer than 1, sums stay below 2^53 for up to 10,000 columns (Cauchy-Schwarz), and each row gives the
    same bits whatever rows stand beside it.
    """
    entries = np.rint(projection.astype(np.float64) * _ENTRY)
    drawn = np.empty(scaled.shape, np.float32)
    for start in range(0, len(scaled), _BLOCK):
        coarse, fine = parts_of(np.asarray(scaled[start : start + _BLOCK] - mean, np.float32))
        off = (coarse @ entries) / (_COARSE * _ENTRY) + (fine @ entries) / (_FINE * _ENTRY)
        drawn[start : start + _BLOCK] = off + mean
    return drawn
