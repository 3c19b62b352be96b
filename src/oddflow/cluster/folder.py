"""A folder of flows: what was done for it before stays, what is new is done, and what has changed is done anew."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from oddflow.capture.capture_set import CaptureSet, Member, is_folder, passes_once
from oddflow.capture.remote import shown
from oddflow.capture.stream import open_file
from oddflow.cluster.hours import Written
from oddflow.cluster.manifest import NAME, PART, Capture, Manifest, Source, refuse_other
from oddflow.cluster.piping import Pipe
from oddflow.cluster.place import Place
from oddflow.cluster.stamps import stamps
from oddflow.cluster.starting import Cluster
from oddflow.cluster.storing import Sizes, store_alone, store_log, store_shared
from oddflow.cluster.streaming import files_of, is_shareable
from oddflow.cluster.tasks import Way
from oddflow.cluster.units import UNIT_BYTES, File, NeedsOneShard
from oddflow.cluster.waves import WAVE_BYTES
from oddflow.errors import InputError, OutputError, UsageError
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Progress, arrange, name_of
from oddflow.logs.source import Source as Given
from oddflow.losses import Ledger

WORTH_DEALING = 10
"""With so many workers packets are dealt out to shards; with fewer, one meters, and the others make columns and write:
that takes half the work in all, and keeps two or three busy."""

SIZES = Sizes(UNIT_BYTES, WAVE_BYTES)
OURS = re.compile(PART + r"|^state/\d{18}\.npz$", re.ASCII)
"""What names files have that a job puts there."""


class Outcome(StrEnum):
    """What a run did for a source."""

    NEW = "new"
    UNCHANGED = "unchanged"
    WENT_ON = "went on"
    ANEW = "done anew"
    FAILED = "failed"


@dataclass(slots=True)
class Stored:
    """What came of a run.

    Attributes:
        manifest: What is in the folder now.
        outcomes: What was done for each source of this run, by name.
        ledger: What was lost of the sources of this run, in all runs.
    """

    manifest: Manifest
    outcomes: dict[str, Outcome]
    ledger: Ledger

    @property
    def sources(self) -> list[Source]:
        """The records of this run's sources."""
        return [source for source in self.manifest.sources if source.name in self.outcomes]

    @property
    def flows(self) -> int:
        """How many flows of this run's sources there are."""
        return sum(source.flows for source in self.sources)


@dataclass(slots=True)
class _Work:
    """One source that is to be done."""

    place: int
    record: Source
    given: Given
    files: list[File] = field(default_factory=list)
    captures: tuple[str, ...] = ()
    is_log: bool = False

    @property
    def bytes(self) -> int:
        """What is to be read."""
        return sum(file.stamp.bytes for file in self.files)


