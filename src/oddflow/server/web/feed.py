"""What is new in the store, for all who listen: one thread asks, however many there are.

Nothing waits for anybody: what is new stands in one ring, and whoever listens remembers how far they have read. Whoever
falls behind the ring is told to read anew; so memory is the same for one slow listener and for a hundred.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from oddflow.errors import OddflowError
from oddflow.server.store.store import Store
from oddflow.server.web.shapes.alert import AlertBrief
from oddflow.server.web.shapes.incident import IncidentBrief
from oddflow.server.web.shapes.notice import NoticeShape

POLL_S = 0.1
STATUS_S = 2.0
PAUSE_S = 2.0
MOST_AT_ONCE = 200
MOST_KEPT = 2_000
_LOG = logging.getLogger("oddflow.web.live")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """How far somebody has read: the `seq` of the last alert and of the last incident."""

    alerts: int
    incidents: int

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """From the id of an event; None where it is none.

        >>> Place.parse("12-7"), Place.parse("12-"), Place.parse("x")
        (Place(alerts=12, incidents=7), None, None)
        """
        first, _, second = text.partition("-")
        if not (first.isdecimal() and second.isdecimal() and len(text) <= 40 and text.isascii()):
            return None
        return cls(int(first), int(second))

    def __str__(self) -> str:
        """As the id of an event."""
        return f"{self.alerts}-{self.incidents}"


@dataclass(frozen=True, slots=True)
class News:
    """One event.

    Attributes:
        number: In the ring.
        kind: alert, incident, notice or status.
        place: How far has read whoever read it.
        data: JSON in one line.
    """

    number: int
    kind: str
    place: Place
    data: str

    def written(self) -> bytes:
        """As server-sent events have it (HTML Living Standard, section 9.2)."""
        return f"id: {self.place}\nevent: {self.kind}\ndata: {self.data}\n\n".encode()


class Feed:
    """Follows the store while anybody listens.

    Args:
        store: Asked for what is new.
        status: How all is, as JSON in one line.
        poll_s: How often.
    """

    def __init__(self, store: Store, status: Callable[[], str], *, poll_s: float = POLL_S) -> None:
        self._store, self._status, self._poll_s = store, status, poll_s
        self._ring: deque[News] = deque(maxlen=MOST_KEPT)
        self._place = Place(0, 0)
        self._numbers = 0
        self._notices = ""
        self._wakers: set[Callable[[], None]] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, waker: Callable[[], None]) -> tuple[int, Place]:
        """Somebody listens; `waker` is called, from another thread, whenever there is news.

        Returns:
            The number of the last event and how far it leads: what is new comes after it.

        Raises:
            StoreDown: The store cannot be asked.
        """
        with self._lock:
            if not self._wakers:
                self._halt()
                self._place = Place(self._store.alerts.highest(), self._store.incidents.highest())
                self._stop = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(self._stop,), name="feed", daemon=True)
                self._thread.start()
            self._wakers.add(waker)
            return self._numbers, self._place

    def end(self, waker: Callable[[], None]) -> None:
        """Somebody listens no more."""
        with self._lock:
            self._wakers.discard(waker)
            if not self._wakers:
                self._halt()

    def since(self, number: int) -> list[News] | None:
        """What came after an event; None where that is no longer known."""
        with self._lock:
            missing = self._numbers - number
            if missing > len(self._ring):
                return None
            return list(islice(self._ring, len(self._ring) - missing, None))

    def backlog(self, place: Place, until: Place) -> list[News] | None:
        """What somebody missed who had read up to a place; None where it is too much to tell."""
        if place.alerts > until.alerts or place.incidents > until.incidents:
            return None  # of another store
        missed = [*self._new_incidents(place), *self._new_alerts(place)]
        if len(missed) >= MOST_AT_ONCE:
            return None
        return [one for one in missed if one.place.alerts <= until.alerts and one.place.incidents <= until.incidents]

    def _halt(self) -> None:
        self._stop.set()
        self._thread = None

    def _run(self, stop: threading.Event) -> None:
        told_s = 0.0
        while not stop.is_set():
            pause_s = self._poll_s
            try:
                news = self._news()
                if monotonic() - told_s >= STATUS_S:
                    told_s = monotonic()
                    news += [*self._notice(), News(0, "status", self._place, self._status())]
            except OddflowError as error:
                _LOG.warning("the live stream waits for the store: %s", error)
                news, pause_s = [], PAUSE_S
            if news:
                self._tell(news)
            if len(news) < MOST_AT_ONCE:
                stop.wait(pause_s)

    def _news(self) -> list[News]:
        found = [*self._new_incidents(self._place), *self._new_alerts(self._place)]
        if found:
            self._place = found[-1].place
        return found

    def _new_incidents(self, place: Place) -> Iterator[News]:
        for stored in self._store.incidents.after(place.incidents, MOST_AT_ONCE):
            place = Place(place.alerts, stored.seq)
            yield News(0, "incident", place, IncidentBrief.of(stored).model_dump_json())

    def _new_alerts(self, place: Place) -> Iterator[News]:
        for stored in self._store.alerts.after(place.alerts, MOST_AT_ONCE):
            place = Place(stored.seq, place.incidents)
            yield News(0, "alert", place, AlertBrief.of(stored).model_dump_json())

    def _notice(self) -> list[News]:
        """All that is wrong now, where that is not what was told last."""
        shapes = [NoticeShape.of(one).model_dump(mode="json") for one in self._store.notices.current()]
        told = json.dumps(shapes, ensure_ascii=False)
        if told == self._notices:
            return []
        self._notices = told
        return [News(0, "notice", self._place, told)]

    def _tell(self, news: Sequence[News]) -> None:
        with self._lock:
            for one in news:
                self._numbers += 1
                self._ring.append(News(self._numbers, one.kind, one.place, one.data))
            for wake in self._wakers:
                wake()
