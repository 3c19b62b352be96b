"""Turns records into columns: a table of flows wants each field of all flows side by side."""

from numba import i8, u1, u2, u4, void
from numba import u8 as u64

from oddflow.jit import kernel


@kernel(
    void(u64[:, ::1], i8[::1], i8, u64[:, ::1]),
    void(u4[:, ::1], i8[::1], i8, u4[:, ::1]),
    void(u2[:, ::1], i8[::1], i8, u2[:, ::1]),
    void(u1[:, ::1], i8[::1], i8, u1[:, ::1]),
)
def take_fields(words, places, count, columns):
    """Fills columns[f, i] with words[i, places[f]] for the first `count` records seen as words of one size."""
    for i in range(count):
        for field in range(places.shape[0]):
            columns[field, i] = words[i, places[field]]