class FlowFolder:
    """Keeps a folder of flows up to date, on a cluster.

    Args:
        cluster: That runs.
        place: Where the flows are put.
        settings: How they are cut.
        privacy: What they may tell.
        statistics: Whether those of CICFlowMeter are added.
        sizes: Of units and waves.

    Raises:
        InputError: The folder's manifest is damaged.
        OutputError: The folder holds something else, or flows that were made otherwise.
    """

    def __init__(
        self,
        cluster: Cluster,
        place: Place,
        *,
        settings: MeterSettings | None = None,
        privacy: Privacy = OPEN,
        statistics: bool = False,
        sizes: Sizes = SIZES,
    ) -> None:
        self._cluster = cluster
        self._place = place
        self._privacy = privacy
        self._settings = privacy.settings(settings or MeterSettings())
        self._how = Written(place, statistics, privacy.fingerprint)
        self._sizes = sizes
        self._lock = Lock()
        wanted = Manifest(
            settings=self._settings.as_dict() | {"payload_shown": privacy.keeps_payload},
            pseudonyms=privacy.fingerprint,
            statistics=statistics,
        )
        before = Manifest.read_from(place)
        if before is None and self._ours():
            raise OutputError(f"{place.name} holds flows and no {NAME}; give another folder")
        if before is not None:
            refuse_other(before, wanted, place)
        self.manifest = before or wanted
        self._clear()

    def _ours(self) -> set[str]:
        return {name for name in self._place.names() if OURS.match(name)}

    def _clear(self) -> None:
        """Deletes what a run left behind that died, or that began anew."""
        self._delete(self._ours() - self.manifest.names)

    def update(self, given: Sequence[str], *, merge: bool = False, progress: Progress | None = None) -> Stored:
        """Meters what is new of the sources.

        Raises:
            InputError: None of them can be used, or the only one cannot.
            UsageError: One can be read only once.
            OutputError: A part cannot be written.
        """
        ledger = Ledger()
        stored = Stored(self.manifest, {}, ledger)
        works: list[_Work] = []
        failed: list[InputError] = []
        told = progress or (lambda _: None)
        for source in self._arranged(given, ledger, failed, merge=merge):
            try:
                work = self._work(source, _name(source, given, merge=merge), stored)
            except InputError as error:
                failed.append(error)
                continue
            if work is not None:
                works.append(work)
        small, large = self._shared(works)
        failed += self._together(small, told)
        for work in large:
            failed += self._guarded(work, told, self._share_out)
        self._clear()
        for what in failed:
            ledger.damaged(str(what))
        if failed and not any(source.flows for source in stored.sources):
            raise failed[0]
        for record in stored.sources:
            told_of = record.told.ledger()
            ledger.add(told_of)
            ledger.unit = told_of.unit if told_of.total else ledger.unit
        return stored

    def _arranged(self, given: Sequence[str], ledger: Ledger, failed: list[InputError], *, merge: bool) -> list[Given]:
        once = next((shown(source) for source in given if passes_once(source)), None)
        if once:
            raise UsageError(f"{once} can be read only once, and a cluster may have to read again; save it to a file")
        if merge:
            return arrange(given, ledger, merge=True)
        arranged: list[Given] = []
        for source in given:
            try:
                arranged += arrange([source], ledger)
            except InputError as error:
                if len(given) == 1:
                    raise
                failed.append(error)
        return arranged

    def _work(self, source: Given, name: str, stored: Stored) -> _Work | None:
        """What is to be done for a source; None where nothing is."""
        place = next((at for at, known in enumerate(self.manifest.sources) if known.name == name), None)
        is_capture = is_shareable(source)
        files, captures = files_of(source) if is_capture else (_only_file(source), ())
        fresh = Source(name=name, is_set=isinstance(source, CaptureSet), shards=1)
        if place is None:
            stored.outcomes[name] = Outcome.NEW
            self.manifest.sources.append(fresh)
            return _Work(len(self.manifest.sources) - 1, fresh, source, files, captures, is_log=not is_capture)
        known = self.manifest.sources[place]
        left = _left(known, files, is_log=not is_capture)
        if left is None:
            stored.outcomes[name] = Outcome.ANEW
            again = fresh.model_copy(update={"generation": known.generation + 1})
            return _Work(place, again, source, files, captures, is_log=not is_capture)
        if not left:
            stored.outcomes[name] = Outcome.UNCHANGED
            return None
        stored.outcomes[name] = Outcome.WENT_ON
        done = known.captures[: len(known.captures) - (known.at > 0)]
        names = tuple(capture.name for capture in done) + tuple(file.member.name for file in left)
        return _Work(place, known, source, left, names if captures else ())

    def _shared(self, works: list[_Work]) -> tuple[list[_Work], list[_Work]]:
        """Sources that one worker does each, and sources that all workers share."""
        workers = self._cluster.workers
        small: list[_Work] = []
        large: list[_Work] = []
        for work in works:
            is_begun = bool(work.record.captures)
            is_large = work.bytes >= 2 * self._sizes.unit and len(works) < 2 * workers
            shares = work.record.shards > 1 if is_begun else workers > 1 and is_large and not work.is_log
            if shares and not is_begun and workers >= WORTH_DEALING:
                work.record.shards = workers
            is_piped = work.record.at > 0 or (is_large and workers > 1 and not work.is_log)
            (large if shares or is_piped else small).append(work)
        return small, large

    def _together(self, works: list[_Work], told: Progress) -> list[InputError]:
        if len(works) <= 1 or self._cluster.workers == 1:
            return [error for work in works for error in self._guarded(work, told, self._do_alone)]
        works = sorted(works, key=lambda work: -work.bytes)
        pool = ThreadPoolExecutor(self._cluster.workers)
        try:
            done = [pool.submit(self._guarded, work, told, self._do_alone) for work in works]
            return [error for one in done for error in one.result()]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, work: _Work, told: Progress, do: Callable[[_Work], None]) -> list[InputError]:
        try:
            do(work)
        except InputError as error:
            return [error]
        told(work.bytes)
        return []

    def _share_out(self, work: _Work) -> None:
        given = work.record, work.place, work.files, self._way(work), self._how
        try:
            if work.record.shards > 1:
                records = store_shared(*given, self._sizes)
            else:
                records = Pipe(*given, workers=self._cluster.workers, sizes=self._sizes).run()
            for record in records:
                self._keep(work.place, record)
        except NeedsOneShard:
            if work.record.captures:  # what was done before does not go on with one meter
                source = work.given
                work.files, work.captures = files_of(source)
            generation = work.record.generation + 1
            work.record = Source(name=work.record.name, is_set=work.record.is_set, generation=generation)
            self._do_alone(work)

    def _do_alone(self, work: _Work) -> None:
        if work.is_log:
            record = store_log(work.record, work.place, str(work.given), self._way(work), self._how)
            (file,) = work.files
            captures = [Capture(name=file.member.name, bytes=file.stamp.bytes, mark=file.stamp.mark)]
            self._keep(work.place, record.model_copy(update={"captures": captures}))
            return
        try:
            for record in store_alone(work.record, work.place, work.files, self._way(work), self._how, self._sizes):
                self._keep(work.place, record)
        except NeedsOneShard:
            work.files, work.captures = files_of(work.given)
            generation = work.record.generation + 1
            work.record = Source(name=work.record.name, is_set=work.record.is_set, generation=generation)
            self._do_alone(work)

    def _way(self, work: _Work) -> Way:
        return Way(self._settings, work.captures, self._privacy, work.record.shards)

    def _keep(self, place: int, record: Source) -> None:
        """Puts the new manifest there, and deletes what it does not speak of any more."""
        with self._lock:
            before = self.manifest.names
            self.manifest.sources[place] = record
            self.manifest.write_to(self._place)
            self._delete(before - self.manifest.names)

    def _delete(self, names: set[str]) -> None:
        for name in names:
            self._place.delete(name)


