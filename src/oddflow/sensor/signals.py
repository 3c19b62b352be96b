"""Signals that wake whoever waits for a socket."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def waking(heard: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[socket.socket]:
    """Has signals handled by `heard`; a byte on the socket that this gives tells of them at once."""
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    wakeup = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, heard) for number in numbers}
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        woken.close()
        waker.close()
