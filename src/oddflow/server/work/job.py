"""A process of the service as the supervisor sees it: started, watched, ended, started again."""

import gc
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from oddflow.errors import OddflowError
from oddflow.sensor import privileges
from oddflow.server import log
from oddflow.server.work.layout import Shared
from oddflow.server.work.seat import CHANGED, Life, Seat

HELD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that wait until a new process can take them."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
SOUND_S = 60.0
"""Who lived so long is started again at once."""
FAILED = 3
"""The exit code of who said why it could not go on."""


@dataclass(slots=True)
class Job:
    """What a process is for, and how it is with it.

    Attributes:
        name: "judge office".
        kind: capture, judge, keeper, outputs or web.
        slot: Where it tells.
        source: Which source it is of; -1 for none.
        life: What it does.
        load: Loads libraries, in the process, while it may read all that the supervisor may; where that is needed.
        prepare: Opens, in the supervisor, what it needs; raises OddflowError where that cannot be now.
        silence_s: It is ended where it does not show for so long that it lives.
        pid: Its process; 0 while there is none.
        problem: Why there is none, or why it was started again.
    """

    name: str
    kind: str
    slot: int
    source: int
    life: Life
    prepare: Callable[[], Any] = lambda: None
    load: Callable[[Seat], None] | None = None
    silence_s: float = 30.0
    pid: int = 0
    handle: int = -1
    line: socket.socket | None = None
    since_s: float = 0.0
    begun_s: float = 0.0
    restarts: int = 0
    problem: str = ""
    pause_s: float = FIRST_PAUSE_S
    due_s: float = 0.0
    ended: bool = False
    given: Any = field(default=None)

    def start(self, shared: Shared, account: privileges.Account | None, foreign: Sequence[socket.socket | int]) -> None:
        """Starts its process; this one must have no other thread.

        Args:
            shared: What all have in common.
            account: Whom it shall be, where that is another.
            foreign: What is the supervisor's alone, and closed there.

        Raises:
            OddflowError: What it needs cannot be opened now.
        """
        self.given = self.prepare()
        shared.counters.forget(self.slot)
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            ours.close()
            for one in foreign:
                with suppress(OSError):
                    one.close() if isinstance(one, socket.socket) else os.close(one)
            self._live(shared, account, theirs, supervisor)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        theirs.close()
        self.let_go()
        ours.setblocking(False)
        self.pid, self.line, self.handle = pid, ours, os.pidfd_open(pid)
        self.since_s, self.begun_s, self.ended = time.time(), time.monotonic(), False

    def let_go(self) -> None:
        """Gives back what the supervisor alone has of a process."""
        if self.line is not None:
            self.line.close()
            self.line = None
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def signal(self, number: int) -> None:
        """Sends it a signal, if it is there."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def reap(self) -> str | None:
        """How it ended, in words; None while it lives. Empty where it ended as it should."""
        if not self.pid:
            return None
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            pid, status = self.pid, 0
        if not pid:
            return None
        code = os.waitstatus_to_exitcode(status)
        said = self._last_words()
        lived_s = time.monotonic() - self.begun_s
        self.pid, self.ended = 0, True
        self.let_go()
        if code in (0, CHANGED):
            self.pause_s = FIRST_PAUSE_S
            self.due_s = time.monotonic()
            return ""
        self.restarts += 1
        self.pause_s = FIRST_PAUSE_S if lived_s >= SOUND_S else self.pause_s
        self.due_s = time.monotonic() + (0.0 if lived_s >= SOUND_S else self.pause_s)
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return said or f"ended {how}"

    def _last_words(self) -> str:
        if self.line is None:
            return ""
        with suppress(OSError, ValueError):
            said = self.line.recv(1 << 16).lstrip(b"\n")
            return str(json.loads(said)["error"]) if said else ""
        return ""

    def _live(
        self, shared: Shared, account: privileges.Account | None, line: socket.socket, supervisor: int
    ) -> NoReturn:
        """The process, from its fork to its end."""
        code, said = FAILED, ""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor passes it on as SIGTERM
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            log.setup(shared.settings.log, self.name)
            seat = Seat(shared, self.name, self.slot, self.source, line, self.given)
            if self.load is not None:
                self.load(seat)
            privileges.drop(account)
            privileges.die_with_parent(signal.SIGTERM)
            if os.getppid() == supervisor:
                gc.enable()
                code = self.life(seat)
        except OddflowError as error:
            said = str(error)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else FAILED
        except BaseException as error:  # noqa: BLE001  (a process says what ended it; the supervisor tells)
            said = f"internal error: {type(error).__name__}: {error}"
            if os.environ.get("ODDFLOW_DEBUG"):
                traceback.print_exc()
        with suppress(OSError):
            if said:
                line.setblocking(True)
                line.sendall(json.dumps({"error": said}).encode())
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