def _name(source: Given, given: Sequence[str], *, merge: bool) -> str:
    """What a source is called in the manifest: merged ones by the first, since others may come later."""
    return shown(given[0]) if merge and (len(given) > 1 or is_folder(given[0])) else name_of(source)


def _only_file(source: Given) -> list[File]:
    if isinstance(source, CaptureSet):
        return []
    open_file(source, Ledger()).close()  # says what is wrong with it, if anything is
    return [File(Member(source, shown(source), 0), stamps([source])[source])]


def _left(known: Source, files: list[File], *, is_log: bool) -> list[File] | None:
    """The files that are left to be read; None where all has to be read anew.

    What is gone stays done. What comes later in time goes on; what is earlier, or has changed, does not.
    """
    before = {capture.name: capture for capture in known.captures}
    partly = known.captures[-1].name if known.at else None
    left = []
    for file in files:
        seen = before.get(file.member.name)
        if seen is not None and (seen.bytes, seen.mark) != (file.stamp.bytes, file.stamp.mark):
            return None
        if seen is None or seen.name == partly:
            left.append(file)
    if not left:
        return [] if known.captures else files
    if partly is not None and left[0].member.name != partly:
        return None
    if is_log or (known.captures and not known.is_set):
        return left if partly is not None else None
    new = left[partly is not None :]
    latest = known.latest_ns
    if any(file.member.first_ns is not None and latest is not None and file.member.first_ns < latest for file in new):
        return None
    return left
