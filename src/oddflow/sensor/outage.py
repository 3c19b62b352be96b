"""Whether an interface is there, and what it dropped: seen by the supervisor, who opens it again when it is back."""

import time
from collections.abc import Callable

from oddflow.capture.interface import DropCounters, Interface, index_of
from oddflow.errors import OddflowError
from oddflow.losses import Ledger, Loss

Say = Callable[[str], None]


class InterfaceWatch:
    """Follows one interface by name, down, gone and back.

    Attributes:
        interface: As it was found last.
        is_down: Whether it is down or gone now.
        ledger: Told of what it or the kernel's backlog dropped, and of the times when nothing was seen.
    """

    def __init__(self, interface: Interface, counters: DropCounters, say: Say) -> None:
        self.interface = interface
        self.is_down = False
        self.ledger = Ledger()
        self._counters = counters
        self._dropped_before = counters.of_interface(interface.name)
        self._softnet_before = counters.of_softnet()
        self._say = say
        self._down_since_s = 0.0
        self._outages = 0
        self._outage_s = 0.0
        self._refused = ""

    @property
    def softnet_dropped(self) -> int:
        """Packets that all cores' backlogs dropped meanwhile, of all interfaces; the ledger has ours."""
        return self._counters.of_softnet() - self._softnet_before

    def look(self) -> Interface | None:
        """Says what changed; gives the interface where it came back as a new one, which must be opened anew."""
        if self.interface.is_up:
            self._count_drops()
            self._is_back()
            return None
        index = index_of(self.interface.name)
        if index is None or index == self.interface.index:
            self._is_gone("vanished" if index is None else "went down")
            return None
        self._is_gone("vanished")
        try:
            return Interface.find(self.interface.name)
        except OddflowError as error:
            self.refuse(str(error))
        except OSError:  # it has gone again between two questions
            pass
        return None

    def opened(self, interface: Interface) -> None:
        """It came back as a new one, and is listened to."""
        self.interface = interface
        self._dropped_before = self._counters.of_interface(interface.name)

    def refuse(self, why: str) -> None:
        """It came back, but cannot be listened to; said once."""
        if why != self._refused:
            self._say(f"{why}; waiting")
            self._refused = why

    def close(self) -> None:
        """Tells the ledger of the last drops and of the times when nothing could be seen."""
        if self.interface.is_up:
            self._count_drops()
        outage_s = self._outage_s + (time.monotonic() - self._down_since_s if self.is_down else 0.0)
        if self._outages:
            times = "once" if self._outages == 1 else f"{self._outages:,} times"
            self.ledger.damaged(
                f"{self.interface.name} was down or gone {times}, {outage_s:.1f} s in all: nothing was seen then"
            )
        self._counters.close()

    def _count_drops(self) -> None:
        now = self._counters.of_interface(self.interface.name)
        lost = max(0, now - self._dropped_before)
        self._dropped_before = now
        self.ledger.lost(Loss.INTERFACE, lost)

    def _is_gone(self, how: str) -> None:
        if not self.is_down:
            self.is_down = True
            self._outages += 1
            self._down_since_s = time.monotonic()
            self._say(f"{self.interface.name} {how}; waiting for it to come back")

    def _is_back(self) -> None:
        if self.is_down:
            self.is_down = False
            away_s = time.monotonic() - self._down_since_s
            self._outage_s += away_s
            self._refused = ""
            self._say(f"{self.interface.name} is back after {away_s:.1f} s")
