"""Data that came before its template: held for a while, in bounded memory."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from oddflow.logs.netflow.records import Context

MOST_BYTES = 1 << 24
MOST_BYTES_OF_ONE = 1 << 20
"""Of one domain."""
LONGEST_S = 300.0
SET_BYTES = 256
"""What a held set takes besides its own bytes, about."""


@dataclass(slots=True)
class Room:
    """Bytes that the held sets of all domains take, and may take."""

    most: int = MOST_BYTES
    used: int = 0


class Held(NamedTuple):
    """A set without a template."""

    number: int
    body: bytes
    context: Context
    since_s: float

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + SET_BYTES


class Holding:
    """The held sets of one domain, for at most 5 minutes.

    Args:
        room: Shared by all domains.
        most_bytes: That this domain may take.
    """

    def __init__(self, room: Room, *, most_bytes: int = MOST_BYTES_OF_ONE) -> None:
        self._room = room
        self._most_bytes = most_bytes
        self._bytes = 0
        self._sets: deque[Held] = deque()

    def __len__(self) -> int:
        """How many sets."""
        return len(self._sets)

    def hold(self, found: Held) -> int:
        """Takes a set; gives how many were given up for it: the oldest of this domain, else itself."""
        given_up = 0
        while self._sets and self._bytes + found.size > self._most_bytes:
            self._let_go(self._sets.popleft())
            given_up += 1
        if self._room.used + found.size > self._room.most:
            return given_up + 1
        self._sets.append(found)
        self._bytes += found.size
        self._room.used += found.size
        return given_up

    def release(self, number: int) -> list[Held]:
        """The sets whose template came."""
        found = [held for held in self._sets if held.number == number]
        if found:
            self._sets = deque(held for held in self._sets if held.number != number)
            for held in found:
                self._let_go(held)
        return found

    def expire(self, before_s: float) -> int:
        """Gives up what is held since before a time; how many sets."""
        given_up = 0
        while self._sets and self._sets[0].since_s < before_s:
            self._let_go(self._sets.popleft())
            given_up += 1
        return given_up

    def _let_go(self, held: Held) -> None:
        self._bytes -= held.size
        self._room.used -= held.size
