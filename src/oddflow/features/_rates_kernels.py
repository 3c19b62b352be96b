"""How much each key (a host) did in each slot of time of late."""

import numpy as np

from oddflow.features._recent_kernels import place_of
from oddflow.jit import kernel

SLOTS = 64


@kernel(
    "void(i8[::1], u8[::1], f4[:, ::1], i8, u8, i8[::1], u8[::1], i8[:, ::1], i8[::1], f4[:, :, ::1], i8[::1], "
    "i8[::1], f4[:, :, ::1])",
    allocates=True,
)
def tell_rates(end_ns, key, amounts, slot_ns, seed, slots_of_keys, keys, links, table, sums, last, latest, told):
    """The last SLOTS sums of each flow's key, the flow included.

    Args:
        end_ns: (n,) times, ascending; a late record counts as of the latest time.
        key: (n,) whose flow it is. amounts: (n, k) what is summed.
        slot_ns: Width of a slot.
        seed, slots_of_keys, keys, links, table: See `_recent_kernels.place_of`.
        sums: (places, k, SLOTS) state. last: (places,) the slot of a key's last flow. latest: (1,) the latest time.
        told: (n, k, SLOTS) float32, filled; the slot of the flow itself is the last.
    """
    for i in range(end_ns.shape[0]):
        latest[0] = max(latest[0], end_ns[i])
        slot = latest[0] // slot_ns
        place, is_fresh = place_of(key[i], seed, slots_of_keys, keys, links, table)
        passed = SLOTS if is_fresh else min(slot - last[place], SLOTS)
        last[place] = slot
        for quantity in range(sums.shape[1]):
            for back in range(passed):
                sums[place, quantity, (slot - back) % SLOTS] = np.float32(0)
            sums[place, quantity, slot % SLOTS] += amounts[i, quantity]
            for at in range(SLOTS):
                told[i, quantity, at] = sums[place, quantity, (slot + 1 + at) % SLOTS]
