"""The numbers that an exporter gives its messages: what is missing among them was lost on the way."""

from dataclasses import dataclass
from typing import NamedTuple

MODULUS = 1 << 32
REORDERED = 64
"""A message that comes at most so many messages late is not lost."""
FARTHEST = 1 << 20
"""Who is so far ahead began anew; so one false message does not count as millions lost."""
IN_A_ROW = 3
"""So many messages that fit each other, and not what was before, show that the exporter began anew."""
SURE = 3


class _Message(NamedTuple):
    """Its number, and how many items it has."""

    number: int
    count: int

    @property
    def after(self) -> int:
        """The number of the first item behind it."""
        return (self.number + self.count) % MODULUS


@dataclass(slots=True)
class _Missing:
    """Numbers that were passed over: the first, how many, and at which message that was."""

    start: int
    count: int
    since: int


class Sequence:
    """Follows one sequence; what it counts is whatever the exporter numbers.

    A message carries the number of its first item (RFC 7011 section 3.1). softflowd numbers the item behind its last
    instead; which of the two an exporter does shows by itself, as soon as its messages differ in size.

    Attributes:
        restarts: How often the exporter began anew.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._before: _Message | None = None
        self._votes = 0
        self._seen = 0
        self._missing: list[_Missing] = []
        self._astray: _Message | None = None
        self._astray_row = 0

    def take(self, number: int, count: int | None) -> int:
        """Takes the next message, and gives how many items are now known to be lost.

        Args:
            number: What it carries.
            count: How many items it has; nothing where that is not known: what comes next is then taken as it is.
        """
        self._seen += 1
        lost = self._settled(self._seen - REORDERED)
        if count is None:
            self._before = None
        elif self._before is None:
            self._go_on(_Message(number, count))
        else:
            lost += self._compare(_Message(number, count), self._before)
        return lost

    def restart(self) -> int:
        """The exporter began anew; gives how many items are now known to be lost."""
        self.restarts += 1
        self._before = None
        return self._settled(self._seen)

    def end(self) -> int:
        """No message comes after; gives how many items are now known to be lost."""
        return self._settled(self._seen)

    def _compare(self, message: _Message, before: _Message) -> int:
        numbers_first = message.number == before.after
        numbers_behind = (message.number - message.count) % MODULUS == before.number
        if numbers_first != numbers_behind:
            self._votes = max(-SURE, min(SURE, self._votes + (1 if numbers_first else -1)))
        is_behind = self._votes < 0
        start = (message.number - message.count) % MODULUS if is_behind else message.number
        expected = before.number if is_behind else before.after
        ahead = (start - expected) % MODULUS
        if (numbers_first or numbers_behind) and abs(self._votes) < SURE:
            ahead = 0
        if ahead <= FARTHEST:
            if ahead:
                self._missing.append(_Missing(expected, ahead, self._seen))
            self._go_on(message)
        elif not self._fill(start, message.count) and self._is_new_run(message):
            lost = self.restart()
            self._go_on(message)
            return lost
        return 0

    def _go_on(self, message: _Message) -> None:
        self._before = message
        self._astray = None

    def _fill(self, start: int, count: int) -> bool:
        """Takes a late message out of what is missing; whether it was."""
        for place, missing in enumerate(self._missing):
            offset = (start - missing.start) % MODULUS
            if offset + count <= missing.count:
                parts = (
                    _Missing(missing.start, offset, missing.since),
                    _Missing((start + count) % MODULUS, missing.count - offset - count, missing.since),
                )
                self._missing[place : place + 1] = [part for part in parts if part.count]
                return True
        return False

    def _is_new_run(self, message: _Message) -> bool:
        before = self._astray
        follows = before is not None and message.number in (before.after, (before.number + message.count) % MODULUS)
        self._astray_row = self._astray_row + 1 if follows else 1
        self._astray = message
        return self._astray_row >= IN_A_ROW

    def _settled(self, before: int) -> int:
        lost = sum(missing.count for missing in self._missing if missing.since <= before)
        self._missing = [missing for missing in self._missing if missing.since > before]
        return lost
