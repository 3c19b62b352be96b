"""Syslog: messages of RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587) and TLS (RFC 5425)."""

import fcntl
import os
import re
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress

from oddflow.outputs.address import Address
from oddflow.outputs.message import Message
from oddflow.outputs.tls import context_for
from oddflow.outputs.transport import TIMEOUT_S, NotDelivered

LOCAL0 = 16
SEVERITIES = {"LOW": 5, "MEDIUM": 4, "HIGH": 3}
"""Notice, warning, error (RFC 5424, table 2)."""
ENTERPRISE = "oddflow@32473"
"""Structured data needs an enterprise number; this is the one for examples (RFC 5612)."""
LONGEST_DATAGRAM = 8_192
"""Receivers take 2,048 bytes and should take 8,192 (RFC 5426 section 3.2); the message is cut, never its id."""


def syslog_message(message: Message, host: str, longest: int | None = None) -> bytes:
    """One message of RFC 5424: priority, time, who, the id, facts as structured data, and what is said, in UTF-8."""
    facts = message.facts
    priority = LOCAL0 * 8 + SEVERITIES.get(facts.get("severity", ""), 5)
    told = {"id": message.id} | {name: facts[name] for name in ("kind", "src", "dst", "score") if facts.get(name)}
    data = "".join(f' {name}="{escaped_parameter(value)}"' for name, value in told.items())
    sender = re.sub(r"[^\x21-\x7e]", "-", host)[:255] or "-"
    header = f"<{priority}>1 {facts.get('time', '-')} {sender} oddflow {os.getpid()} {facts.get('kind', '-')}"
    made = f"{header} [{ENTERPRISE}{data}] ".encode() + b"\xef\xbb\xbf" + message.body.replace(b"\n", b" ")
    if longest is not None and len(made) > longest:
        made = made[:longest].decode("utf-8", "ignore").encode()
    return made


def escaped_parameter(value: str) -> str:
    r"""A value of structured data: quotes, backslashes and closing brackets are escaped (RFC 5424 section 6.3.3).

    >>> print(escaped_parameter('a"b]c\\'))
    a\"b\]c\\
    """
    return re.sub(r'(["\\\]])', r"\\\1", value.replace("\n", " "))


class DatagramSyslog:
    """Syslog over UDP: quick, and nobody says whether anything came."""

    def __init__(self, address: Address) -> None:
        self.most = 100
        self.interval_s = 0.0
        self._address = address
        self._socket: socket.socket | None = None

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport; what the network then loses is lost."""
        try:
            if self._socket is None:
                found = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_DGRAM)[0]
                self._socket = socket.socket(found[0], found[1], found[2])
                self._socket.settimeout(TIMEOUT_S)
                self._socket.connect(found[4])
            for message in messages:
                self._socket.send(syslog_message(message, socket.gethostname(), LONGEST_DATAGRAM))
        except OSError as error:
            self.close()
            raise NotDelivered(str(error)) from None

    def close(self) -> None:
        """As Transport."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class StreamSyslog:
    """Syslog over TCP or TLS.

    Neither has an answer: a batch counts as delivered when the receiver's system has acknowledged its last byte and has
    not closed the connection. A receiver that dies before it reads may lose what its system had taken.
    """

    def __init__(self, address: Address) -> None:
        self.most = 100
        self.interval_s = 0.0
        self._address = address
        self._context = context_for(address) if address.scheme == "syslog+tls" else None
        self._plain: socket.socket | None = None
        self._socket: socket.socket | None = None

    def send(self, messages: Sequence[Message]) -> None:
        """As Transport."""
        host = socket.gethostname()
        framed = (syslog_message(message, host) for message in messages)
        content = b"".join(b"%d %b" % (len(each), each) for each in framed)
        try:
            connection = self._connected()
            self._check_open(connection)
            connection.sendall(content)
            self._wait_until_acknowledged()
            self._check_open(connection)
        except OSError as error:
            self.close()
            raise NotDelivered(str(error)) from None

    def close(self) -> None:
        """As Transport."""
        if self._socket is not None:
            with suppress(OSError, ValueError):
                self._socket.close()
        if self._plain is not None:
            with suppress(OSError):
                self._plain.close()
        self._socket = self._plain = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            plain = socket.create_connection((self._address.host, self._address.port), timeout=TIMEOUT_S)
            self._plain = self._socket = plain
            if self._context is not None:
                # a duplicate stays: the kernel's counters are asked of it, for wrapping takes the first away
                self._plain = plain.dup()
                self._socket = self._context.wrap_socket(plain, server_hostname=self._address.host)
        return self._socket

    def _check_open(self, connection: socket.socket) -> None:
        """Raises ConnectionError where the receiver has closed; what it says is read and thrown away."""
        while select.select([connection], [], [], 0)[0]:
            connection.settimeout(0.0)
            try:
                if not connection.recv(4_096):
                    raise ConnectionError("the receiver closed the connection")
            except (ssl.SSLWantReadError, BlockingIOError):
                return
            finally:
                connection.settimeout(TIMEOUT_S)

    def _wait_until_acknowledged(self) -> None:
        """Until the receiver's system has acknowledged all bytes (SIOCOUTQ of tcp(7) is 0)."""
        assert self._plain is not None  # noqa: S101  (connected)
        until_s = time.monotonic() + TIMEOUT_S
        pause_s = 0.000_5
        while struct.unpack("i", fcntl.ioctl(self._plain.fileno(), termios.TIOCOUTQ, bytes(4)))[0]:
            if time.monotonic() >= until_s:
                raise TimeoutError("the receiver acknowledges nothing")
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.05)
