"""Flow keys, and the open-addressing table that finds the meter's row of a key.

A key is five words: both addresses, the lesser end first, and ports, protocol and IP version.
"""

import numpy as np

from oddflow.flows._layout import NONE
from oddflow.jit import kernel

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
KEY_WORDS = 5


@kernel()
def icmp_counterpart(protocol, kind):
    """The type that answers an ICMP type, or -1 (the pairs of the Community ID specification)."""
    if protocol == ICMP:
        if kind in (8, 0):
            return 8 - kind
        if kind in (13, 14):
            return 27 - kind
        if kind in (15, 16):
            return 31 - kind
        if kind in (17, 18):
            return 35 - kind
        if kind in (9, 10):
            return 19 - kind
        return NONE
    if kind in (128, 129):
        return 257 - kind
    if kind in (133, 134):
        return 267 - kind
    if kind in (135, 136):
        return 271 - kind
    if kind in (130, 131):
        return 261 - kind
    if kind in (139, 140):
        return 279 - kind
    return 145 if kind == 144 else 144 if kind == 145 else NONE


@kernel(inline=True)
def ports_of(packet):
    """The two numbers that tell flows of one pair of hosts apart: ports, or ICMP type and counterpart or code."""
    kind = np.int64(packet.icmp_type)
    if kind == NONE:
        return np.int64(packet.src_port), np.int64(packet.dst_port)
    other = np.int64(icmp_counterpart(packet.protocol, kind))
    return kind, other if other != NONE else np.int64(packet.icmp_code)


@kernel(inline=True)
def fill_key(packet, key):
    """Writes the key, the lesser end first; 1 where that turned it round."""
    src_port, dst_port = ports_of(packet)
    swapped = np.int64(0)
    if packet.src_high != packet.dst_high:
        swapped = np.int64(packet.src_high > packet.dst_high)
    elif packet.src_low != packet.dst_low:
        swapped = np.int64(packet.src_low > packet.dst_low)
    else:
        swapped = np.int64(src_port > dst_port)
    low, high = src_port, dst_port
    if swapped:
        key[0], key[1], key[2], key[3] = packet.dst_high, packet.dst_low, packet.src_high, packet.src_low
        low, high = dst_port, src_port
    else:
        key[0], key[1], key[2], key[3] = packet.src_high, packet.src_low, packet.dst_high, packet.dst_low
    meta = (low << 32) | (high << 16) | (np.int64(packet.protocol) << 8) | np.int64(packet.version)
    key[4] = np.uint64(meta)
    return swapped


@kernel(inline=True)
def hash_key(key, seed):
    """Mixes a key (splitmix64's finaliser a word); the seed keeps hostile traffic from filling one bucket."""
    mixed = seed
    for word in range(KEY_WORDS):
        mixed = mixed ^ key[word]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


@kernel()
def same_key(keys, row, key):
    """Whether a row has this key."""
    for word in range(KEY_WORDS):
        if keys[row, word] != key[word]:
            return False
    return True


@kernel()
def find_slot(slots, keys, hashes, key, hashed):
    """The table slot of a key: its row's, or the empty one where it belongs."""
    mask = np.uint64(slots.shape[0] - 1)
    slot = np.int64(hashed & mask)
    while slots[slot] != NONE:
        row = slots[slot]
        if hashes[row] == hashed and same_key(keys, row, key):
            break
        slot = (slot + 1) & np.int64(mask)
    return slot


@kernel()
def remove_slot(slots, hashes, row):
    """Takes a row out of the table and closes the gap (Knuth, vol. 3, section 6.4, algorithm R)."""
    mask = slots.shape[0] - 1
    slot = np.int64(hashes[row] & np.uint64(mask))
    while slots[slot] != row:
        slot = (slot + 1) & mask
    hole = slot
    slot = (slot + 1) & mask
    while slots[slot] != NONE:
        home = np.int64(hashes[slots[slot]] & np.uint64(mask))
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            slots[hole] = slots[slot]
            hole = slot
        slot = (slot + 1) & mask
    slots[hole] = NONE
