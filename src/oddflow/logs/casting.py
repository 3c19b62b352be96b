"""Text columns to numbers and times: what is no such value becomes null, whatever stands beside it."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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
    half = len(texts) // 2
    return pa.concat_arrays([cast_or_null(piece, *kinds) for piece in (texts.slice(0, half), texts.slice(half))])


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
