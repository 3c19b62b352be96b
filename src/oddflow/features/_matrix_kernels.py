"""What hosts did lately, slot by slot: one small table of counts a host, drawn for each of its flows."""

from oddflow.features._context_kernels import TABLE_USED, bump, value_of
from oddflow.jit import kernel

# A matrix's own counters; TABLE_USED, which `bump` keeps, is 2.
HOSTS, FORGOTTEN, CLOCK = 0, 1, 3
COUNTERS = 4
assert TABLE_USED not in {HOSTS, FORGOTTEN, CLOCK}  # noqa: S101


@kernel()
def longest_silent(used):
    """The place whose last use is the farthest back."""
    oldest = 0
    for place in range(1, used.shape[0]):
        if used[place] < used[oldest]:
            oldest = place
    return oldest


@kernel()
def place_of(host, slot, table, places, names, used, latest, counts, counters):
    """Where a host's counts stand; a new host takes a free place, or that of the one that was silent longest."""
    found = value_of(table, places, host)
    if found > 0:
        return found - 1
    if counters[HOSTS] < used.shape[0]:
        place = counters[HOSTS]
        counters[HOSTS] += 1
    else:
        place = longest_silent(used)
        bump(table, places, counters, names[place], -(place + 1))
        if slot - latest[place] < counts.shape[1]:
            counters[FORGOTTEN] += 1
    bump(table, places, counters, host, place + 1)
    names[place] = host
    latest[place] = slot
    counts[place, :, :] = 0.0
    return place


@kernel(
    "void(u8[::1], i8[::1], i8[::1], f4[::1], u8[::1], i8[::1], u8[::1], i8[::1], i8[::1], f4[:, :, ::1], i8[::1], "
    "f4[:, ::1])"
)
def draw_matrices(hosts, slots, rows, amounts, table, places, names, used, latest, counts, counters, images):
    """Adds n flows, one after the other, and draws each one's host as it stands then.

    Args:
        hosts: (n,) hashes, never 0. slots: (n,) numbers of time slots. rows: (n,) places of rows.
        amounts: (n,) what each flow adds.
        table, places: Hash to place + 1, open addressing; at least two slots for each host.
        names, used, latest: (h,) each place's hash, its last use, its latest time slot.
        counts: (h, time slots, rows), a ring of time slots each.
        counters: (COUNTERS,).
        images: (n, rows × time slots), filled: row by row, the oldest slot first.
    """
    width, height = counts.shape[1], counts.shape[2]
    for i in range(hosts.shape[0]):
        place = place_of(hosts[i], slots[i], table, places, names, used, latest, counts, counters)
        counters[CLOCK] += 1
        used[place] = counters[CLOCK]
        # what comes late counts as of now; slots that passed in silence are empty
        for passed in range(max(latest[place] + 1, slots[i] - width + 1), slots[i] + 1):
            counts[place, passed % width, :] = 0.0
        latest[place] = max(latest[place], slots[i])
        counts[place, latest[place] % width, rows[i]] += amounts[i]
        for column in range(width):
            slot = (latest[place] + 1 + column) % width
            for row in range(height):
                images[i, row * width + column] = counts[place, slot, row]
