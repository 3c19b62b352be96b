"""The journal of a registry: one JSON object a line, only ever added to, each bound to the one before.

An event is there once its line is whole: a line that was cut by a crash is no event, and is cleared away by whoever
writes next. So the state after any crash is the one before the event or the one after it. Each line holds the SHA-256
of the line before, so that nothing can be changed or left out before the last without being seen; who can write the
folder can still cut the end off, or write all of it anew.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from oddflow.errors import BrokenRegistry, OutputError, Unreadable
from oddflow.files import reason_of

JOURNAL, LOCK = "journal.jsonl", "lock"
MOST_BYTES = 64 << 20
MOST_LINE_BYTES = 64 << 10
LOCK_S = 30.0

Text = Annotated[str, Field(max_length=4_096)]
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class What(StrEnum):
    """What was done."""

    ADD = "add"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    REMOVE = "remove"
    SHADOW = "shadow"


class Event(BaseModel):
    """One thing that was done; times are ISO 8601 in UTC.

    `sha256` is of the model's file, `fingerprint` of what it computes. `against` is the SHA-256 of the model that
    `version` was compared with, and `found` what came out. `before` is the SHA-256 of the line before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    what: What
    at: Text
    by: Text
    name: Text
    version: Annotated[int, Field(ge=1)]
    reason: Text = ""
    sha256: Digest = ""
    fingerprint: Text = ""
    detector: Text = ""
    signer: Text = ""
    file: Text = ""
    forced: bool = False
    against: Digest = ""
    found: dict[Text, JsonValue] = {}
    before: Digest = ""


class Journal:
    """The journal of one folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self._lock = folder / LOCK

    def events(self) -> list[Event]:
        """All events, oldest first; none where there is no journal yet.

        Raises:
            Unreadable: It may not be read.
            BrokenRegistry: A line is none, or does not follow the one before.
        """
        return [event for event, _ in self._lines()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps everyone else from writing; a lock dies with whoever held it.

        Raises:
            OutputError: The folder cannot be written, or someone else has been writing for half a minute.
        """
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError(f"the registry {self._lock.parent} cannot be written: {reason_of(error)}") from None
        try:
            until = time.monotonic() + LOCK_S
            while not _taken(file):
                if time.monotonic() > until:
                    raise OutputError(
                        f"the registry {self._lock.parent} is being written to by someone else since {LOCK_S:.0f} s; "
                        "try again"
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(file)

    def append(self, event: Event) -> Event:
        """Adds an event, on the disk before it returns; while the lock is held. Gives it back with `before`.

        Raises:
            OutputError: It cannot be written.
        """
        lines = self._lines()
        before = hashlib.sha256(lines[-1][1]).hexdigest() if lines else ""
        whole = sum(len(line) + 1 for _, line in lines)
        written = event.model_copy(update={"before": before})
        document = json.dumps(written.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False).encode()
        if len(document) >= MOST_LINE_BYTES or whole + len(document) >= MOST_BYTES:
            raise OutputError(f"{self.path} has no room for the event: {MOST_BYTES >> 20} MiB at most; begin a new one")
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                os.ftruncate(file, whole)  # what a crash left behind
                os.pwrite(file, document + b"\n", whole)
                os.fsync(file)
            finally:
                os.close(file)
            sync_folder(self.path.parent)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {reason_of(error)}; make room") from None
        return written

    def _lines(self) -> list[tuple[Event, bytes]]:
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unreadable(f"{self.path} cannot be read: {reason_of(error)}") from None
        if len(content) > MOST_BYTES:
            raise BrokenRegistry(f"{self.path} is larger than {MOST_BYTES >> 20} MiB; expected a journal of models")
        *lines, _ = content.split(b"\n")  # the last is empty, or was cut
        found: list[tuple[Event, bytes]] = []
        before = ""
        for number, line in enumerate(lines, 1):
            event = self._event(number, line)
            if event.before != before:
                raise BrokenRegistry(
                    f"{self.path}: line {number} does not follow the one before it; the journal was changed by "
                    "something other than Oddflow: restore it, or begin a new registry"
                )
            before = hashlib.sha256(line).hexdigest()
            found.append((event, line))
        return found

    def _event(self, number: int, line: bytes) -> Event:
        try:
            return Event.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"]) or "its top"
            raise BrokenRegistry(
                f"{self.path}: line {number} is no event ({place}: {first['msg']}); restore it, or begin a new registry"
            ) from None


def sync_folder(folder: Path) -> None:
    """Makes names in a folder survive a loss of power."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
