"""Text columns to numbers and times: what is no such value becomes null, whatever stands beside it."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

LARGEST_BITS = 64
_UNSIGNED = "^[0-9]{1,20}$|^0[xX][0-9a-fA-F]{1,16}$"
ZONED, UNZONED = pa.timestamp("ns", "UTC"), pa.timestamp("ns")


def cast_or_null(texts: Any, *kinds: Any) -> pa.Array:
    """Values of the first kind, (n,); null where a text is null or is of none of the kinds.

    Args:
        texts: A string array, (n,).
        kinds: Arrow types in the order in which they are tried.

    >>> cast_or_null(pa.array(["7", "0x10", "x", "300"]), pa.uint8()).to_pylist()
    [7, 16, None, None]
    """
    for kind in kinds:
        try:
            return texts.cast(kind).cast(kinds[0])
        except pa.ArrowInvalid:
            continue
    if len(texts) == 1:
        return pa.nulls(1, kinds[0])
    likely = pc.match_substring_regex(texts, _pattern(kinds[0]))
    if not pc.all(likely).as_py():  # a look at all of them spares most of the halving
        return cast_or_null(pc.if_else(likely, texts, pa.scalar(None, pa.string())), *kinds)
    if pa.types.is_unsigned_integer(kinds[0]) and kinds[0].bit_width < LARGEST_BITS:
        return _in_range(cast_or_null(texts, pa.int64()), kinds[0])
    half = len(texts) // 2
    return pa.concat_arrays([cast_or_null(piece, *kinds) for piece in (texts.slice(0, half), texts.slice(half))])


def _in_range(values: Any, kind: Any) -> Any:
    """Unsigned integers of fewer bits; null where a value does not fit."""
    fits = pc.and_(pc.greater_equal(values, 0), pc.less(values, 1 << kind.bit_width))
    return pc.if_else(fits, values, pa.scalar(None, pa.int64())).cast(kind)


def _pattern(kind: Any) -> str:
    """What all texts of a type look like, and few others."""
    if pa.types.is_timestamp(kind):
        return "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    if pa.types.is_floating(kind):
        return r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$|^[-+]?[NnIi][A-Za-z]+$"
    if pa.types.is_integer(kind):
        return _UNSIGNED if pa.types.is_unsigned_integer(kind) else f"{_UNSIGNED}|^-[0-9]{{1,20}}$"
    return ""


def times_or_null(texts: Any) -> pa.Array:
    """Times in UTC, (n,), of texts like 2021-06-06T15:59:46.457984+0200; without a zone they are taken as UTC.

    >>> times_or_null(pa.array(["2021-06-06T15:59:46+0200", "2021-06-06 13:59:46", "2021-02-30 00:00:00"])).to_numpy()
    array(['2021-06-06T13:59:46.000000000', '2021-06-06T13:59:46.000000000',
                                     'NaT'], dtype='datetime64[ns]')
    """
    return cast_or_null(texts, ZONED, UNZONED)


def finite_or_null(texts: Any) -> pa.Array:
    """Floats, (n,); null where a text is none, or is no finite one."""
    values = cast_or_null(texts, pa.float64())
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
