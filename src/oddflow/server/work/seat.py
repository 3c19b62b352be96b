"""What a process of the service is given when it begins."""

import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oddflow.server.settings.settings import SourceSection
from oddflow.server.work.layout import Shared

CHANGED = 75
"""The exit code of who ended since what it was made for has changed: another is started at once."""


@dataclass(slots=True)
class Seat:
    """A process's place in the service.

    Attributes:
        shared: What all have in common.
        name: What it is called: "judge office".
        slot: Where it tells.
        source: Which source it is of; -1 for none.
        line: Its line to the supervisor.
        given: What the supervisor opened for it.
        stopping: Set once it was asked to end.
        rereading: Set once it was asked to read anew what may have changed.
    """

    shared: Shared
    name: str
    slot: int
    source: int
    line: socket.socket
    given: Any = None
    stopping: bool = False
    rereading: bool = False
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("oddflow.work"))

    @property
    def section(self) -> SourceSection:
        """What was asked of its source."""
        return self.shared.settings.sources[self.source]

    def beat(self) -> None:
        """Shows that the process goes on."""
        self.shared.counters.beat(self.slot)

    def on_end(self, ask: Callable[[], None] = lambda: None) -> None:
        """From now on, SIGTERM asks it to end."""

        def asked(*_: object) -> None:
            self.stopping = True
            ask()

        def reread(*_: object) -> None:
            self.rereading = True

        signal.signal(signal.SIGTERM, asked)
        signal.signal(signal.SIGHUP, reread)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


Life = Callable[[Seat], int]
"""What a process does, from its beginning to its end; its exit code."""
