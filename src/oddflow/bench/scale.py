"""Measures batch work on Ray: two workers against one, what Ray itself costs, small captures, nodes that are killed.

Each kind of run comes once a round, one after the other, and finds its captures in memory. All times are taken after
the start: a first, small job has started Ray's workers and loaded their kernels.
"""

import json
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.bench.child import Child, run
from oddflow.bench.figures import Figure
from oddflow.bench.ingest import ODDFLOW, Step
from oddflow.bench.machine import machine
from oddflow.bench.neighbour import busy_speed
from oddflow.bench.simulation.batch import DEALT, PIPED, JobCosts, Piped, Traced, fitted
from oddflow.bench.traffic import FILE_HEADER, RECORD_BYTES, Traffic
from oddflow.errors import UsageError

GB = 1e9
FILE_BYTES = 200_000_000
READ_BYTES = 16 << 20
WARM_SIZES, WARM_RUNS = (1 << 20, 4 << 20, 1 << 30, 1 << 20), 3
"""Of units and waves, such that all workers have something to do; so often that each has done everything once."""
SMALL_SHARE = 0.3
WARM_PACKETS, WARM_FILES, NEIGHBOUR_PACKETS = 20_000, 4, 400_000
LEAST_SPEEDUP, MOST_OVERHEAD, MOST_SMALL, MOST_MISSED = 1.5, 1.15, 1.3, 0.10
PLANNED = {PIPED: 2, DEALT: 10}
"""For how many workers a job is planned that one worker then does, so that its tasks can be watched."""
WATCHED = {PIPED: "large", DEALT: "few"}
"""What it reads then: one worker that deals packets out and does all the rest is slow."""
FEW_FILES = 5
RUN = [sys.executable, "-m", "oddflow.bench.scale_run"]
KILL_TIMEOUT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class ScaleSizes:
    """How much is measured with.

    Attributes:
        gigabytes: Of captures.
        small: So many small captures hold three tenths of that.
        rounds: How often each kind of run comes.
        kills: Jobs during which a node is killed; 0 for none.
    """

    gigabytes: float = 1.0
    small: int = 1_000
    rounds: int = 3
    kills: int = 20

    def __post_init__(self) -> None:
        """Refuses sizes that tell nothing."""
        if self.gigabytes <= 0 or self.small < 2 or self.rounds < 1 or self.kills < 0:
            raise UsageError(
                f"{self.gigabytes} GB, {self.small} small captures, {self.rounds} rounds, {self.kills} kills; expected "
                "more than no bytes, two captures, one round, and no kills or more"
            )


