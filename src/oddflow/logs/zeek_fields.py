"""Fields of Zeek's logs that are read, and their values as numbers, times and texts."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.logs.sieve import Sieve

MOST_COUNT = 1 << 53
"""Larger counts are no counts: JSON's numbers are exact up to here."""

MOST_US = (1 << 63) // 1000 - 1
"""The last time that nanoseconds in 64 bits reach: the year 2262."""


class Kind(Enum):
    """What a field holds."""

    TEXT = auto()
    COUNT = auto()
    SECONDS = auto()
    TIME = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field, by Zeek's name.

    Attributes:
        also: Other names that it goes by, all of them rare.
        is_rare: Whether most logs lack it.
    """

    name: str
    kind: Kind
    also: tuple[str, ...] = ()
    is_rare: bool = False


DIGITS = r"^[0-9]{1,16}$"
DECIMAL = r"^-?[0-9]{1,16}(?:\.[0-9]{1,32})?(?:[eE][-+]?[0-9]{1,2})?$"


def counts_of_texts(texts: Any) -> tuple[Any, NDArray[np.bool_]]:
    """Whole numbers, (n,) uint64, null where a text is none; and which rows have such a text."""
    bad = _flags(pc.invert(pc.match_substring_regex(texts, DIGITS)))
    if bad.any():
        texts = pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), texts)
    return counts_of_numbers(texts.cast(pa.float64()), bad)


def seconds_of_texts(texts: Any) -> tuple[Any, NDArray[np.bool_]]:
    """Seconds, (n,) float64, null where a text is no number; and which rows have such a text."""
    bad = _flags(pc.invert(pc.match_substring_regex(texts, DECIMAL)))
    if bad.any():
        texts = pc.if_else(pa.array(bad), pa.scalar(None, pa.string()), texts)
    return texts.cast(pa.float64()), bad


def counts_of_numbers(numbers: Any, bad: NDArray[np.bool_] | None = None) -> tuple[Any, NDArray[np.bool_]]:
    """Whole numbers, (n,) uint64, of float64; null where a number is not whole, negative or too large."""
    values = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= 0) & (values < MOST_COUNT) & (values == np.floor(values)))
    missing = _flags(numbers.is_null())
    if wrong.any():
        values = np.where(wrong, 0, values)
    counts = pa.array(values.astype(np.uint64), mask=missing | wrong)
    return counts, wrong if bad is None else wrong | bad


def microseconds(numbers: Any) -> tuple[Any, NDArray[np.bool_]]:
    """Seconds as int64 microseconds, (n,), which is Zeek's clock; null where they are no time, and those rows."""
    values = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore", over="ignore"):
        us = np.round(values * 1e6)
        wrong = ~(np.abs(us) < MOST_US)
    missing = _flags(numbers.is_null())
    return pa.array(np.where(wrong, 0, us).astype(np.int64), mask=missing | wrong), wrong


def typed(
    columns: dict[str, Any], fields: tuple[Field, ...], sieve: Sieve, *, of_text: bool
) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """The rows whose values are what their fields say.

    Args:
        columns: By field name, (n,) each: strings where `of_text`; else strings, float64, and int64 microseconds
            for times.
        fields: All of them.
        sieve: Told of rows with other values.
        of_text: Whether numbers come as text.

    Returns:
        Texts as strings, counts as uint64, seconds and times as int64 microseconds; and the lines of the rows.
    """
    found = dict(columns)
    for field in fields:
        if field.kind is Kind.TEXT:
            continue
        column = found[field.name]
        if field.kind is Kind.COUNT:
            found[field.name], wrong = counts_of_texts(column) if of_text else counts_of_numbers(column)
            sieve.drop(wrong, f"{field.name} is no count")
            continue
        bad = np.zeros(len(column), np.bool_)
        if of_text:
            column, bad = seconds_of_texts(column)
        if column.type != pa.int64():
            column, wrong = microseconds(column)
            bad = bad | wrong
        found[field.name] = column
        sieve.drop(bad, f"{field.name} is no {'time' if field.kind is Kind.TIME else 'number of seconds'}")
    return sieve.sift(found)


def _flags(flags: Any) -> NDArray[np.bool_]:
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
