"""What it takes to pick finished flows out of others, in another order."""

from numba import i4, i8, types, u1, void

from oddflow._memory_kernels import copy_bytes
from oddflow.jit import kernel

READ_BYTES = types.Array(u1, 1, "C", readonly=True)
READ_ENDS = types.Array(i4, 1, "C", readonly=True)


@kernel(void(READ_BYTES, READ_ENDS, i8[::1], i8[::1], u1[::1], i4[::1]))
def pick_bytes(data, ends, rows, places, to_data, to_ends):
    """Copies the bytes of some rows, each row's from `ends[row]` on, to where those of their places begin."""
    for number in range(len(rows)):
        row = rows[number]
        start = i8(ends[row])
        copy_bytes(to_data, i8(to_ends[places[number]]), data, start, i8(ends[row + 1]) - start)
