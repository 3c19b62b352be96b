"""What a block of feature rows must be, checked once, at the border."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oddflow.errors import UsageError

Floats = NDArray[np.float32]


def check_rows(x: ArrayLike, *, width: int | None = None, at_least: int = 0, names: Sequence[str] = ()) -> Floats:
    """The rows as float32, contiguous; a copy only where they were something else.

    Args:
        x: Rows, shape (n, d), numbers, finite.
        width: The d that is expected; any where it is None.
        at_least: The fewest rows that are enough.
        names: The columns' names, for the message.

    Raises:
        UsageError: x is no (n, d) block of finite numbers, has another width, or too few rows.
    """
    rows = check_shape(x, width=width)
    if rows.shape[0] < at_least:
        raise UsageError(f"{at_least} rows or more are needed; {rows.shape[0]} given")
    check_finite(rows, names)
    return rows


def check_shape(x: ArrayLike, *, width: int | None = None) -> Floats:
    """`check_rows`, but for whether numbers are finite, which takes a look at each of them."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.ascontiguousarray(x, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"rows must be numbers of shape (n, d): {error}") from None
    if np.ndim(x) != 2 or rows.shape[1] == 0:
        raise UsageError(f"rows must have shape (n, d) with d ≥ 1; {np.shape(x)} given")
    if width is not None and rows.shape[1] != width:
        raise UsageError(f"rows must have {width} columns, as when it was learnt; {rows.shape[1]} given")
    return rows


def check_finite(rows: Floats, names: Sequence[str] = (), *, first: int = 0) -> None:
    """Refuses rows (n, d) that hold NaN or infinity; `first` is the number of the first of them.

    Raises:
        UsageError: Which number is none.
    """
    if np.isfinite(rows).all():
        return
    row, column = (int(place) for place in np.argwhere(~np.isfinite(rows))[0])
    name = f" ({names[column]})" if column < len(names) else ""
    raise UsageError(
        f"rows must be finite float32 numbers; column {column}{name} holds {rows[row, column]} in row {first + row}: "
        "replace it or leave the row out"
    )


def five_digits(values: NDArray[Any]) -> Floats:
    """Rounds to five significant digits, since the size of a batch changes the last bits of a score.

    >>> five_digits(np.array([123.456789, 0.000123456789, 0.0]))
    array([1.2346e+02, 1.2346e-04, 0.0000e+00], dtype=float32)
    """
    wide = values.astype(np.float64)
    magnitude = np.floor(np.log10(np.abs(wide), out=np.zeros_like(wide), where=wide != 0))
    unit = 10.0 ** (magnitude - 4)
    return (np.round(wide / unit) * unit).astype(np.float32)
