"""A page of rows, and where the next one begins: by the last row's key, so that new rows shift nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from oddflow.errors import UsageError

MOST_ROWS = 1_000
_TOKEN = re.compile(r"([0-9a-fA-FxXpP.+-]{1,40})_([0-9A-Za-z-]{0,64})")
MOST = 1 << 63

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, and what `after` is for the next page; None where there is none."""

    items: Sequence[T]
    after: str | None = None


def bounded(limit: int) -> int:
    """A number of rows that may be asked for.

    Raises:
        UsageError: It may not.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"{limit} rows were asked for; expected 1 to {MOST_ROWS:,}")
    return limit


def token(order: float, key: str | int) -> str:
    """Names a row, exactly: `order` is what rows are ordered by, `key` tells those of the same order apart."""
    return f"{order if isinstance(order, int) else order.hex()}_{key}"


def whole_of(text: str) -> tuple[int, str]:
    """The same back, where the order is a whole number.

    Raises:
        UsageError: No page ended with that.
    """
    order, key = _parts(text)
    try:
        number = int(order)
    except ValueError:
        raise _wrong(text) from None
    if not -MOST <= number < MOST:
        raise _wrong(text)
    return number, key


def number_of(text: str) -> tuple[float, str]:
    """The same back, where the order is a float.

    Raises:
        UsageError: No page ended with that.
    """
    order, key = _parts(text)
    try:
        return float.fromhex(order), key
    except (ValueError, OverflowError):
        raise _wrong(text) from None


def _parts(text: str) -> tuple[str, str]:
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise _wrong(text)
    return found[1], found[2]


def _wrong(text: str) -> UsageError:
    return UsageError(f"after is {text[:80]!r}; expected what the page before gave")
