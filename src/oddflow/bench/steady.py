"""Traffic at a steady rate, second after second: connections of an office, and a few that are odd among them."""

import ctypes
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from oddflow.bench.traffic import FILE_HEADER, FIRST_SECOND

QDISC_BYPASS, SOL_PACKET = 20, 263
ETHERNET, IPV4, TCP = 14, 20, 20
HEADERS = ETHERNET + IPV4 + TCP
FIN, SYN, PSH, ACK = 1, 2, 8, 16
HOSTS, SERVERS, SERVICES = 200, 2_000, 400
"""So many that what one host does in some seconds varies as it does among people."""
FIRST_SERVICE = 8_000
CLIENTS, SERVED = (10 << 24) + (1 << 16) + 1, (10 << 24) + (2 << 16) + 1
"""10.1.0.1 and 10.2.0.1: where the addresses of either side begin."""
ODD_PORT, ODD_BYTES = 31_337, 1_400
FIRST_PORT, MOST_PORTS = 1_024, 60_000
RECORD = 16
SLICE_S = 0.01
C_LIBRARY = ctypes.CDLL(None, use_errno=True)
PIECE = np.dtype([("at", np.uint64), ("bytes", np.uint64)])
"""As `struct iovec`."""
MESSAGE = np.dtype(
    [("name", np.uint64), ("name_bytes", np.uint64), ("pieces", np.uint64), ("count", np.uint64),
     ("control", np.uint64), ("control_bytes", np.uint64), ("flags", np.uint64), ("sent", np.uint64)]
)  # fmt: skip
"""As `struct mmsghdr` where addresses have 64 bits."""