@dataclass(slots=True)
class _Found:
    """What was measured, round by round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    processor_s: dict[str, list[float]] = field(default_factory=dict)
    started_s: list[float] = field(default_factory=list)
    flows: dict[str, int] = field(default_factory=dict)
    costs: dict[str, list[JobCosts]] = field(default_factory=dict)
    speeds: list[float] = field(default_factory=list)
    killed: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class ScaleBench:
    """All measurements of batch work on Ray, as steps to be run in order; then the figures.

    Args:
        captures: What the traffic is made of.
        folder: An empty folder; it needs twice the captures' size.
        sizes: How much is measured with.
        kills: The program that kills nodes, where there is one.
    """

    def __init__(self, captures: Sequence[Path], folder: Path, sizes: ScaleSizes, *, kills: Path | None = None) -> None:
        self.sizes = sizes
        self._captures = list(captures)
        self._folder = folder
        self._kills = kills
        self._found = _Found()
        self._bytes = 0
        self._files = 1

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        yield Step(f"building {self.sizes.gigabytes:g} GB of captures", self._build)
        yield Step("warming up", self._warm)
        for number in range(1, self.sizes.rounds + 1):
            of = f"round {number} of {self.sizes.rounds}"
            yield Step(f"{of}: one worker watched, for the simulation", self._fit)
            yield Step(f"{of}: plain", partial(self._plain, "plain", "large"))
            yield Step(f"{of}: one worker", partial(self._run, "one", "large", 1))
            yield Step(f"{of}: two workers", partial(self._run, "two", "large", 2))
            yield Step(f"{of}: one merged capture", partial(self._run, "merged", "merged", 2))
            yield Step(f"{of}: small captures", partial(self._run, "small", "small", 2))
        if self.sizes.kills:
            yield Step(f"{self.sizes.kills} jobs with killed nodes", self._kill)

    def _build(self) -> None:
        traffic = Traffic.of(self._captures)
        turn_bytes = len(traffic.records)
        turns = max(1, round(FILE_BYTES / turn_bytes))
        files = max(1, round(self.sizes.gigabytes * GB / turn_bytes / turns))
        self._files = files
        for name in ("large", "few", "small", "merged", "warm"):
            (self._folder / name).mkdir()
        for number in range(files):
            with (self._folder / "large" / f"{number:05d}.pcap").open("wb") as file:
                self._bytes += traffic.write(file, turns * len(traffic.starts), first_turn=number * turns)
            if number < FEW_FILES:
                (self._folder / "few" / f"{number:05d}.pcap").hardlink_to(file.name)
        packets = round(SMALL_SHARE * self.sizes.gigabytes * GB / turn_bytes * len(traffic.starts))
        merged = self._folder / "merged" / "all.pcap"
        with merged.open("wb") as file:
            traffic.write(file, max(packets, self.sizes.small))
        split(merged, self._folder / "small", self.sizes.small)
        for name, packets in (("warm", WARM_PACKETS), ("neighbour", NEIGHBOUR_PACKETS)):
            with (self._folder / f"{name}.pcap").open("wb") as file:
                traffic.write(file, packets)
        split(self._folder / "warm.pcap", self._folder / "warm", WARM_FILES)
        os.sync()

    def _warm(self) -> None:
        self._plain("plain warm", "warm")
        self._job("warm", "warm", 2)

    def _plain(self, name: str, what: str) -> None:
        """The same without Ray; its start-up, taken on very little, is subtracted."""
        table = self._folder / "plain.parquet"
        read_through(self._folder / what)
        child = self._oddflow(name, "flows", str(self._folder / what), "-o", str(table), "--merge", "--json")
        if child is None:
            return
        table.unlink()
        start = self._oddflow(name, "flows", str(self._folder / "warm"), "-o", str(table), "--merge", "--json")
        if start is not None:
            table.unlink()
            self._add(name, child.seconds - start.seconds, child.processor_s - start.processor_s)
            self._found.flows[name] = json.loads(child.output)["flows"]

    def _oddflow(self, name: str, *words: str) -> Child | None:
        child = run([*ODDFLOW, *words])
        if child.code:
            self._found.failed[name] = f"oddflow {words[0]} ended with {child.code}: {_last_line(child.complaint)}"
            return None
        return child

    def _run(self, name: str, what: str, workers: int) -> None:
        self._job(name, what, workers)

    def _job(self, name: str, what: str, workers: int, *, processors: int | None = None) -> dict[str, Any] | None:
        asked = {
            "source": str(self._folder / what),
            "warm": str(self._folder / "warm"),
            "warm_sizes": WARM_SIZES,
            "warm_runs": WARM_RUNS,
            "output": str(self._folder / "out"),
            "workers": workers,
            "processors": processors or workers,
            "watched": processors is not None,
        }
        read_through(self._folder / what)
        child = run([*RUN, json.dumps(asked)])
        if child.code:
            self._found.failed[name] = f"the job ended with {child.code}: {_last_line(child.complaint)}"
            return None
        told: dict[str, Any] = json.loads(child.output.strip().splitlines()[-1])
        for made in self._folder.glob("out*"):
            shutil.rmtree(made)
        self._add(name, told["seconds"], told["processor_s"])
        self._found.started_s.append(told["start_s"])
        self._found.flows[name] = told["flows"]
        return told

    def _fit(self) -> None:
        """What each kind of task takes, by one worker; and how much slower a core is while the other is busy, too."""
        self._found.speeds.append(busy_speed(self._folder / "neighbour.pcap", NEIGHBOUR_PACKETS))
        for name, planned in PLANNED.items():
            read = self._folder / WATCHED[name]
            told = self._job(f"fit {name}", WATCHED[name], planned, processors=1)
            if told is None:
                continue
            tasks = [Traced(*task) for task in told["tasks"]]
            in_tasks_s = sum(task.ended_s - task.begun_s for task in tasks)
            others = max(0.0, told["processor_s"] - in_tasks_s) / told["seconds"]
            speed = statistics.median(self._found.speeds)
            size = sum(path.stat().st_size for path in read.iterdir())
            costs = fitted(tasks, size, cores=2, others=others, busy_speed=speed)
            self._found.costs.setdefault(name, []).append(costs)

    def _kill(self) -> None:
        if self._kills is None:
            self._found.failed["kills"] = "not measured: it needs the repository's benchmarks/cluster_kill.py"
            return
        words = ["--runs", str(self.sizes.kills), "--json"]
        child = run([sys.executable, str(self._kills), *words], timeout_s=KILL_TIMEOUT_S)
        try:
            self._found.killed = json.loads(child.output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            self._found.failed["kills"] = f"{self._kills.name} ended with {child.code}: {_last_line(child.complaint)}"

    def _add(self, name: str, seconds: float, processor_s: float) -> None:
        self._found.seconds.setdefault(name, []).append(seconds)
        self._found.processor_s.setdefault(name, []).append(processor_s)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [*self._of_workers(), self._of_small(), *self._of_kills(), *self._of_prediction()]

    def _of_workers(self) -> Iterator[Figure]:
        ratio, rounds = self._ratio("one", "two")
        yield Figure(
            "two workers against one", ratio, "×", LEAST_SPEEDUP, detail=self._detail("one", "two"), rounds=rounds
        )
        ratio, rounds = self._ratio("one", "plain")
        yield Figure(
            "one worker of Ray over plain, time after start", ratio, "×", MOST_OVERHEAD, at_least=False,
            detail=self._detail("one", "plain"), rounds=rounds,
        )  # fmt: skip
        started = self._found.started_s
        yield Figure(
            "start of Ray and its workers", 1e3 * statistics.median(started) if started else None, "ms",
            rounds=[1e3 * one for one in started],
            detail="told apart from all above and below",
        )  # fmt: skip
        same = {self._found.flows.get(name) for name in ("plain", "one", "two")}
        yield Figure(
            "flows of plain, of one worker, of two that differ in number", float(len(same) - 1), "", 0, at_least=False,
            detail=f"{self._found.flows.get('plain', 0):,} flows",
        )  # fmt: skip

    def _of_small(self) -> Figure:
        ratio, rounds = self._ratio("small", "merged")
        what = f"{self.sizes.small:,} small captures over the merged one"
        detail = self._detail("small", "merged")
        return Figure(what, ratio, "×", MOST_SMALL, at_least=False, detail=detail, rounds=rounds)

    def _of_kills(self) -> Iterator[Figure]:
        if not self.sizes.kills:
            return
        told = self._found.killed
        exact = float(told["exact"]) if "exact" in told else None
        detail = self._found.failed.get("kills", f"{told.get('runs', 0)} runs, {told.get('killed', 0)} nodes killed")
        yield Figure("runs with killed nodes that gave the exact result", exact, "", self.sizes.kills, detail=detail)

    def _of_prediction(self) -> Iterator[Figure]:
        two, predicted = self._median("two"), self.predicted_s()
        what = "time of two workers, predicted from one"
        if two is None or predicted is None:
            why = next(
                (self._found.failed[name] for name in ("fit", "two") if name in self._found.failed), "not measured"
            )
            yield Figure(what, None, "s", detail=why)
            return
        detail = f"measured: {two * 1e3:,.0f} ms"
        yield Figure(
            what, predicted * 1e3, "ms", detail=detail, rounds=[1e3 * one for one in self._found.seconds["two"]]
        )
        yield Figure(
            "what the prediction misses the measured time by", abs(predicted / two - 1) * 100, "%", MOST_MISSED * 100,
            at_least=False, detail=self._told_of_costs(),
        )  # fmt: skip

    def costs(self, name: str = PIPED) -> JobCosts | None:
        """What each kind of task takes, the median of the rounds; None where it could not be watched."""
        found = self._found.costs.get(name)
        return JobCosts.median(found) if found else None

    def predicted_s(self) -> float | None:
        """What two workers should take."""
        costs = self.costs()
        return None if costs is None else Piped(self._bytes, self._files).run(costs, 2, cores=2).seconds

    def _told_of_costs(self) -> str:
        if (costs := self.costs()) is None:
            return ""
        kinds = ", ".join(f"{kind} {seconds * GB:.2f}" for kind, seconds in costs.byte_s.items())
        return f"seconds a GB: {kinds}; a busy core's speed {costs.busy_speed:.2f}, {costs.others:.2f} cores for Ray"

    def _median(self, name: str) -> float | None:
        return statistics.median(self._found.seconds[name]) if name in self._found.seconds else None

    def _ratio(self, name: str, other: str) -> tuple[float | None, list[float]]:
        one, two = self._median(name), self._median(other)
        if one is None or two is None:
            return None, []
        rounds = zip(self._found.seconds[name], self._found.seconds[other], strict=False)
        return one / two, [a / b for a, b in rounds]

    def _detail(self, *names: str) -> str:
        told = []
        for name in names:
            if (seconds := self._median(name)) is None:
                told.append(self._found.failed.get(name, f"{name} was not measured"))
            else:
                spent = statistics.median(self._found.processor_s[name])
                told.append(f"{name}: {seconds:.2f} s, {spent:.2f} s of processors")
        return "; ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON; `jobs` is what `oddflow bench plan --jobs` reads."""
        jobs = {name: self.costs(name) for name in PLANNED}
        return {
            "bench": "scale",
            "machine": machine(),
            "input": {"captures": [path.name for path in self._captures], "bytes": self._bytes, **asdict(self.sizes)},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
            "seconds": self._found.seconds,
            "processor_s": self._found.processor_s,
            "jobs": {name: costs.as_dict() for name, costs in jobs.items() if costs is not None},
        }


def read_through(folder: Path) -> None:
    """Reads all files of a folder, so that every contestant finds them in memory; some systems soon take them out."""
    buffer = bytearray(READ_BYTES)
    for path in sorted(folder.iterdir()):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def split(capture: Path, folder: Path, count: int) -> None:
    """Cuts a pcap that `Traffic` wrote into so many, one after the other in time, alike in packets."""
    data = np.fromfile(capture, np.uint8)
    starts, at = [], len(FILE_HEADER)
    lengths = data.view(np.uint8)
    while at < len(data):
        starts.append(at)
        at += RECORD_BYTES + int(lengths[at + 8 : at + 12].view("<u4")[0])
    cuts = [starts[len(starts) * number // count] for number in range(count)] + [len(data)]
    for number in range(count):
        piece = FILE_HEADER + data[cuts[number] : cuts[number + 1]].tobytes()
        (folder / f"{number:05d}.pcap").write_bytes(piece)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
