"""The link to the outside: it holds every packet for as long as the road there would take.

Kernels without netem cannot delay, so two TUN devices are joined here. Each outside address has its
own distance; packets to and from one address never overtake each other.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import time
import zlib

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
BATCH = 64


def one_way_s(address: bytes) -> float:
    """How far away an outside address is: 3 to 28 ms, always the same for the same address."""
    return 0.003 + zlib.crc32(address) % 1000 / 40_000


def outside_address(packet: bytes, *, inbound: bool) -> bytes:
    """The outside end of an IPv4 or IPv6 packet."""
    width, source = (16, 8) if packet[0] >> 4 == 6 else (4, 12)
    begin = source if inbound else source + width
    return packet[begin : begin + width]


def open_tun(name: str) -> int:
    """Makes a TUN device in the current namespace and gives its file descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def carry(near: int, far: int) -> None:
    """Passes packets between both devices, late, for ever."""
    rng = random.Random(0)
    waiting: list[tuple[float, int, int, bytes]] = []
    latest: dict[tuple[int, bytes], float] = {}
    count = 0
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for device in select.select([near, far], [], [], patience)[0]:
            inbound = device == far
            for packet in _read(device):
                address = outside_address(packet, inbound=inbound)
                due = time.monotonic() + one_way_s(address) + rng.expovariate(1 / 0.0004)
                due = max(due, latest.get((device, address), 0.0))
                latest[device, address] = due
                heapq.heappush(waiting, (due, count, near if inbound else far, packet))
                count += 1
        while waiting and waiting[0][0] <= time.monotonic():
            _write(*heapq.heappop(waiting)[2:])


def _read(device: int) -> list[bytes]:
    packets = []
    for _ in range(BATCH):
        try:
            packets.append(os.read(device, 2048))
        except OSError:  # nothing more to read, or the device is not up yet
            break
    return packets


def _write(device: int, packet: bytes) -> None:
    try:
        os.write(device, packet)
    except OSError:  # a full queue drops, as a road does
        return


if __name__ == "__main__":
    carry(open_tun("near"), open_tun("far"))
