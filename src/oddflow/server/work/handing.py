"""Where a capture's flows go: to the judge, over the channel."""

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from oddflow.flows.meter import Companion
from oddflow.server.status import State
from oddflow.server.work.channel import Sender
from oddflow.server.work.problem import Problem
from oddflow.server.work.teller import Teller

TELL_S = 0.5
LAST_S = 20.0
SHED = "flows that the judge had no time for"
TOLD_S = 60.0


class Handing:
    """A sink that hands flows on, and tells the board how the capture goes.

    Args:
        sender: The channel's end.
        teller: Where it tells.
        facts: What the capture counts now, as SourceStatus has it.
        beat: Shows that the process goes on.
        companion: What must see the packets beside the meter, if anything.
    """

    def __init__(
        self,
        sender: Sender,
        teller: Teller,
        facts: Callable[[], dict[str, Any]],
        beat: Callable[[], None],
        companion: Companion | None = None,
    ) -> None:
        self.alerts = 0
        self.flows = 0
        self.companion = companion
        self.problems: list[Problem] = []
        self._sender = sender
        self._teller = teller
        self._facts = facts
        self._beat = beat
        self._next_s = 0.0
        self._stalled_s = 0.0
        self._shed, self._shed_s = 0, -TOLD_S

    def add(self, flows: pa.RecordBatch) -> None:
        """As Sink."""
        self.flows += flows.num_rows
        self._sender.flows(flows)
        self.live()

    def tick(self, seen_until_ns: int) -> None:
        """As Sink."""
        self._sender.seen(seen_until_ns)
        self.live()

    def live(self) -> None:
        """Shows that the process goes on, and tells now and then."""
        self._beat()
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + TELL_S
            self.tell()

    def tell(self, state: State = State.RUNNING) -> None:
        """How the capture goes, told now."""
        problems = list(self.problems)
        stalled_s, self._stalled_s = self._sender.stalled_s - self._stalled_s, self._sender.stalled_s
        if self._sender.shed != self._shed:
            self._shed, self._shed_s = self._sender.shed, time.monotonic()
        if stalled_s > TELL_S / 2 or time.monotonic() - self._shed_s < TOLD_S:
            left_out = f", and {self._shed:,} were left out" if self._shed else ""
            problems.append(
                Problem(
                    "channel",
                    f"flows come faster than they are judged, and the room between is full{left_out}; give the machine "
                    "more cores, or the model less",
                    "error",
                )
            )
        if self._sender.too_long:
            problems.append(Problem("records", f"{self._sender.too_long:,} records are too long, and are left out"))
        state = State.DEGRADED if problems and state is State.RUNNING else state
        facts = self._facts()
        if self._shed:
            facts["lost"] = facts["lost"] | {SHED: self._shed}
        self._teller.tell({"state": state, "flows": self.flows, **facts}, problems)

    def close(self) -> None:
        """As Sink: the last flows are handed on, as long as the judge takes them."""
        self._sender.last(LAST_S)
        self.tell(State.STOPPING)

    def abandon(self) -> None:
        """As Sink; what is in the channel stays."""
        self._sender.push()
