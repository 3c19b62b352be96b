"""Turns records into columns: a table of flows wants each field of all flows side by side."""

import numpy as np
from numba import i8, types, u1, u2, u4, void
from numba import u8 as u64

from oddflow._memory_kernels import copy_every, fetch
from oddflow.flows._layout import CACHE_LINE_BYTES
from oddflow.jit import kernel

BLOCK_RECORDS = 64
SRC_PORT, DST_PORT, VERSION, PROTOCOL, END_NUMBERS = 0, 1, 2, 3, 4
ICMP, ICMP6 = 1, 58


@kernel()
def take_block(words, places, first, many, columns):
    """Fills columns[f, first:first + many] with the words at places[f] of as many records."""
    words_a_record, rows = words.shape[1], columns.shape[1]
    for field in range(places.shape[0]):
        begin = first * words_a_record + places[field]
        copy_every(columns, field * rows + first, words, begin, words_a_record, many)


@kernel(
    void(
        *(types.Array(word, 2, "C", readonly=True) for word in (u64, u4, u2, u1)),
        i8[::1], i8[::1], i8[::1], i8[::1], i8,
        u64[:, ::1], u4[:, ::1], u2[:, ::1], u1[:, ::1],
    )
)  # fmt: skip
def take_fields(words8, words4, words2, words1, places8, places4, places2, places1, count,
                columns8, columns4, columns2, columns1):  # fmt: skip
    """Turns records into columns: columnsN[f, i] is the word of N bytes at placesN[f] of the i-th of `count` records.

    The same records are seen as words of 8, 4, 2 and 1 bytes; they may be such as only another process writes. All
    fields are taken of a block of records that stays in the cache while the next is fetched; record by record takes ten
    times as long.
    """
    for first in range(0, count, BLOCK_RECORDS):
        many = min(count - first, BLOCK_RECORDS)
        for record in range(first + many, min(first + 2 * many, count)):
            for line in range(0, words1.shape[1], CACHE_LINE_BYTES):
                fetch(words1, record * words1.shape[1] + line, 0)
        take_block(words8, places8, first, many, columns8)
        take_block(words4, places4, first, many, columns4)
        take_block(words2, places2, first, many, columns2)
        take_block(words1, places1, first, many, columns1)


@kernel(void(u64[::1], u64[::1], u64[::1], u64[::1], u64[::1], u1[::1], u64[:, ::1], i8[:, ::1], u2[:, ::1]))
def tell_ends(a_high, a_low, b_high, b_low, ends, swapped, words, numbers, ports):
    """Tells both ends of n flows from their keys, the initiator's first.

    Fills words (4, n): source high and low, destination high and low; numbers (END_NUMBERS, n), as the key holds them;
    ports (2, n): the same ports, 0 where the key's are none.
    """
    for i in range(ends.shape[0]):
        near, far = 2 * np.int64(swapped[i] != 0), 2 - 2 * np.int64(swapped[i] != 0)
        words[near, i], words[near + 1, i] = a_high[i], a_low[i]
        words[far, i], words[far + 1, i] = b_high[i], b_low[i]
        key = np.int64(ends[i])
        low, high = (key >> 32) & 0xFFFF, (key >> 16) & 0xFFFF
        protocol, version = (key >> 8) & 0xFF, key & 0xFF
        src, dst = (high, low) if swapped[i] else (low, high)
        numbers[SRC_PORT, i], numbers[DST_PORT, i] = src, dst
        numbers[VERSION, i], numbers[PROTOCOL, i] = version, protocol
        have_ports = version > 0 and protocol not in (ICMP, ICMP6)
        ports[0, i], ports[1, i] = (src, dst) if have_ports else (0, 0)
