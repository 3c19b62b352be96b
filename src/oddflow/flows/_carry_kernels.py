"""What it takes to let a meter's open flows go on in another meter."""

from numba import i4, i8, void

from oddflow.flows._key_kernels import ROW, put_slot
from oddflow.flows._layout import FLOW_ARRAY, NONE
from oddflow.jit import kernel


@kernel(i8(i4[:, ::1], i8, i4[::1], i8))
def rows_of(links, first, rows, count):
    """Appends the rows of a list, the longest quiet first, to the `count` that are there; how many there are then."""
    row = first
    while row != NONE:
        rows[count] = row
        count += 1
        row = i8(links[row, 1])
    return count


@kernel(void(i4[:, ::1], FLOW_ARRAY, i8))
def put_rows(slots, flows, count):
    """Notes the first `count` rows in an empty table, by the hashes that they have."""
    mask = i8(slots.shape[0] - 1)
    for row in range(count):
        slot = i8(flows[row].hash) & mask
        while slots[slot, ROW] != NONE:
            slot = (slot + 1) & mask
        put_slot(slots, slot, row, flows[row].hash)
