"""Brings what waits in a spool to its receiver: a thread that asks again, ever more seldom, until it is told."""

import json
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from oddflow.errors import OutputError
from oddflow.outputs.message import Message
from oddflow.outputs.spool import Spool
from oddflow.outputs.transport import NotDelivered, Refused, Transport

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 60.0
BATCH_BYTES = 4 << 20
LOOK_S = 1.0
MOST_REFUSED_BYTES = 16 << 20

Say = Callable[[str], None]


class Delivery:
    """One receiver's thread.

    Args:
        name: What the receiver is called.
        spool: Where messages wait.
        transport: What reaches it.
        say: Told when a receiver cannot be reached, and when it can again.
        longest_pause_s: It is asked again after so long at most.
    """

    def __init__(
        self, name: str, spool: Spool, transport: Transport, say: Say, *, longest_pause_s: float = LONGEST_PAUSE_S
    ) -> None:
        self.name = name
        self.spool = spool
        self.delivered = 0
        self.refused = 0
        self.problem = ""
        """Why the receiver does not have the rest; empty while all is well."""
        self._transport = transport
        self._say = say
        self._longest_pause_s = longest_pause_s
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_s = time.monotonic() + transport.interval_s

    def start(self) -> None:
        """Begins, once: after privileges were given up, for a thread keeps what it has."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"to {self.name}", daemon=True)
            self._thread.start()

    def finish(self, until_s: float) -> None:
        """Waits for the rest to be delivered, at most until a time of the monotonic clock; then ends."""
        self._hurry.set()
        self.spool.wake()
        self.spool.wait_empty(max(0.0, until_s - time.monotonic()))
        self._stopping.set()
        self.spool.wake()
        if self._thread is not None:
            self._thread.join(max(0.5, until_s - time.monotonic()))
        if self._thread is None or not self._thread.is_alive():
            self._transport.close()
            self.spool.close()

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            if not self._is_time():
                self._hurry.wait(LOOK_S / 4)
                continue
            messages, after = self.spool.take(self._transport.most, BATCH_BYTES, LOOK_S)
            if not messages:
                continue
            try:
                self._send(messages)
            except NotDelivered as error:
                self._tell(str(error))
                self._stopping.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  (only spreads the load)
                pause_s = min(2 * pause_s, self._longest_pause_s)
                continue
            except Exception as error:  # noqa: BLE001  (a receiver's answer must never end the delivery for good)
                self._tell(f"{type(error).__name__}: {error}")
                self._stopping.wait(self._longest_pause_s)
                continue
            pause_s = FIRST_PAUSE_S
            self._next_s = time.monotonic() + self._transport.interval_s
            with suppress(OSError, OutputError):  # a full disk: told again after the next start, never lost
                self.spool.acknowledge(after, len(messages))
            self._tell("")

    def _is_time(self) -> bool:
        return self._hurry.is_set() or time.monotonic() >= self._next_s

    def _send(self, messages: list[Message]) -> None:
        try:
            self._transport.send(messages)
        except Refused as error:
            self.refused += len(messages)
            self._set_aside(messages, str(error))
        else:
            self.delivered += len(messages)

    def _set_aside(self, messages: list[Message], why: str) -> None:
        kept = ""
        with suppress(OSError), (self.spool.folder / "refused.jsonl").open("a", encoding="utf-8") as file:
            if file.tell() < MOST_REFUSED_BYTES:
                for message in messages:
                    told = {"id": message.id, "why": why, "body": message.body.decode("utf-8", "replace")}
                    file.write(json.dumps(told) + "\n")
                kept = f"; it is kept in {file.name}"
        self._say(f"{self.name} refuses {messages[0].id} for good: {why}{kept}")

    def _tell(self, problem: str) -> None:
        if problem and not self.problem:
            self._say(f"{self.name} cannot be told: {problem}; what is not delivered waits, and it is tried again")
        elif self.problem and not problem:
            self._say(f"{self.name} is told again")
        self.problem = problem
