"""Flows to alerts, written as they come, and to incidents, told as they begin and go on."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Protocol

import pyarrow as pa

from oddflow.errors import OutputError
from oddflow.files import reason_of
from oddflow.sensor.privileges import Account
from oddflow.sensor.sink import open_for
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.watching import Watcher


class Receivers(Protocol):
    """Whom alerts are told to, besides."""

    def begin(self) -> None:
        """Privileges were given up: threads may begin."""

    def emit(self, items: Iterable[Alert | Incident]) -> None:
        """Takes alerts and incidents, without waiting for anybody."""

    def close(self) -> object:
        """No more will come."""


class AlertSink:
    """Scores the flows of a worker.

    Args:
        watcher: What judges them.
        path: Where alerts are written, one JSON a line, whole lines at a time; the file grows in place.
        show: Told of incidents that are new (true) or went on, about once a second.
        owner: Whose the file shall be, where it is opened with more rights than are kept.
        told: Who is told besides.
        say: Told what a person must know beside alerts: what feedback hid, and how traffic drifts.
    """

    def __init__(
        self,
        watcher: Watcher,
        path: str | None,
        show: Callable[[Incident, bool], None],
        *,
        owner: Account | None = None,
        told: Receivers | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.alerts = 0
        self.companion = watcher.companion
        self._watcher = watcher
        self._path = path
        self._file = open_for(path, owner) if path else None
        self._show = show
        self._told = told
        self._say = say or (lambda _: None)

    def add(self, flows: pa.RecordBatch) -> None:
        """As Sink."""
        self._watcher.add(flows)

    def tick(self, seen_until_ns: int) -> None:
        """As Sink."""
        if self._told is not None:
            self._told.begin()
        self._tell(self._watcher.alerts(seen_until_ns))

    def close(self) -> None:
        """As Sink: flows that were still waiting are judged now."""
        self._tell(self._watcher.alerts(None), last=True)
        for hidden in self._watcher.suppression.by_rule():
            self._say(hidden.text)
        self.abandon()

    def abandon(self) -> None:
        """As Sink; what was written stays, for it was told."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._told is not None:
            told, self._told = self._told, None
            told.close()

    def _tell(self, alerts: list[Alert], *, last: bool = False) -> None:
        self.alerts += len(alerts)
        if self._file is not None and alerts:
            text = "".join(json.dumps(a.as_dict(), ensure_ascii=False, allow_nan=False) + "\n" for a in alerts)
            try:
                _write_all(self._file, text.encode("utf-8", "replace"))
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(f"{self._path} cannot be written: {reason_of(error)}; make room") from None
        if self._told is not None and alerts:
            self._told.emit(alerts)
        if alerts or last:
            news = self._watcher.news(last=last)
            if self._told is not None:
                self._told.emit([incident for incident, _ in news])
            for incident, new in news:
                self._show(incident, new)
        for text in self._watcher.warnings():
            self._say(text)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
