"""The tables of incremental statistics; shared by kernels and Python."""

from typing import Any, NamedTuple

from numba import f8, i4, i8, types, u8

DECAYS = 5
WAYS = 8
LINKED = 16
"""Pairs that a packet of a stream advances, those last talked over; of the others the sum stands still."""

NONE = -1

# What a stream is of.
MAC, JITTER, HOST, SOCKET = 1, 2, 3, 4

# Columns of a stream's numbers, one for each decay; the last two only of streams that have partners.
WEIGHT, TOTAL, SQUARES, TIME, MEAN, VARIANCE = 0, 5, 10, 15, 16, 21
ALONE_COLUMNS, PAIRED_COLUMNS = 16, 26

# Columns of a pair's: products, and the last residuals of the stream with the lesser serial number and of the other.
PRODUCTS, PAIR_WEIGHT, FIRST, LAST, PAIR_TIME = 0, 5, 10, 15, 20
PAIR_COLUMNS = 21

# Counters.
SERIALS, FORGOTTEN_STREAMS, FORGOTTEN_PAIRS, DROPPED_LINKS = 0, 1, 2, 3
COUNTERS = 4


class Streams(NamedTuple):
    """Streams in sets of WAYS rows: hashes (n,), 0 where a row is free, keys (n, 5), numbers (n, c), serials (n,) in
    the order in which streams began, and the rows of the pairs that each advances, (n, LINKED) or (n, 0)."""

    tags: Any
    keys: Any
    numbers: Any
    serials: Any
    links: Any


class Pairs(NamedTuple):
    """Pairs of streams in sets of WAYS rows: hashes (m,), serials (m, 2) ascending, numbers (m, PAIR_COLUMNS)."""

    tags: Any
    serials: Any
    numbers: Any


class Incremental(NamedTuple):
    """All of it; counters (COUNTERS,) and work (3, DECAYS), room for factors and residuals."""

    alone: Any
    paired: Any
    pairs: Any
    counters: Any
    work: Any


STREAMS = types.NamedTuple(  # type: ignore[no-untyped-call]
    (u8[::1], u8[:, ::1], f8[:, ::1], i8[::1], i4[:, ::1]), Streams
)
PAIRS = types.NamedTuple((u8[::1], i8[:, ::1], f8[:, ::1]), Pairs)  # type: ignore[no-untyped-call]
INCREMENTAL = types.NamedTuple((STREAMS, STREAMS, PAIRS, i8[::1], f8[:, ::1]), Incremental)  # type: ignore[no-untyped-call]
"""The Numba types of them."""
