"""Turns records into columns: a table of flows wants each field of all flows side by side."""

from numba import i8, u1, u2, u4, void
from numba import u8 as u64

from oddflow._memory_kernels import copy_every
from oddflow.jit import kernel

BLOCK_RECORDS = 64


@kernel(
    void(u64[:, ::1], i8[::1], i8, u64[:, ::1]),
    void(u4[:, ::1], i8[::1], i8, u4[:, ::1]),
    void(u2[:, ::1], i8[::1], i8, u2[:, ::1]),
    void(u1[:, ::1], i8[::1], i8, u1[:, ::1]),
)
def take_fields(words, places, count, columns):
    """Fills columns[f, i] with words[i, places[f]] for the first `count` records seen as words of one size.

    Field by field over a block that stays in the cache: a fourth of the time that record by record takes.
    """
    words_a_record, rows = words.shape[1], columns.shape[1]
    for first in range(0, count, BLOCK_RECORDS):
        many = min(count - first, BLOCK_RECORDS)
        for field in range(places.shape[0]):
            begin = first * words_a_record + places[field]
            copy_every(columns, field * rows + first, words, begin, words_a_record, many)
