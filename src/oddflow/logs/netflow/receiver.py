"""A UDP socket that is emptied by a thread, so that nothing is lost while messages are read."""

import socket
import struct
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from oddflow.errors import InputError, UsageError
from oddflow.files import reason_of
from oddflow.logs.netflow.receiving import Datagram, Datagrams

BUFFER_BYTES = 1 << 25
"""Asked of the kernel; without privileges it gives at most net.core.rmem_max."""
WAITING_BYTES = 1 << 26
"""Of datagrams that were received and not read yet."""
DATAGRAM_BYTES = 128
"""What a waiting datagram takes besides its own bytes, about."""
TIMEOUT_S = 0.1
LAST_S = 1.0
SO_RCVBUFFORCE, SO_MEMINFO = 33, 55
MEMORY_FIGURES = struct.Struct("=9I")
"""SO_MEMINFO gives nine figures; the last says how many datagrams were dropped (sock_diag(7))."""


class Receiver:
    """Listens on an address.

    Args:
        address: HOST:PORT; [HOST]:PORT for IPv6. `[::]` takes IPv4 too.
        waiting_bytes: The most that may wait to be read; what comes then is dropped, and counted.

    Raises:
        UsageError: The address is none, is none of this machine, or taken.
    """

    def __init__(self, address: str, *, waiting_bytes: int = WAITING_BYTES) -> None:
        self.overrun = 0
        self._waiting_bytes = waiting_bytes
        self._socket = _bound(address)
        self.address = _shown(self._socket)
        self.buffer_bytes = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self._came: deque[list[Datagram]] = deque()
        self._bytes_in = self._bytes_out = 0
        self._over_s = float("inf")
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        """Begins to receive."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the socket."""
        self.stop()
        self.close()

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel dropped, since the socket's buffer was full."""
        figures = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMORY_FIGURES.size)
        return int(MEMORY_FIGURES.unpack(figures)[-1]) if len(figures) == MEMORY_FIGURES.size else 0

    def close(self) -> None:
        """Gives the address free."""
        self._socket.close()

    def stop(self) -> None:
        """Receives no more, once what is there was received, or a second passed; what came can still be taken."""
        self._over_s = min(self._over_s, time.monotonic())
        self._thread.join()

    def take(self) -> list[Datagram]:
        """Some of what came, in its order; nothing where nothing did.

        Raises:
            InputError: The socket is of no use any more.
        """
        if not self._came:
            if self._failed is not None:
                raise InputError(f"{self.address} cannot be read: {reason_of(self._failed)}")
            return []
        datagrams = self._came.popleft()
        self._bytes_out += _size(datagrams)
        return datagrams

    def _receive(self) -> None:
        datagrams = Datagrams(self._socket)
        while True:
            try:
                found = datagrams.receive()
            except OSError as error:
                self._failed = error
                return
            if found:
                size = _size(found)
                if self._bytes_in - self._bytes_out + size > self._waiting_bytes:
                    self.overrun += len(found)
                else:
                    self._bytes_in += size
                    self._came.append(found)
            now = time.monotonic()
            if now >= self._over_s and (not found or now >= self._over_s + LAST_S):
                return


def _size(datagrams: list[Datagram]) -> int:
    return sum(len(datagram.data) + DATAGRAM_BYTES for datagram in datagrams)


def _bound(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not host or not port.isdecimal() or int(port) > 65_535 or (":" in host) != is_bracketed:
        raise UsageError(
            f"the address to listen on is {address!r}; expected HOST:PORT, like 127.0.0.1:2055, 0.0.0.0:2055 or "
            "[::]:2055"
        )
    host = host.removeprefix("[").removesuffix("]")
    opened: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, int(port), type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        _enlarge(opened)
        seconds = struct.pack("@ll", 0, int(TIMEOUT_S * 1e6))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        opened.bind(place)
    except (OSError, UnicodeError) as error:
        if opened is not None:
            opened.close()
        raise UsageError(f"{address} cannot be listened to: {reason_of(error)}; choose another address") from None
    return opened


def _enlarge(opened: socket.socket) -> None:
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        except PermissionError:
            continue
        return


def _shown(opened: socket.socket) -> str:
    host, port = opened.getsockname()[:2]
    return f"[{host}]:{port}" if opened.family == socket.AF_INET6 else f"{host}:{port}"
