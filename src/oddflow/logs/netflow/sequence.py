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


class Message(NamedTuple):
    """The number that a message carries, and how many items it has: records of flows, and of options."""

    number: int
    items: int
    options: int = 0


class Numbering(NamedTuple):
    """How an exporter numbers: the first item of a message or the one behind its last, options among them or not."""

    is_behind: bool
    counts_options: bool

    def span(self, message: Message) -> tuple[int, int]:
        """The number of a message's first item, and of the first one behind it."""
        count = message.items + message.options * self.counts_options
        start = message.number - count if self.is_behind else message.number
        return start % MODULUS, (start + count) % MODULUS

    def fits(self, before: Message, message: Message) -> bool:
        """Whether one message follows the other."""
        return self.span(before)[1] == self.span(message)[0]


NUMBERINGS = (Numbering(False, True), Numbering(False, False), Numbering(True, True), Numbering(True, False))


@dataclass(slots=True)
class _Missing:
    """Numbers that were passed over: the first, how many, and at which message that was."""

    start: int
    count: int
    since: int


class Sequence:
    """Follows one sequence; what it counts is whatever the exporter numbers.

    A message carries the number of its first item, and options are items too (RFC 7011 section 3.1). softflowd numbers
    the item behind its last, options left out. How an exporter does it shows by itself: of the four ways that one
    counts which fitted most messages, and as long as another has not been ruled out, what fits it is no gap either.

    Attributes:
        restarts: How often the exporter began anew.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._before: Message | None = None
        self._fitted = [0] * len(NUMBERINGS)
        self._seen = 0
        self._missing: list[_Missing] = []
        self._astray: Message | None = None
        self._astray_row = 0

    def take(self, message: Message | None) -> int:
        """Takes the next message, and gives how many items are now known to be lost.

        Where it is not known how many items it has, it is none; what comes next is then taken as it is.
        """
        self._seen += 1
        lost = self._settled(self._seen - REORDERED)
        if message is None or self._before is None:
            self._before = message
        else:
            lost += self._compare(self._before, message)
        return lost

    def restart(self) -> int:
        """The exporter began anew; gives how many items are now known to be lost."""
        self.restarts += 1
        self._before = None
        return self._settled(self._seen)

    def end(self) -> int:
        """No message comes after; gives how many items are now known to be lost."""
        return self._settled(self._seen)

    def _compare(self, before: Message, message: Message) -> int:
        fits = [numbering.fits(before, message) for numbering in NUMBERINGS]
        follows = any(fit and fitted > -SURE for fit, fitted in zip(fits, self._fitted, strict=True))
        if any(fits):
            votes = zip(self._fitted, fits, strict=True)
            self._fitted = [max(-SURE, min(SURE, fitted + (1 if fit else -1))) for fitted, fit in votes]
        if follows:
            self._go_on(message)
            return 0
        numbering = NUMBERINGS[self._fitted.index(max(self._fitted))]
        expected = numbering.span(before)[1]
        start, after = numbering.span(message)
        ahead = (start - expected) % MODULUS
        if ahead <= FARTHEST:
            if ahead:
                self._missing.append(_Missing(expected, ahead, self._seen))
            self._go_on(message)
        elif not self._fill(start, (after - start) % MODULUS) and self._is_new_run(message):
            lost = self.restart()
            self._go_on(message)
            return lost
        return 0

    def _go_on(self, message: Message) -> None:
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

    def _is_new_run(self, message: Message) -> bool:
        before = self._astray
        follows = before is not None and any(numbering.fits(before, message) for numbering in NUMBERINGS)
        self._astray_row = self._astray_row + 1 if follows else 1
        self._astray = message
        return self._astray_row >= IN_A_ROW

    def _settled(self, before: int) -> int:
        lost = sum(missing.count for missing in self._missing if missing.since <= before)
        self._missing = [missing for missing in self._missing if missing.since > before]
        return lost