@dataclass(frozen=True, slots=True)
class SteadyTraffic:
    """What is sent in each second.

    Attributes:
        flows_per_s: TCP connections, each whole within its second.
        packets_per_flow: Of each, with its handshake and its end; 6 at least.
        mean_bytes: Of a frame, about.
        odd_per_s: So many of them are uploads to a port that no one else uses.
        seed: Of the sizes.
    """

    flows_per_s: int = 5_000
    packets_per_flow: int = 20
    mean_bytes: int = 330
    odd_per_s: int = 2
    seed: int = 7

    @property
    def packets_per_s(self) -> int:
        """Frames in a second."""
        return self.flows_per_s * self.packets_per_flow

    def second(self, turn: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """One second's frames in the order of sending: end to end (b,), where each begins (n,), and its length (n,)."""
        headers, lengths = self.headers(turn)
        starts = np.concatenate([[0], lengths.cumsum()[:-1]])
        data = np.zeros(int(lengths.sum()), np.uint8)
        data[starts[:, None] + np.arange(HEADERS)] = headers
        return data, starts, lengths

    def headers(self, turn: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Headers of one second's frames (n, HEADERS) in the order of sending, and the frames' lengths (n,); all that
        comes behind a header is 0.

        Connections begin all through the second's first half and are over at its end. Each turn has other source ports,
        so that none comes again before the meter has closed it.
        """
        rng = np.random.default_rng([self.seed, turn])
        flows, each = self.flows_per_s, self.packets_per_flow
        begins = np.sort(rng.random(flows)) * 0.5
        steps = np.sort(rng.random((flows, each)), axis=1) * 0.5
        order = np.argsort((begins[:, None] + steps).ravel(), kind="stable")
        flow, step = np.divmod(order, each)
        client, server = rng.integers(0, HOSTS, flows)[flow], rng.integers(0, SERVERS, flows)[flow]
        service = FIRST_SERVICE + rng.integers(0, SERVICES, flows)[flow]
        is_odd = np.zeros(flows, np.bool_)
        is_odd[rng.choice(flows, min(self.odd_per_s, flows), replace=False)] = True
        payload = self._payloads(rng, is_odd)
        ours = self._from_client(np.arange(each))
        by_client, by_server = _before(np.where(ours, payload, 0)), _before(np.where(ours, 0, payload))
        lengths = HEADERS + payload[flow, step]
        headers = np.zeros((len(lengths), HEADERS), np.uint8)
        from_client = self._from_client(step)
        client_port = FIRST_PORT + (turn * flows + flow) % MOST_PORTS
        server_port = np.where(is_odd[flow], ODD_PORT, service)
        put = _Putter(headers)
        put.bytes(0, np.where(from_client, 2, 3), *[0] * 4, 1)
        put.bytes(6, 2, *[0] * 4, 2)
        put.word(12, 0x0800)
        put.bytes(14, 0x45, 0)
        put.word(16, lengths - ETHERNET)
        put.bytes(22, 64, 6)
        put.long(26, np.where(from_client, CLIENTS + client, SERVED + server))
        put.long(30, np.where(from_client, SERVED + server, CLIENTS + client))
        put.word(34, np.where(from_client, client_port, server_port))
        put.word(36, np.where(from_client, server_port, client_port))
        of_client, of_server = by_client[flow, step] + (step > 0), by_server[flow, step] + (step > 1)
        put.long(38, np.where(from_client, of_client, of_server))
        put.long(42, np.where(from_client, of_server, of_client))
        put.bytes(46, 5 << 4, self._flags(step))
        put.word(48, 64_240)
        return headers, lengths

    def _payloads(self, rng: np.random.Generator, is_odd: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Payload bytes of each packet of each connection, (flows, packets)."""
        mean = max(self.mean_bytes - HEADERS, 1) * self.packets_per_flow / max(self.packets_per_flow - 5, 1)
        sizes = rng.integers(int(mean * 0.5), int(mean * 1.5) + 1, (self.flows_per_s, self.packets_per_flow))
        sizes[is_odd] = ODD_BYTES
        sizes[:, :3] = 0
        sizes[:, -2:] = 0
        return sizes

    def _from_client(self, step: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.where(step == 1, False, np.where(step == self.packets_per_flow - 1, False, step % 3 != 1))

    def _flags(self, step: NDArray[np.int64]) -> NDArray[np.int64]:
        last = self.packets_per_flow - 2
        return np.select([step == 0, step == 1, step == 2, step >= last], [SYN, SYN | ACK, ACK, FIN | ACK], PSH | ACK)

    def write(self, file: BinaryIO, seconds: int, *, first_turn: int = 0) -> None:
        """A pcap file of so many seconds, evenly spaced."""
        file.write(FILE_HEADER)
        for turn in range(first_turn, first_turn + seconds):
            data, starts, lengths = self.second(turn)
            count = len(starts)
            records = np.zeros((count, RECORD), np.uint8)
            put = _Putter(records)
            put.little(0, np.full(count, FIRST_SECOND + turn))
            put.little(4, np.arange(count) * (10**9 // count))
            put.little(8, lengths)
            put.little(12, lengths)
            whole = np.zeros(len(data) + RECORD * count, np.uint8)
            places = starts + RECORD * np.arange(count)
            whole[places[:, None] + np.arange(RECORD)] = records
            whole[np.arange(len(data)) + RECORD * (1 + np.repeat(np.arange(count), lengths))] = data
            file.write(whole.data)

    def send(self, interface: str, seconds: float, told: Callable[[int, int], None] | None = None) -> int:
        """Sends for so long, at its pace as nearly as the machine can; how many frames went out.

        `told` hears, each second, how many went out in all and how many should have. What cannot be sent in its
        second is sent later: the pace is kept by the clock, not by the second.
        """
        sent, turn, begun = 0, 0, time.monotonic()
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            sender.setsockopt(SOL_PACKET, QDISC_BYPASS, 1)
            sender.bind((interface, 0))
            frames = Frames(*self.headers(turn))
            while turn < seconds:
                slices = round(1 / SLICE_S)
                share = -(-len(frames) // slices)
                for number in range(slices):
                    late = begun + turn + number * SLICE_S - time.monotonic()
                    if late > 0:
                        time.sleep(late)
                    frames.send(sender, number * share, (number + 1) * share)
                sent += len(frames)
                turn += 1
                frames = Frames(*self.headers(turn))
                if told is not None:
                    told(sent, round((time.monotonic() - begun) * self.packets_per_s))
        return sent


class Frames:
    """Frames that the kernel is handed many at a time, so that sending takes little from what is measured.

    Args:
        headers: (n, HEADERS) of each.
        lengths: (n,) of whole frames; what comes behind the header is 0.
    """

    def __init__(self, headers: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        count = len(lengths)
        self._held = headers, np.zeros(int(lengths.max(initial=0)), np.uint8)
        self._pieces = np.zeros((count, 2), PIECE)
        self._pieces["at"][:, 0] = headers.ctypes.data + np.arange(count) * headers.strides[0]
        self._pieces["bytes"][:, 0] = headers.shape[1]
        self._pieces["at"][:, 1] = self._held[1].ctypes.data
        self._pieces["bytes"][:, 1] = lengths - headers.shape[1]
        self._messages = np.zeros(count, MESSAGE)
        self._messages["pieces"] = self._pieces.ctypes.data + np.arange(count) * self._pieces.strides[0]
        self._messages["count"] = 2

    def __len__(self) -> int:
        """How many there are."""
        return len(self._messages)

    def send(self, sender: socket.socket, first: int, end: int) -> None:
        """Sends those from `first` to `end`, which may lie behind the last.

        Raises:
            OSError: The kernel does not take one.
        """
        end = min(end, len(self))
        while first < end:
            place = self._messages.ctypes.data + first * self._messages.itemsize
            taken = C_LIBRARY.sendmmsg(sender.fileno(), ctypes.c_void_p(place), end - first, 0)
            if taken < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            first += taken


def _before(payload: NDArray[np.int64]) -> NDArray[np.int64]:
    """What was sent before each packet, (flows, packets)."""
    return payload.cumsum(axis=1) - payload


class _Putter:
    """Writes fields of all headers at once, (n, bytes)."""

    def __init__(self, headers: NDArray[np.uint8]) -> None:
        self._headers = headers

    def bytes(self, at: int, *values: object) -> None:
        for number, value in enumerate(values):
            self._headers[:, at + number] = np.asarray(value, np.int64) & 0xFF

    def word(self, at: int, value: object) -> None:
        both = np.asarray(value, np.int64)
        self.bytes(at, both >> 8, both)

    def long(self, at: int, value: NDArray[np.int64]) -> None:
        self.word(at, value >> 16)
        self.word(at + 2, value)

    def little(self, at: int, value: NDArray[np.int64]) -> None:
        self.bytes(at, value, value >> 8, value >> 16, value >> 24)
