"""Comparisons of a version with the active one: one runs at a time, what comes out goes to the registry's journal."""

import errno
import logging
import os
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from oddflow.amounts import count
from oddflow.errors import OddflowError, UsageError
from oddflow.features.versions import needed_by
from oddflow.files import reason_of
from oddflow.logs.parts import HOUR_NS
from oddflow.models.format import read_sealed
from oddflow.models.registry.named import Version
from oddflow.models.registry.registry import Registry
from oddflow.server.comparisons.comparing import PARTS, ComparisonJob
from oddflow.server.comparisons.result import MOST_BYTES, Answer, ComparisonResult
from oddflow.server.confined.job import PROGRESS
from oddflow.server.confined.process import Unanswered, Words, answered, bounded
from oddflow.server.flowstore.database import Busy
from oddflow.server.flowstore.layout import hours_in
from oddflow.server.settings.settings import Settings, SourceSection
from oddflow.server.work.modelled import privacy_of
from oddflow.verdicts.prepared import Prepared

MODULE = "oddflow.server.comparisons.comparing"
MOST_HOURS = 31 * 24
MOST_SECONDS = 900
"""Processor time that one may take: both models judge some ten thousand flows a second."""
MOST_WAITING = 8
MOST_KEPT = 64
TRIES = 3
WORDS = Words(
    work="comparing them",
    again="ask again",
    quicker="ask for fewer hours, or run `oddflow models shadow`, which has no limit",
    smaller="ask for fewer hours",
)
_LOG = logging.getLogger("oddflow.comparisons")

State = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A comparison that somebody asked for.

    Attributes:
        name, number: The version that waits.
        active: The one that it is compared with.
        source: Whose flows.
        hours: So far back.
        by: Who asked.
        at_s: When, s since 1970.
        state: How it is.
        progress: The share of the flows that was judged, 0 to 1.
        problem: Why it failed.
        result: What came out.
    """

    name: str
    number: int
    active: Version
    source: str
    hours: int
    by: str
    at_s: float
    state: State = "waiting"
    progress: float = 0.0
    problem: str = ""
    result: ComparisonResult | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self.state in {"waiting", "running"}


class Refused(OddflowError):
    """It cannot be compared as things are; the message says why."""


class Comparisons:
    """Compares versions, in a thread of its own while there are any that wait; known until the service ends.

    Args:
        settings: Of the service.
        registry: Where models are, and what came out is written down.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings, self._registry = settings, registry
        self.folder = settings.comparisons_folder
        self._asked: dict[tuple[str, int], Asked] = {}
        self._waiting: deque[tuple[str, int]] = deque()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, name: str, number: int, source: str, hours: int, by: str) -> Asked:
        """Puts one in line.

        Raises:
            UsageError: There is no such version or source.
            Refused: It is active, none is, it waits already, or there are no flows that both could judge.
            Busy: Enough wait.
        """
        section = next((one for one in self._settings.sources if one.name == source), None)
        if section is None:
            known = ", ".join(one.name for one in self._settings.sources) or "none"
            raise UsageError(f"there is no source {source[:80]!r}; the settings name {known}")
        if not 1 <= hours <= MOST_HOURS:
            raise UsageError(f"hours is {hours}; expected 1 to {MOST_HOURS}")
        named = self._registry.named(name)
        version, active = named.version(number), named.active
        if active is None:
            raise Refused(f"{name} has no active version to compare with; promote one")
        if active is version:
            raise Refused(f"{name}@{number} is the active version itself; compare another one with it")
        self._check_payload(section, name, (active, version))
        if not self._parts(source, _since_ns(hours)):
            raise Refused(
                f"no flows of {source} of the last {count(hours, 'hour')} are stored; ask for more hours, or wait for "
                "some"
            )
        asked = Asked(name, number, active, source, hours, by, time.time())
        with self._lock:
            before = self._asked.get((name, number))
            if before is not None and before.is_open:
                raise Refused(f"{name}@{number} is being compared already; wait until that is done")
            if len(self._waiting) >= MOST_WAITING:
                raise Busy(f"{MOST_WAITING} comparisons wait; ask again when some are done")
            self._asked.pop((name, number), None)
            self._asked[name, number] = asked
            self._forget()
            self._waiting.append((name, number))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="comparisons", daemon=True)
                self._thread.start()
        return asked

    def of(self, name: str, number: int) -> Asked | None:
        """How the last comparison of a version is; None where nobody asked since the service began."""
        with self._lock:
            return self._asked.get((name, number))

    def all_of(self, name: str) -> dict[int, Asked]:
        """Those of a name, by version."""
        with self._lock:
            return {number: asked for (known, number), asked in self._asked.items() if known == name}

    def close(self) -> None:
        """Ends what runs; it is to be asked for again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _run(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # of a service that was killed
        while not self._stop.is_set():
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                key = self._waiting.popleft()
                asked = self._asked[key]
            self._say(key, state="running")
            try:
                result = self._compare(asked)
                told = f"the last {count(asked.hours, 'hour')} of {asked.source}"
                self._registry.shadowed(
                    asked.name, asked.number, asked.active, result.noted.told(), reason=told, by=asked.by
                )
            except (OddflowError, OSError) as error:
                why = str(error) if isinstance(error, OddflowError) else f"they cannot be compared: {reason_of(error)}"
                self._say(key, state="failed", problem=why[:2_000])
            except Exception:  # noqa: BLE001  (else it would be running for ever)
                _LOG.exception("a comparison of %s@%d failed", *key)
                self._say(key, state="failed", problem="they cannot be compared: see the service's log")
            else:
                self._say(key, state="done", progress=1.0, result=result)

    def _compare(self, asked: Asked) -> ComparisonResult:
        folder = self.folder / f"{asked.name}@{asked.number}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            (folder / PARTS).mkdir(parents=True, mode=0o700)
            job = self._job(asked, folder)
            self._keep(asked, folder / PARTS)

            def watch() -> None:
                self._say((asked.name, asked.number), progress=_progress(folder))

            content = answered(MODULE, job, WORDS, self._stop, most_bytes=MOST_BYTES, watch=watch)
            answer = Answer.model_validate_json(content)
        except ValidationError:
            raise Unanswered("what comparing them answered is not what was asked; it was thrown away") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if answer.result is None:
            raise Unanswered(answer.problem or "comparing them said nothing")
        return answer.result

    def _job(self, asked: Asked, folder: Path) -> ComparisonJob:
        source = next(one for one in self._settings.sources if one.name == asked.source)
        candidate = self._registry.named(asked.name).version(asked.number)
        return ComparisonJob(
            folder=folder,
            memory_bytes=self._settings.uploads.most_memory_mib << 20,
            seconds=MOST_SECONDS,
            active=self._registry.check(asked.active),
            candidate=self._registry.check(candidate),
            names=(f"{asked.name}@{asked.active.number}", f"{asked.name}@{asked.number}"),
            trust=[str(place) for place in self._settings.models.trust],
            source=asked.source,
            since_ns=_since_ns(asked.hours),
            budget=source.budget,
            false_alarm_rate=source.false_alarm_rate,
            home_networks=source.home_networks,
            payload=source.payload,
            key=str(source.pseudonymise) if source.pseudonymise else "",
        )

    def _keep(self, asked: Asked, folder: Path) -> None:
        """Gives the parts names of the comparison's own, so that they stay while the store merges or deletes them."""
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                for place, path in enumerate(self._parts(asked.source, _since_ns(asked.hours))):
                    _link(path, folder / f"{place:08d}.parquet")
            except FileNotFoundError:
                continue
            return
        raise Unanswered("parts of the flow store are merged faster than they can be kept; ask again")

    def _parts(self, source: str, since_ns: int) -> list[str]:
        hours = list(hours_in(self._settings.flows_folder, source, since_ns // HOUR_NS))
        return [part.path for hour in reversed(hours) for part in hour.parts]

    def _check_payload(self, source: SourceSection, name: str, versions: tuple[Version, Version]) -> None:
        """Where a model looks at bytes of flows that the store does not keep, both would judge other flows than live.

        Raises:
            Refused: So it is.
            ModelError: A model cannot judge such a source at all.
        """
        privacy = privacy_of(source)
        if self._settings.flows.payload and privacy.shows_payload:
            return
        for version in versions:
            manifest = read_sealed(str(self._registry.check(version))).manifest
            prepared = Prepared.of(manifest, privacy, source.home_networks or None)
            if "payload" in needed_by(prepared.version):
                why = (
                    "[flows] payload is false" if not self._settings.flows.payload else f"{source.name} has pseudonyms"
                )
                raise Refused(
                    f"{name}@{version.number} looks at the first bytes of flows, and the flow store keeps none "
                    f"({why}); compare them on captures with `oddflow models shadow`"
                )

    def _forget(self) -> None:
        """The oldest that are over, beyond MOST_KEPT."""
        over = [key for key, asked in self._asked.items() if not asked.is_open]
        for key in over[: max(0, len(self._asked) - MOST_KEPT)]:
            del self._asked[key]

    def _say(self, key: tuple[str, int], **values: object) -> None:
        with self._lock:
            self._asked[key] = replace(self._asked[key], **values)  # type: ignore[arg-type]


def _since_ns(hours: int) -> int:
    return time.time_ns() - hours * HOUR_NS


def _link(path: str, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        to.symlink_to(path)  # it may go meanwhile, and then the comparison says so


def _progress(folder: Path) -> float:
    """What the process says of it, where that is something."""
    try:
        done, total = map(int, (bounded(folder / PROGRESS, 64) or b"").split())
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, done / total)) if total > 0 else 0.0
