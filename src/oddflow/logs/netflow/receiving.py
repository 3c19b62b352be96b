"""Datagrams from a socket, many at a time: `recvmmsg`, which lets go of Python's lock once for all of them."""

import ctypes
import os
import socket
import sys
from typing import NamedTuple

DATAGRAMS = 256
"""Received at a time, at most."""
DATAGRAM_BYTES = 1 << 16
WAIT_FOR_ONE = 0x10000
"""MSG_WAITFORONE: waits for the first, and takes what else is there."""
SENDER_BYTES = 28
MOST_SENDERS = 4_096


class Datagram(NamedTuple):
    """What came, and from which address and port."""

    data: bytes
    sender: tuple[str, int]


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Received(ctypes.Structure):
    """struct mmsghdr: a message and the length of what came."""

    _fields_ = (("message", _Message), ("length", ctypes.c_uint))


class Datagrams:
    """Receives from one socket, whose own time-out (SO_RCVTIMEO) ends the waiting. Source: recvmmsg(2)."""

    def __init__(self, receiving: socket.socket, *, at_once: int = DATAGRAMS) -> None:
        self._socket = receiving
        self._at_once = at_once
        self._data = bytearray(at_once * DATAGRAM_BYTES)
        self._names = bytearray(at_once * SENDER_BYTES)
        self._received = (_Received * at_once)()
        data = ctypes.addressof((ctypes.c_char * len(self._data)).from_buffer(self._data))
        names = ctypes.addressof((ctypes.c_char * len(self._names)).from_buffer(self._names))
        self._vectors = (_Vector * at_once)()
        for place, (received, vector) in enumerate(zip(self._received, self._vectors, strict=True)):
            vector.base, vector.length = data + place * DATAGRAM_BYTES, DATAGRAM_BYTES
            message = received.message
            message.name, message.name_length = names + place * SENDER_BYTES, SENDER_BYTES
            message.vectors, message.vector_count = ctypes.pointer(vector), 1
        self._receive = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._senders: dict[bytes, tuple[str, int]] = {}

    def receive(self) -> list[Datagram]:
        """What is there, or comes before the socket's time-out.

        Raises:
            OSError: The socket is of no use any more.
        """
        count = self._receive(self._socket.fileno(), self._received, self._at_once, WAIT_FOR_ONE, None)
        if count < 0:
            error = ctypes.get_errno()
            try:
                raise OSError(error, os.strerror(error))
            except (BlockingIOError, InterruptedError):
                return []
        view = memoryview(self._data)
        found = []
        for place in range(count):
            start, name = place * DATAGRAM_BYTES, place * SENDER_BYTES
            data = bytes(view[start : start + self._received[place].length])
            found.append(Datagram(data, self._sender(bytes(self._names[name : name + SENDER_BYTES]))))
            self._received[place].message.name_length = SENDER_BYTES
        return found

    def _sender(self, name: bytes) -> tuple[str, int]:
        found = self._senders.get(name)
        if found is None:
            if len(self._senders) >= MOST_SENDERS:
                self._senders.clear()
            found = self._senders[name] = read_sender(name)
        return found


def read_sender(name: bytes) -> tuple[str, int]:
    """Address and port of a `sockaddr_in` or `sockaddr_in6`; IPv4 in IPv6 is IPv4.

    >>> read_sender(bytes.fromhex("0200 0807 c0000201") + bytes(20))
    ('192.0.2.1', 2055)
    """
    family = int.from_bytes(name[:2], sys.byteorder)
    port = int.from_bytes(name[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    address = name[8:24]
    if address[:12] == bytes(10) + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, address[12:]), port
    return socket.inet_ntop(socket.AF_INET6, address), port
