"""The processes of a sensor's workers: started, listened to, stopped, and what became of each."""

import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from oddflow.capture.ring import Ring
from oddflow.errors import OddflowError
from oddflow.losses import Ledger
from oddflow.sensor.tally import LOSSES, Count, Tally
from oddflow.sensor.worker import READY, Place, send_ring

HELD = {signal.SIGTERM, signal.SIGINT}
"""Signals that wait until a new process can take them."""

Life = Callable[[Place, Ring, socket.socket], dict[str, Any]]
"""What a worker does in its process: with its ring and its line to the supervisor; its ledger as JSON values."""


@dataclass(slots=True)
class _Member:
    """A worker's process as the supervisor sees it."""

    place: Place
    pid: int
    line: socket.socket
    said: bytearray = field(default_factory=bytearray)


class Crew:
    """The workers of one sensor.

    Attributes:
        ledger: What those that have ended did, in sum.
        flows, alerts: Theirs.
        errors: What they said who could not begin or go on.
        died: How those ended who said nothing.
        is_unread: Whether one ended because nobody reads what it prints.
    """

    def __init__(self, tally: Tally) -> None:
        self.ledger = Ledger()
        self.flows = 0
        self.alerts = 0
        self.errors: list[str] = []
        self.died: list[str] = []
        self.is_unread = False
        self._tally = tally
        self._members: list[_Member] = []

    def __len__(self) -> int:
        """How many are at work."""
        return len(self._members)

    def start(self, rings: list[Ring], live: Life) -> None:
        """Starts a process for each ring; this one must have no other thread yet. The rings are theirs then.

        Returns once each has given its privileges up and takes signals, or has ended.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        for number, ring in enumerate(rings):
            ours, theirs = socket.socketpair()
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                for foreign in (ours, *(member.line for member in self._members)):
                    foreign.close()
                for other in rings:
                    if other is not ring:
                        other.close()
                _live(theirs, partial(live, Place(number, len(rings)), ring, theirs))
            theirs.close()
            self._members.append(_Member(Place(number, len(rings)), pid, ours))
        for ring in rings:
            ring.close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        while not all(member.said for member in self._members):
            self.hear(None, 1.0)

    def hear(self, wake: socket.socket | None, timeout_s: float) -> None:
        """Waits a while for what workers say, or for a byte on `wake`."""
        poll = select.poll()
        for line in (*((wake,) if wake else ()), *(member.line for member in self._members)):
            poll.register(line, select.POLLIN)
        heard = {number for number, _ in poll.poll(timeout_s * 1_000)}
        if wake:
            with suppress(BlockingIOError):
                wake.recv(64)
        for member in [member for member in self._members if member.line.fileno() in heard]:
            try:
                part = member.line.recv(1 << 16)
            except ConnectionError:
                part = b""
            member.said += part
            if not part:
                self._members.remove(member)
                self._ended(member)

    def give(self, rings: list[Ring]) -> None:
        """Hands each worker the ring that was opened for it."""
        for member in self._members:
            with suppress(OSError):
                send_ring(member.line, rings[member.place.number])
        for ring in rings:
            ring.close()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Asks all to end, or ends them."""
        for member in self._members:
            with suppress(ProcessLookupError):
                os.kill(member.pid, number)

    def add(self, more: dict[str, Any]) -> None:
        """Adds a ledger, as JSON values, to the sum."""
        self.ledger.used(more["metered"])
        self.ledger.reasons.update(more["losses"])
        self.ledger.evicted_flows += more["evicted_flows"]
        self.ledger.unread.update(more["unread_first_bytes"])
        for damage in more["damages"]:
            self.ledger.damaged(damage)

    def _ended(self, member: _Member) -> None:
        member.line.close()
        _, status = os.waitpid(member.pid, 0)
        last = member.said.removeprefix(READY)
        said: dict[str, Any] = json.loads(last) if last else {}
        if "ledger" in said:
            self.add(said["ledger"])
            self.flows += said["flows"]
            self.alerts += said["alerts"]
            return
        self._add_tally(member.place.number)
        if "error" in said:
            self.errors.append(said["error"])
        elif "unread" in said:
            self.is_unread = True
        else:
            code = os.waitstatus_to_exitcode(status)
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            self.died.append(f"worker {member.place.number} ended {how}: its table and its open flows are lost")
            self.ledger.damaged(self.died[-1])

    def _add_tally(self, number: int) -> None:
        """What a worker without a ledger had counted when it counted last."""
        row = [int(value) for value in self._tally.rows[number]]
        self.ledger.used(row[Count.METERED])
        for loss, count in zip(LOSSES, row[len(Count) :], strict=True):
            self.ledger.lost(loss, count)


def _live(line: socket.socket, live: Callable[[], dict[str, Any]]) -> NoReturn:
    """A worker's process, from its fork to its end."""
    code = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor passes it on as SIGTERM
    try:
        said = live()
        code = 0
    except OddflowError as error:
        said = {"error": str(error)}
    except BrokenPipeError:
        said, code = {"unread": True}, 0
    except BaseException as error:  # noqa: BLE001  (a worker says what ended it; the supervisor tells)
        if os.environ.get("ODDFLOW_DEBUG"):
            traceback.print_exc()
        said = {"error": f"internal error: {type(error).__name__}: {error}"}
    with suppress(OSError):
        line.setblocking(True)
        line.sendall(json.dumps(said).encode())
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
