"""A network interface as the kernel tells of it: where it is, what its frames look like, what it dropped."""

import array
import fcntl
import os
import socket
import struct
from dataclasses import dataclass

from oddflow.errors import UsageError

MAX_NAME_BYTES = 15
SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCETHTOOL = 0x8913, 0x8927, 0x8946
IFF_UP, IFF_RUNNING = 0x1, 0x40
ARPHRD_LOOPBACK = 772
LINK_ETHERNET, LINK_RAW = 1, 101

LINK_TYPE_OF_HARDWARE = {
    1: LINK_ETHERNET,
    ARPHRD_LOOPBACK: LINK_ETHERNET,
    512: LINK_RAW,  # PPP, SLIP and tunnels: the IP packet alone is taken
    256: LINK_RAW,
    257: LINK_RAW,
    519: LINK_RAW,
    768: LINK_RAW,
    769: LINK_RAW,
    776: LINK_RAW,
    778: LINK_RAW,
    823: LINK_RAW,
    0xFFFE: LINK_RAW,
    801: 105,
    802: 119,
    803: 127,
}
"""pcap's link type of a hardware type (linux/if_arp.h)."""

GET_TSO, GET_GSO, GET_FLAGS, GET_GRO = 0x1E, 0x23, 0x25, 0x2B
FLAG_LRO = 1 << 15
OFFLOADS = {"gro": (GET_GRO, 1), "lro": (GET_FLAGS, FLAG_LRO), "tso": (GET_TSO, 1), "gso": (GET_GSO, 1)}
"""ethtool's name, its request and the bit that says that it is on (linux/ethtool.h)."""

NETWORK_DEVICES = "/proc/net/dev"
SOFTNET = "/proc/net/softnet_stat"
RECEIVE_DROP_COLUMN = 3


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface that was there when it was asked for.

    Attributes:
        name: Its name, at most 15 bytes.
        index: The kernel's number; one that vanished and came back has another.
        link_type: pcap's link type of its frames.
        is_loopback: Each packet on it passes twice, out and in.
    """

    name: str
    index: int
    link_type: int
    is_loopback: bool

    @classmethod
    def find(cls, name: str) -> "Interface":
        """Looks an interface up.

        Raises:
            UsageError: There is none of that name, or frames like its are not read.
        """
        index = index_of(name)
        if index is None:
            there = ", ".join(other for _, other in socket.if_nameindex())
            raise UsageError(f"there is no interface {name!r}; there are: {there}")
        hardware = struct.unpack_from("=H", _request(SIOCGIFHWADDR, name), 16)[0]
        if hardware not in LINK_TYPE_OF_HARDWARE:
            raise UsageError(
                f"{name} has hardware type {hardware} (linux/if_arp.h), whose frames are not read; "
                "expected Ethernet, loopback, 802.11, PPP or a tunnel of IP"
            )
        return cls(name, index, LINK_TYPE_OF_HARDWARE[hardware], hardware == ARPHRD_LOOPBACK)

    @property
    def is_up(self) -> bool:
        """Whether it is there, the same as before, and switched on."""
        if index_of(self.name) != self.index:
            return False
        try:
            return bool(struct.unpack_from("=H", _request(SIOCGIFFLAGS, self.name), 16)[0] & IFF_UP)
        except OSError:
            return False

    def offloads(self) -> list[str]:
        """The offloads that are on and make packets of other lengths than on the wire: gro, lro, tso, gso."""
        return [name for name, (request, bit) in OFFLOADS.items() if _ethtool(self.name, request) & bit]


def index_of(name: str) -> int | None:
    """The kernel's number of an interface, or None where there is none of that name."""
    if not 0 < len(os.fsencode(name)) <= MAX_NAME_BYTES or "\0" in name:
        return None
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _request(request: int, name: str, address: int | None = None) -> bytes:
    """An ioctl on `struct ifreq` (netdevice(7)): what came back in it."""
    wanted = struct.pack("16sP16x", os.fsencode(name), address or 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        return fcntl.ioctl(asked.fileno(), request, wanted)


def _ethtool(name: str, request: int) -> int:
    """One value of ethtool's; 0 where the driver knows it not."""
    value = array.array("I", [request, 0])
    try:
        _request(SIOCETHTOOL, name, value.buffer_info()[0])
    except OSError:
        return 0
    return value[1]


class DropCounters:
    """What the kernel dropped before any capture saw it; its files are opened while that is still allowed."""

    def __init__(self) -> None:
        self._devices = os.open(NETWORK_DEVICES, os.O_RDONLY | os.O_CLOEXEC)
        self._softnet = os.open(SOFTNET, os.O_RDONLY | os.O_CLOEXEC)

    def of_interface(self, name: str) -> int:
        """Received packets that an interface dropped or missed since it was made; 0 where it is gone.

        The kernel's `rx_dropped` + `rx_missed_errors`; what its backlog dropped is in it, too.
        """
        for line in _all_of(self._devices).splitlines():
            device, _, counters = line.partition(b":")
            if device.strip() == os.fsencode(name):
                return int(counters.split()[RECEIVE_DROP_COLUMN])
        return 0

    def of_softnet(self) -> int:
        """Packets that the backlogs of all cores dropped since the machine started, from all interfaces."""
        return sum(int(line.split()[1], 16) for line in _all_of(self._softnet).splitlines())

    def close(self) -> None:
        """Closes the files."""
        os.close(self._devices)
        os.close(self._softnet)


def _all_of(file: int) -> bytes:
    """A file of /proc from its start; such files are written anew for each reading."""
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 1 << 16):
        parts.append(part)
    return b"".join(parts)
