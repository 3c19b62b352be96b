"""The kernel's ring of packets (AF_PACKET, TPACKET_V3): shared memory that packets are read from in place."""

import mmap
import select
import socket
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.filter import accept_all, attach, by_hosts, set_program
from oddflow.capture.interface import Interface
from oddflow.errors import UsageError

SOL_PACKET = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, VERSION, RESERVE, FANOUT, FANOUT_DATA, IGNORE_OUTGOING = (
    1,
    5,
    6,
    10,
    12,
    18,
    22,
    23,
)
TPACKET_V3 = 2
PROMISCUOUS = 1
ALL_PROTOCOLS = 0x0003
FANOUT_BY_PROGRAM, FANOUT_UNIQUE_ID = 6, 0x2000
"""linux/if_packet.h"""

TAG_BYTES = 4
"""Kept free before each frame, for the VLAN tag that the kernel took out of it."""

USER_OWNS = 1
STATUS_WORD = 2
FRAME_BYTES = 2_048
BLOCK_BYTES = 1 << 20
LEAST_BLOCK_BYTES = 1 << 17
MOST_RING_BYTES = 1 << 32


@dataclass(frozen=True, slots=True)
class RingSettings:
    """How much memory a ring takes and when packets are handed over.

    Attributes:
        ring_bytes: The ring's memory, of each worker; held by the kernel, shared with us. 256 KiB to 4 GiB.
        block_timeout_ms: A block that is not full is handed over after this.
        snap_bytes: Bytes of a packet that are kept.
        promiscuous: Whether frames for others are taken, too.
    """

    ring_bytes: int = 64 << 20
    block_timeout_ms: int = 50
    snap_bytes: int = 262_144
    promiscuous: bool = False

    def __post_init__(self) -> None:
        """Refuses what no ring can be made of."""
        if not 2 * LEAST_BLOCK_BYTES <= self.ring_bytes <= MOST_RING_BYTES:
            raise UsageError(f"the ring has {self.ring_bytes:,} bytes; expected 256 KiB to 4 GiB")
        if not 1 <= self.block_timeout_ms <= 10_000:
            raise UsageError(f"the block time-out is {self.block_timeout_ms} ms; expected 1 to 10,000")
        if not 64 <= self.snap_bytes <= 262_144:
            raise UsageError(f"the snap length is {self.snap_bytes}; expected 64 to 262,144 bytes")

    @property
    def block_bytes(self) -> int:
        """What the kernel hands over at a time; a frame is cut to it at most."""
        return BLOCK_BYTES if self.ring_bytes >= 8 * BLOCK_BYTES else LEAST_BLOCK_BYTES

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.ring_bytes // self.block_bytes

    @property
    def late_ns(self) -> int:
        """A packet is handed over at most this long after it came, where the ring is empty otherwise."""
        return (2 * self.block_timeout_ms + 50) * 1_000_000


