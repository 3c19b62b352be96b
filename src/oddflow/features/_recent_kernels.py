"""A table of the keys that were met of late: when it is full, the one met longest ago makes room."""

import numpy as np

from oddflow.features._context_kernels import mix
from oddflow.jit import kernel

# Of the whole table.
NEWEST, OLDEST, USED, FORGOTTEN = 0, 1, 2, 3
TABLE_FIELDS = 4

# Of a place in it: the place met just after, and just before; -1 for none.
NEWER, OLDER = 0, 1
LINKS = 2


@kernel()
def _unlink(place, links, fields):
    newer, older = links[place, NEWER], links[place, OLDER]
    if newer >= 0:
        links[newer, OLDER] = older
    else:
        fields[NEWEST] = older
    if older >= 0:
        links[older, NEWER] = newer
    else:
        fields[OLDEST] = newer


@kernel()
def _link_newest(place, links, fields):
    links[place, NEWER] = -1
    links[place, OLDER] = fields[NEWEST]
    if fields[NEWEST] >= 0:
        links[fields[NEWEST], NEWER] = place
    else:
        fields[OLDEST] = place
    fields[NEWEST] = place


@kernel()
def _slot_of(key, seed, slots, keys):
    """Where a key stands in the hash table, or would: slots hold a place + 1, or 0."""
    mask = slots.shape[0] - 1
    slot = np.int64(mix(seed, key) & np.uint64(mask))
    while slots[slot] != 0 and keys[slots[slot] - 1] != key:
        slot = (slot + 1) & mask
    return slot


@kernel()
def _take_out(key, seed, slots, keys):
    """Takes a key out and moves those behind it up, so that no search stops early."""
    mask = slots.shape[0] - 1
    hole = _slot_of(key, seed, slots, keys)
    slot = (hole + 1) & mask
    while slots[slot] != 0:
        home = np.int64(mix(seed, keys[slots[slot] - 1]) & np.uint64(mask))
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            slots[hole] = slots[slot]
            hole = slot
        slot = (slot + 1) & mask
    slots[hole] = 0


@kernel()
def place_of(key, seed, slots, keys, links, fields):
    """The place of a key, now the newest, and whether it had none before.

    Args:
        key: uint64. seed: Of the hash table alone: no result depends on it.
        slots: A power of two, at least twice as many as places. keys: (places,) uint64.
        links: (places, LINKS). fields: (TABLE_FIELDS,), NEWEST and OLDEST -1 at first.
    """
    slot = _slot_of(key, seed, slots, keys)
    if slots[slot] != 0:
        place = slots[slot] - 1
        if fields[NEWEST] != place:
            _unlink(place, links, fields)
            _link_newest(place, links, fields)
        return place, False
    if fields[USED] < keys.shape[0]:
        place = fields[USED]
        fields[USED] += 1
    else:
        place = fields[OLDEST]
        fields[FORGOTTEN] += 1
        _unlink(place, links, fields)
        _take_out(keys[place], seed, slots, keys)
        slot = _slot_of(key, seed, slots, keys)
    keys[place] = key
    slots[slot] = place + 1
    _link_newest(place, links, fields)
    return place, True
