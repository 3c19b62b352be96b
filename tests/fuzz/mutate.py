"""Makes hostile packets of real ones: fast, and the same for the same seed."""

import random
from dataclasses import replace

from tests.fuzz.road import Packet

LINK_TYPES = (0, 1, 9, 12, 50, 51, 101, 105, 108, 113, 127, 228, 229, 239, 276, 65_000)
NUMBERS = (0, 1, 2, 4, 5, 6, 7, 8, 17, 41, 44, 47, 63, 64, 127, 128, 129, 254, 255)
WORDS = (0, 1, 7, 8, 19, 20, 39, 40, 0x7FFF, 0x8000, 0x8100, 0x86DD, 0x0800, 0x8847, 0x8864, 0xFFFE, 0xFFFF)
HEADERS = tuple(
    bytes.fromhex(text)
    for text in (
        "81000005", "88a80001", "91000001",  # VLAN tags
        "8847000011ff", "8864110000010020" "0021",  # MPLS, PPPoE with PPP
        "0800450000280001400040060000" "0a0000010a000002", "86dd6000000000142b40",  # IP after an ether type
        "2b00000000000000", "2c00000000000001", "3c00010400000000", "3300000000000000",  # extension headers
        "0000080045", "2000655800000001", "0000880b", "100088be0000000100000000",  # GRE, ERSPAN
        "12b512b500080000" "0800000000000100", "17c117c100080000" "0000655800000100",  # VXLAN, GENEVE on UDP
        "0868086800100000" "30ff000000000001", "0dd80dd800080000" "60000000",  # GTP-U, Teredo
        "45000014000000000029", "450000140000200000040000", "4f00", "4500ffff", "aaaa030000000800",
    )
)  # fmt: skip
STEPS_NS = (
    0,
    0,
    1,
    1000,
    10**6,
    10**6,
    10**9,
    6 * 10**9,
    301 * 10**9,
    1900 * 10**9,
    -1,
    -(10**6),
    -(2 * 10**9),
    -400 * 10**9,
)
FIRST_NS, LATEST_NS = 1_700_000_000 * 10**9, 2**63 - 1
HEAD = 120
"""Mutations fall into the first bytes more often, where headers are."""


class Mutator:
    """Mutated runs of packets, from lists of real ones.

    Args:
        lists: Of (link type, bytes), each the packets of one capture.
        seed: Same seed, same packets.
    """

    def __init__(self, lists, seed):
        self.lists = lists
        self.random = random.Random(seed)

    def run(self, count):
        """`count` packets: runs of neighbours, most of them mutated, at times that creep, jump and fall back."""
        packets, now = [], FIRST_NS
        while len(packets) < count:
            found = self.random.choice(self.lists)
            start = self.random.randrange(len(found))
            for link_type, data in found[start : start + self.random.randint(1, 40)]:
                now = min(LATEST_NS, max(0, now + self.random.choice(STEPS_NS)))
                packets.append(self.packet(Packet(link_type, now, data, len(data))))
        return packets[:count]

    def packet(self, packet):
        """A packet, changed in none to five places."""
        rng = self.random
        data = bytearray(packet.data)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
            rng.choice(self.WAYS)(self, data)
        data = bytes(data[:4000])
        wire = (
            len(data) + rng.choice((0, 0, 0, 0, 1, 500))
            if rng.random() < 0.95
            else rng.choice((0, 7, 2**31, 2**32 - 1))
        )
        packet = replace(packet, data=data, wire=wire)
        return replace(packet, link_type=rng.choice(LINK_TYPES)) if rng.random() < 0.03 else packet

    def capture(self, capture):
        """A file's bytes, changed in a few places."""
        data = bytearray(capture)
        for _ in range(self.random.randint(1, 6)):
            self.random.choice(self.WAYS)(self, data)
        return bytes(data)

    def _place(self, data):
        near = min(len(data), HEAD) if self.random.random() < 0.8 else len(data)
        return self.random.randrange(near) if near else 0

    def _flip(self, data):
        if data:
            data[self._place(data)] ^= 1 << self.random.randrange(8)

    def _number(self, data):
        if data:
            data[self._place(data)] = self.random.choice(NUMBERS)

    def _word(self, data):
        at = self._place(data) & ~1
        data[at : at + 2] = self.random.choice(WORDS).to_bytes(2, "big")

    def _noise(self, data):
        at = self._place(data)
        size = self.random.randint(1, 8)
        data[at : at + size] = self.random.randbytes(size)

    def _cut(self, data):
        del data[self._place(data) :]

    def _drop(self, data):
        at = self._place(data)
        del data[at : at + self.random.randint(1, 20)]

    def _repeat(self, data):
        at = self._place(data)
        piece = data[at : at + self.random.randint(1, 40)]
        data[at:at] = piece * self.random.choice((1, 1, 2, 20))

    def _header(self, data):
        at = self.random.choice((12, 14, 14, 18, 34, 42, 54, self._place(data)))
        data[at:at] = self.random.choice(HEADERS)

    def _splice(self, data):
        _, other = self.random.choice(self.random.choice(self.lists))
        at = self._place(data)
        start = self.random.choice((0, 12, 14, 34, self.random.randrange(len(other) + 1)))
        data[at:] = other[start:]

    def _grow(self, data):
        data += self.random.randbytes(self.random.choice((1, 4, 60, 1400)))

    WAYS = (
        _flip,
        _flip,
        _number,
        _number,
        _word,
        _word,
        _noise,
        _cut,
        _drop,
        _repeat,
        _header,
        _header,
        _splice,
        _grow,
    )
