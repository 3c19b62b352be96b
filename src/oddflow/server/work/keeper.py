"""The process that keeps the house: retention, measures, notices, the file of feedback, the disk and the clock."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from oddflow.errors import OddflowError, StoreDown
from oddflow.files import write_whole
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.making import MAKING_SECONDS
from oddflow.server.status import State
from oddflow.server.work import layout, telling
from oddflow.server.work.counters import Count, Thrift
from oddflow.server.work.measuring import Measuring
from oddflow.server.work.problem import Problem
from oddflow.server.work.seat import Seat
from oddflow.server.work.stores import open_store
from oddflow.server.work.teller import Teller, problems_of, read
from oddflow.server.work.watching import feedback_file

if TYPE_CHECKING:
    from oddflow.server.store.store import Store

SILENCE_S = MAKING_SECONDS + 60.0
"""So long nothing is seen of it at most, while the database sums up a day."""
YIELDING = 10
"""Its chores can wait; who judges flows cannot."""
LOOK_S = 0.25
NOTICES_S, DISK_S, MEASURES_S, FLOWS_S, SWEEP_S = 1.0, 2.0, 60.0, 60.0, 3_600.0
RETRY_S = 2.0
LEAST_FREE = 512 << 20
"""Below it, or a fiftieth of the disk where that is less, flows are not stored; below half of it no pictures either."""
HEALED = 1.25
"""Times the floor from which on all is written again."""
CLOCK_S = 2.0
"""A wall clock that jumped so far is told of…"""
CLOCK_TOLD_S = 600.0
"""… for so long."""


def live(seat: Seat) -> int:
    """Keeps until it is asked to end."""
    os.nice(YIELDING)
    pa.set_memory_pool(_thrifty_pool())
    keeper = Keeper(seat)
    seat.on_end()
    return keeper.run()


class Keeper:
    """Does each of its chores when it is due; what fails is told, and tried again."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._settings = seat.shared.settings
        self._teller = Teller(seat.shared.board, seat.slot)
        self._store: Store | None = None
        self._flows = FlowStore(
            self._settings.flows_folder,
            keep_days=self._settings.flows.keep_days,
            keep_bytes=round(self._settings.flows.keep_gib * (1 << 30)),
        )
        self._measuring = Measuring(seat.shared)
        self._version: int | None = None
        self._open: dict[tuple[str, str], str] | None = None
        self._thrift = Thrift.NOTHING
        self._clock = time.time() - time.monotonic()
        self._jumped: tuple[float, float] | None = None
        self._failures: dict[str, Problem] = {}
        self._due: dict[str, float] = {}
        self._tell()

    def run(self) -> int:
        """Until it is asked to end; the exit code."""
        while not self._seat.stopping:
            self._tend()
            self._do("flows", FLOWS_S, self._keep_flows, first_s=20.0)
            time.sleep(LOOK_S)
        with suppress(OddflowError):
            if self._store is not None:
                self._measure()
                self._keep_notices()
                self._store.close()
        self._flows.close()
        return 0

    def _tend(self) -> None:
        """The short chores: also done now and then while a long one goes on, for people wait for them."""
        self._do("disk", DISK_S, self._look_at_disk)
        self._look_at_clock()
        self._do("store", LOOK_S, self._check_store)
        for name, every_s, chore, first_s in (
            ("feedback", LOOK_S, self._write_feedback, 0.0),
            ("notices", NOTICES_S, self._keep_notices, 0.0),
            ("measures", MEASURES_S, self._measure, MEASURES_S),
            ("sweep", SWEEP_S, self._sweep, 30.0),
        ):
            if self._store is not None:  # the chore before may have found it gone
                self._do(name, every_s, chore, first_s=first_s)
        self._tell()

    def _do(self, name: str, every_s: float, chore: Callable[[], None], *, first_s: float = 0.0) -> None:
        """A chore, where it is due."""
        self._seat.beat()
        now = time.monotonic()
        if now < self._due.setdefault(name, now + first_s):
            return
        self._due[name] = now + every_s
        try:
            chore()
        except StoreDown as error:
            self._failures["store"] = Problem("store", str(error), "error")
            self._lose_store()
        except (OddflowError, OSError) as error:
            self._failures[name] = Problem(name, f"{name}: {error}")
            self._due[name] = now + max(every_s, RETRY_S)
        else:
            self._failures.pop(name, None)

    # -- the store

    def _check_store(self) -> None:
        if self._store is None:
            self._store = open_store(self._settings, migrate=True)
            self._failures.pop("store", None)
            self._due["store"] = time.monotonic() + RETRY_S
            return
        self._due["store"] = time.monotonic() + RETRY_S
        self._store.check()

    def _lose_store(self) -> None:
        if self._store is not None:
            with suppress(OddflowError):
                self._store.close()
        self._store = None
        self._due["store"] = time.monotonic() + RETRY_S
        self._open = None

    def _write_feedback(self) -> None:
        assert self._store is not None  # noqa: S101  (it is open)
        version = self._store.feedback.version()
        if version == self._version:
            return
        rules = [one.rule.model_dump(mode="json") for one in self._store.feedback.rules()]
        lines = [json.dumps(rule, ensure_ascii=False, allow_nan=False) + "\n" for rule in rules]
        write_whole(feedback_file(self._settings), "".join(lines))
        self._version = version

    def _measure(self) -> None:
        assert self._store is not None  # noqa: S101  (it is open)
        self._measuring.write(self._store, self._settings.service.name)

    def _sweep(self) -> None:
        assert self._store is not None  # noqa: S101  (it is open)
        self._store.sweep(self._settings.store, time.time())

    def _keep_notices(self) -> None:
        """Begins notices of what is wrong now, and ends those of what is not any more."""
        assert self._store is not None  # noqa: S101  (it is open)
        sensor = self._settings.service.name
        if self._open is None:
            self._open = {
                (one.source, one.code): one.text for one in self._store.notices.current() if one.sensor == sensor
            }
        found: dict[tuple[str, str], Problem] = {}
        for place, section in enumerate(self._settings.sources):
            for problem in telling.source_problems(self._seat.shared, place):
                found.setdefault((section.name, problem.code), problem)
            for text in telling.source_status(self._seat.shared, place).drift[:1]:
                found.setdefault((section.name, "drift"), Problem("drift", text))
        for slot in (layout.SUPERVISOR, layout.OUTPUTS):
            for problem in problems_of(read(self._seat.shared.board, slot)):
                found.setdefault(("", problem.code), problem)
        for problem in self._problems():
            found.setdefault(("", problem.code), problem)
        for key, problem in found.items():
            if key not in self._open:
                self._store.notices.begin(sensor, *key, problem.level, problem.text)
                self._open[key] = problem.text
        for key in [key for key in self._open if key not in found]:
            self._store.notices.end(sensor, *key)
            del self._open[key]

    # -- flows, disk, clock

    def _keep_flows(self) -> None:
        now = time.time()
        try:
            self._flows.compact(now, beat=self._tend)
            self._flows.rollup(now, beat=self._tend)
            self._seat.beat()
            self._flows.sweep(now)
        finally:
            # Arrow would keep what a merge took, which is more than all else that this process needs
            pa.default_memory_pool().release_unused()

    def _look_at_disk(self) -> None:
        found = os.statvfs(self._settings.service.state)
        free, floor = found.f_bavail * found.f_frsize, min(LEAST_FREE, found.f_blocks * found.f_frsize // 50)
        before = self._thrift
        self._thrift = thrift_of(free, floor, before)
        for place in range(len(self._settings.sources)):
            self._seat.shared.counters.of(place)[Count.THRIFT] = self._thrift
        if self._thrift:
            what = "flow records" if self._thrift is Thrift.FLOWS else "flow records and the bytes in alerts"
            self._failures["room"] = Problem(
                "disk",
                f"{free / (1 << 20):,.1f} MiB are free where the state is, and {floor / (1 << 20):,.1f} are wanted: "
                f"{what} are not kept until there is room; alerts are. Make room, or keep less: [flows] keep_days, "
                "keep_gib",
                "error",
            )
        else:
            self._failures.pop("room", None)

    def _look_at_clock(self) -> None:
        offset, now = time.time() - time.monotonic(), time.monotonic()
        jump_s, self._clock = offset - self._clock, offset
        if abs(jump_s) > CLOCK_S:
            self._jumped = jump_s, now
            self._seat.log.warning("the clock jumped by %+.1f s", jump_s, extra={"event": "clock"})
        if self._jumped is not None and now - self._jumped[1] < CLOCK_TOLD_S:
            way = "ahead" if self._jumped[0] > 0 else "back"
            self._failures["clock"] = Problem(
                "clock",
                f"the clock of this machine jumped {way} by {abs(self._jumped[0]):,.0f} s: flows have the times of "
                "their packets, so what was before and after may lie apart or overlap; see to its time service",
            )
        else:
            self._failures.pop("clock", None)

    def _problems(self) -> list[Problem]:
        return list(self._failures.values())

    def _tell(self) -> None:
        down = self._failures.get("store")
        state = State.DEGRADED if self._failures else State.RUNNING
        self._teller.tell({"state": state, "store": down.text if down else "running"}, self._problems())


def _thrifty_pool() -> pa.MemoryPool:
    """Merging makes and drops many small arrays of all sizes, among which Arrow's usual pool wastes as much as they
    take."""
    return pa.jemalloc_memory_pool() if "jemalloc" in pa.supported_memory_backends() else pa.system_memory_pool()


def thrift_of(free_bytes: int, floor_bytes: int, before: Thrift) -> Thrift:
    """What is not written, by how much is free; taken back only where there is a quarter more than is wanted.

    >>> thrift_of(90, 100, Thrift.NOTHING), thrift_of(40, 100, Thrift.NOTHING), thrift_of(110, 100, Thrift.FLOWS)
    (<Thrift.FLOWS: 1>, <Thrift.PICTURES: 2>, <Thrift.FLOWS: 1>)
    """
    for thrift, limit in ((Thrift.PICTURES, floor_bytes // 2), (Thrift.FLOWS, floor_bytes)):
        if free_bytes < limit * (HEALED if before >= thrift else 1.0):
            return thrift
    return Thrift.NOTHING
