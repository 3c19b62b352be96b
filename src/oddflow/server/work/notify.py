"""Tells systemd how the service is (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Tells a state, like "READY=1" or "WATCHDOG=1"; nothing where nobody asked."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
        told.setblocking(False)
        told.sendto(state.encode(), b"\0" + where[1:].encode() if where[0] == "@" else where)


def watchdog_s() -> float:
    """How often systemd wants to hear of us, twice as often as it must; 0 where it does not."""
    told = os.environ.get("WATCHDOG_USEC", "")
    return int(told) / 2e6 if told.isdecimal() else 0.0