def packet_socket() -> socket.socket:
    """A socket that may capture, and receives nothing yet; raises UsageError where we may not."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise UsageError(
            "capturing needs root or the capability CAP_NET_RAW: call it with sudo, "
            "or give a copy of the Python interpreter that capability (`setcap cap_net_raw=ep`)"
        ) from None
    except (AttributeError, OSError):
        raise UsageError("this system has no packet sockets; live capture needs Linux") from None


class Ring:
    """One capture socket with its ring. It receives nothing until `bind`, and keeps nothing until `accept`.

    Raises:
        UsageError: We may not capture, or the kernel has no memory for the ring.
    """

    def __init__(self, settings: RingSettings) -> None:
        opened = packet_socket()
        self._take(opened, settings, None)
        try:
            self._request_ring()
        except OSError as error:
            opened.close()
            raise UsageError(
                f"the kernel gives no ring of {settings.ring_bytes >> 20} MiB: {error.strerror}; ask for a smaller one"
            ) from None

    @classmethod
    def adopt(cls, opened: socket.socket, settings: RingSettings, interface: Interface) -> "Ring":
        """The ring of a socket that another process opened and bound."""
        ring = cls.__new__(cls)
        ring._take(opened, settings, interface)  # noqa: SLF001  (its own)
        return ring

    def _take(self, opened: socket.socket, settings: RingSettings, interface: Interface | None) -> None:
        self.socket = opened
        self.settings = settings
        self.interface = interface
        self._memory: mmap.mmap | None = None
        self._block = 0
        self._poll = select.poll()
        self._poll.register(self.socket, select.POLLIN | select.POLLERR)
        self._blocks = np.zeros((0, 0), np.uint8)
        self._status = np.zeros(0, np.uint32)

    def _request_ring(self) -> None:
        made = self.settings
        frames = made.block_bytes // FRAME_BYTES * made.blocks
        ring = struct.pack(
            "=7I", made.block_bytes, made.blocks, FRAME_BYTES, frames, made.block_timeout_ms, 0, 0
        )  # struct tpacket_req3
        self.socket.setsockopt(SOL_PACKET, VERSION, TPACKET_V3)
        self.socket.setsockopt(SOL_PACKET, RESERVE, TAG_BYTES)
        self.socket.setsockopt(SOL_PACKET, RX_RING, ring)
        attach(self.socket, accept_all(0))

    def bind(self, interface: Interface, group: int | None = None) -> None:
        """Ties the ring to an interface, by name; raises OSError where it has just gone.

        Args:
            interface: Where to listen; it may be down.
            group: Of the fanout that it shares the packets with; 0 begins a group, None takes all packets itself.
        """
        self.interface = interface
        if interface.is_loopback:  # each packet comes back in
            self.socket.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
        self.socket.bind((interface.name, ALL_PROTOCOLS))
        if self.settings.promiscuous:
            membership = struct.pack("=iHH8x", interface.index, PROMISCUOUS, 0)
            self.socket.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, membership)
        if group is not None:
            flags = FANOUT_BY_PROGRAM | (0 if group else FANOUT_UNIQUE_ID)
            self.socket.setsockopt(SOL_PACKET, FANOUT, struct.pack("=I", group | flags << 16))
            if not group:
                set_program(self.socket, SOL_PACKET, FANOUT_DATA, by_hosts())

    @property
    def group(self) -> int:
        """The number of the fanout that it is in."""
        return self.socket.getsockopt(SOL_PACKET, FANOUT) & 0xFFFF

    def accept(self, program: bytes) -> None:
        """Takes the packets that a filter wants, from now on."""
        attach(self.socket, program)

    def refuse(self) -> None:
        """Takes no more packets; what is in the ring stays."""
        attach(self.socket, accept_all(0))

    def map(self) -> None:
        """Shares the ring's memory with this process."""
        self._memory = mmap.mmap(self.socket.fileno(), self.settings.block_bytes * self.settings.blocks)
        self._blocks = np.frombuffer(self._memory, np.uint8).reshape(-1, self.settings.block_bytes)
        self._status = self._blocks.view(np.uint32)[:, STATUS_WORD]

    def wait(self, timeout_s: float) -> bool:
        """Whether the next block is ours, after waiting for it at most so long; an interface that fails ends it."""
        if self._status[self._block] & USER_OWNS:
            return True
        self._poll.poll(timeout_s * 1_000)
        return bool(self._status[self._block] & USER_OWNS)

    @property
    def block(self) -> NDArray[np.uint8]:
        """The block that is ours, (block_bytes,): the kernel's memory itself."""
        block: NDArray[np.uint8] = self._blocks[self._block]
        return block

    def release(self) -> None:
        """Gives the block back to the kernel."""
        self._status[self._block] = 0
        self._block = (self._block + 1) % len(self._status)

    def forget_failure(self) -> None:
        """Takes back what the kernel said of an interface that went down, so that `wait` waits again."""
        self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def statistics(self) -> tuple[int, int]:
        """(packets that the filter wanted, those of them that found the ring full), since this was asked last."""
        wanted, dropped, _ = struct.unpack("=3I", self.socket.getsockopt(SOL_PACKET, STATISTICS, 12))
        return wanted, dropped

    def close(self) -> None:
        """Leaves the interface; whoever holds a block must have let go of it."""
        self._blocks, self._status = np.zeros((0, 0), np.uint8), np.zeros(0, np.uint32)
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        self.socket.close()


def open_rings(interface: Interface, settings: RingSettings, program: bytes, count: int = 1) -> list[Ring]:
    """Rings that share an interface's packets: what two hosts say to each other is in one of them.

    The kernel's own hash of ports would part the fragments of a packet from its flow, and the two directions of a
    tunnel; its cure for fragments hands them over merged, and no longer as they were sent.

    Args:
        interface: Where to listen.
        settings: Of each ring.
        program: The filter, compiled.
        count: Number of rings.

    Raises:
        UsageError: As Ring; or the interface has gone.
    """
    rings: list[Ring] = []
    try:
        for _ in range(count):
            ring = Ring(settings)
            rings.append(ring)
            ring.bind(interface, None if count == 1 else rings[0].group if len(rings) > 1 else 0)
        for ring in rings:
            ring.accept(program)
    except OSError as error:
        for ring in rings:
            ring.close()
        raise UsageError(f"{interface.name} cannot be listened to: {error.strerror}; is it still there?") from None
    return rings
