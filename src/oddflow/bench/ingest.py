"""Measures the road from packets to flows: its rate, beside other tools, and its memory.

Each contestant runs once a round, one after the other, so that whatever else the machine does hits all alike;
rates are medians over rounds.
"""

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.bench.child import Child, one_core, run
from oddflow.bench.machine import machine
from oddflow.bench.peers import PEERS, Peer
from oddflow.bench.traffic import Traffic, write_syn_flood
from oddflow.capture.stream import plain_bytes
from oddflow.errors import UsageError
from oddflow.flows.metering import meter_capture
from oddflow.losses import Ledger

MEMORY_LIMIT_MIB = 400
ODDFLOW = [sys.executable, "-m", "oddflow.cli.main"]
SPARE_BYTES = 1 << 30
"""Room that stays free on the disk."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured with.

    Attributes:
        packets: Packets of the capture that rates are taken on.
        rounds: How often each contestant runs.
        flood_flows: Flows, of one packet each, of the SYN flood.
        memory_bytes: Sizes of the two captures that peak memory is taken on.
    """

    packets: int = 4_000_000
    rounds: int = 3
    flood_flows: int = 5_000_000
    memory_bytes: tuple[int, int] = (50_000_000, 500_000_000)

    def __post_init__(self) -> None:
        """Refuses sizes that tell nothing."""
        if min(self.packets, self.flood_flows) < 1000 or self.rounds < 1:
            raise UsageError(
                f"{self.packets} packets, {self.flood_flows} flows, {self.rounds} rounds; "
                "expected at least 1,000 packets and flows, and one round"
            )


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the result.

    Attributes:
        what: What was measured.
        value: The figure, None where it could not be taken.
        unit: Its unit; "×" for a ratio.
        target: What it is held against, and `at_least` whether more is better.
        detail: What it was taken on; where there is no value, why.
        rounds: The figures of the single rounds.
    """

    what: str
    value: float | None
    unit: str
    target: float | None = None
    at_least: bool = True
    detail: str = ""
    rounds: list[float] = field(default_factory=list)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where nothing can be said."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass(frozen=True, slots=True)
class Step:
    """One run of one contestant: what is said of it, and what it does."""

    said: str
    do: Callable[[], None]


def in_process_rates(capture: Path, count: int) -> tuple[float, float]:
    """Packets a second of decoding and metering a capture to batches of all columns, in this thread.

    By the clock, and by the processor time of this process, which what else runs on the machine touches less.
    """
    begun, spent = time.perf_counter(), time.process_time()
    ledger = Ledger()
    with plain_bytes(str(capture), ledger) as (first, stream):
        for _ in meter_capture(stream, first, str(capture), ledger):
            pass
    seconds, spent = time.perf_counter() - begun, time.process_time() - spent
    if ledger.total != count:
        raise AssertionError(f"{ledger.total} packets came of {count}")
    return count / seconds, count / spent


class IngestBench:
    """All measurements of metering, as steps to be run in order; then the figures.

    Args:
        captures: What the traffic is made of.
        folder: An empty folder for captures; it needs room for the largest of them.
        peers: The folder that the other tools are installed in.
        live: A program that measures live capture and prints a JSON object, where there is one.
    """

    def __init__(
        self, captures: Sequence[Path], folder: Path, peers: Path, sizes: Sizes, *, live: Path | None = None
    ) -> None:
        self.sizes = sizes
        self._captures = list(captures)
        self._folder = folder
        self._live = live
        self._programs = {peer.name: peer.find(peers) for peer in PEERS}
        self._versions: dict[str, str] = {}
        self._rates: dict[str, list[float]] = {}
        self._peaks: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._found: dict[str, Any] = {}

    @cached_property
    def _mixed(self) -> Traffic:
        return Traffic.of(self._captures)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pcap"

    def _write(self, name: str, count: int, *, first_turn: int = 0) -> None:
        with self._path(name).open("wb") as file:
            self._mixed.write(file, count, first_turn=first_turn)

    def _count(self, peer: Peer) -> int:
        return max(1000, round(self.sizes.packets * peer.share))

    def _present(self) -> list[Peer]:
        return [peer for peer in PEERS if self._programs[peer.name]]

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        yield Step("building captures", self._build)
        yield Step("warming up", self._warm)
        for number in range(1, self.sizes.rounds + 1):
            of = f"round {number} of {self.sizes.rounds}"
            yield Step(f"{of}: in process", self._in_process)
            yield Step(f"{of}: oddflow flows", self._whole_process)
            for peer in self._present():
                yield Step(f"{of}: {peer.name}", lambda peer=peer: self._peer(peer))  # type: ignore[misc]
            for workers in (1, 2) if self._has_workers else ():
                yield Step(f"{of}: two files, {workers} of 2 workers", lambda n=workers: self._workers(n))  # type: ignore[misc]
        for place in (0, 1):
            yield Step(f"peak memory, capture {place + 1} of 2", lambda place=place: self._memory(place))  # type: ignore[misc]
        yield Step("peak memory of the flood", self._flood_memory)
        if self._live:
            yield Step("live capture", self._run_live)

    def _build(self) -> None:
        whole = self.sizes.packets * (self._mixed.packet_bytes + 16)
        self._need_room(2 * whole + 70 * self.sizes.flood_flows)
        for peer in PEERS:
            if peer.share < 1:
                self._write(peer.name, self._count(peer))
        self._write("whole", self.sizes.packets)
        for half in (0, 1):
            self._write(f"half{half}", self.sizes.packets // 2, first_turn=half * 128)
        with self._path("flood").open("wb") as file:
            write_syn_flood(file, self.sizes.flood_flows)

    def _need_room(self, size: float) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < size + SPARE_BYTES:
            raise UsageError(
                f"{self._folder} has {free / 1e9:.1f} GB free and the captures need {size / 1e9:.1f} GB; "
                "set TMPDIR to another folder, or lower --packets"
            )

    def _warm(self) -> None:
        self._write("warm", 1000)
        in_process_rates(self._path("warm"), 1000)
        self._oddflow("warm", str(self._path("warm")), "--json")
        for peer in self._present():
            self._versions[peer.name] = peer.version(self._programs[peer.name])  # type: ignore[arg-type]

    def _in_process(self) -> None:
        with one_core():
            for name, capture, count in (
                ("in process", "whole", self.sizes.packets), ("flood", "flood", self.sizes.flood_flows),
            ):  # fmt: skip
                by_clock, by_processor = in_process_rates(self._path(capture), count)
                self._add(name, by_clock)
                self._add(f"{name}, processor time", by_processor)

    def _whole_process(self) -> None:
        child = self._oddflow("whole process", str(self._path("whole")), "--json")
        if child:
            self._add("whole process", self.sizes.packets / child.seconds)
            self._peaks["whole process"] = child.peak_bytes

    def _peer(self, peer: Peer) -> None:
        program = self._programs[peer.name]
        if program is None or peer.name in self._failed:
            return
        capture = self._path("whole" if peer.share == 1 else peer.name)
        child = run(peer.command(program, capture, self._folder))
        if child.code:
            self._failed[peer.name] = f"ended with {child.code}: {_last_line(child.complaint)}"
            return
        self._add(peer.name, self._count(peer) / child.seconds)

    @cached_property
    def _has_workers(self) -> bool:
        if "--workers" in run([*ODDFLOW, "flows", "--help"]).output:
            return True
        self._failed["workers"] = "absent: oddflow flows has no --workers"
        return False

    def _workers(self, count: int) -> None:
        halves = [str(self._path(f"half{half}")) for half in (0, 1)]
        table = str(self._folder / "workers.parquet")
        child = self._oddflow("workers", *halves, "--workers", str(count), "-o", table)
        if child:
            self._add(f"{count} workers", self.sizes.packets // 2 * 2 / child.seconds)

    def _memory(self, place: int) -> None:
        name, size = f"memory{place}", self.sizes.memory_bytes[place]
        count = round(size / (self._mixed.packet_bytes + 16))
        self._need_room(size)
        self._write(name, count)
        child = self._oddflow(name, str(self._path(name)), "--json")
        self._path(name).unlink()
        if child:
            self._peaks[name] = child.peak_bytes
            self._add(name, count / child.seconds)

    def _flood_memory(self) -> None:
        child = self._oddflow("flood", str(self._path("flood")), "--json")
        if child:
            self._peaks["flood"] = child.peak_bytes
            self._found["flood"] = json.loads(child.output)

    def _run_live(self) -> None:
        child = run([sys.executable, str(self._live), "--json"])
        if child.code:
            self._failed["live"] = f"{self._live} ended with {child.code}: {_last_line(child.complaint)}"
        else:
            self._found["live"] = json.loads(child.output)

    def _oddflow(self, name: str, *arguments: str) -> Child | None:
        child = run([*ODDFLOW, "flows", *arguments])
        if child.code:
            self._failed[name] = f"oddflow flows ended with {child.code}: {_last_line(child.complaint)}"
            return None
        return child

    def _add(self, name: str, rate: float) -> None:
        self._rates.setdefault(name, []).append(rate)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [*self._rate_figures(), *self._peer_figures(), *self._memory_figures(), *self._other_figures()]

    def _median(self, name: str) -> float | None:
        return statistics.median(self._rates[name]) if name in self._rates else None

    def _ratio(self, name: str, other: str) -> tuple[float | None, list[float]]:
        """The median of one over that of the other, and their ratios round by round."""
        one, two = self._median(name), self._median(other)
        if one is None or two is None:
            return None, []
        return one / two, [float(r) for r in np.divide(self._rates[name], self._rates[other])]

    def _rate_figures(self) -> Iterator[Figure]:
        rates = self._rates.get("in process", [])
        whole = f"{self.sizes.packets:,} packets"
        best = f", median of {len(rates)} rounds; best {max(rates) / 1e6:.2f} M/s" if rates else ""
        what = "decode + meter + all columns, in process, one core"
        yield Figure(what, self._median("in process"), "packets/s", 4e6, detail=whole + best, rounds=rates)
        yield Figure(
            "the same, by processor time",
            self._median("in process, processor time"),
            "packets/s",
            detail="what other processes take is not counted",
            rounds=self._rates.get("in process, processor time", []),
        )
        yield Figure(
            "oddflow flows, whole process",
            self._median("whole process"),
            "packets/s",
            detail=self._failed.get("whole process", whole),
            rounds=self._rates.get("whole process", []),
        )

    def _peer_figures(self) -> Iterator[Figure]:
        for peer in PEERS:
            what = f"whole process against {peer.name}"
            if peer.name in self._failed or not self._programs[peer.name]:
                why = self._failed.get(peer.name, f"absent; to get it: {peer.remedy}")
                yield Figure(what, None, "×", peer.target, detail=why)
                continue
            ratio, rounds = self._ratio("whole process", peer.name)
            rate = self._median(peer.name) or 0.0
            did = f"{peer.name} {self._versions[peer.name]}: {rate:,.0f} packets/s on {self._count(peer):,} packets"
            yield Figure(what, ratio, "×", peer.target, detail=f"{did} ({peer.does})", rounds=rounds)

    def _memory_figures(self) -> Iterator[Figure]:
        small, large = (self._peaks.get(f"memory{place}") for place in (0, 1))
        for place, peak in enumerate((small, large)):
            size = f"{self.sizes.memory_bytes[place] / 1e9:g} GB of input"
            rate = self._median(f"memory{place}") or 0.0
            why = self._failed.get(f"memory{place}", f"a whole process, default settings: {rate:,.0f} packets/s")
            mib = peak / 2**20 if peak else None
            yield Figure(f"peak memory, {size}", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=why)
        grown = large / small if small and large else None
        yield Figure("peak memory, the larger input over the smaller", grown, "×", 1.05, at_least=False)

    def _other_figures(self) -> Iterator[Figure]:
        flows = f"{self.sizes.flood_flows:,} flows of one packet"
        ratio, rounds = self._ratio("flood", "in process")
        rate = self._median("flood")
        detail = f"{flows}; {rate:,.0f} packets/s in process, one core" if rate else flows
        yield Figure("SYN flood, its rate over the normal one", ratio, "×", 1 / 3, detail=detail, rounds=rounds)
        peak = self._peaks.get("flood")
        mib = peak / 2**20 if peak else None
        failed = self._failed.get("flood", flows)
        yield Figure("SYN flood, peak memory", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=failed)
        told = self._found.get("flood")
        ended = told["ledger"]["evicted_flows"] if told and told["flows"] == self.sizes.flood_flows else None
        yield Figure("SYN flood, flows ended early and counted", ended, "flows", 1, detail=flows)
        ratio, rounds = self._ratio("2 workers", "1 workers")
        detail = self._failed.get("workers", f"oddflow flows on two files of {self.sizes.packets // 2:,} packets each")
        yield Figure("two workers against one", ratio, "×", 1.7, detail=detail, rounds=rounds)
        yield from self._live_figures()

    def _live_figures(self) -> Iterator[Figure]:
        told = self._found.get("live")
        if told is None:
            why = self._failed.get("live", "not measured: it needs root and the repository's benchmarks/live.py")
            yield Figure("live, rate without a drop", None, "packets/s", 4e5, detail=why)
            return
        yield Figure("live, rate without a drop", told["packets_per_s"], "packets/s", 4e5, detail=told["detail"])

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "ingest",
            "machine": machine() | {f"{name} version": text for name, text in self._versions.items()},
            "input": {
                "captures": [path.name for path in self._captures],
                "packets": self.sizes.packets,
                "bytes_per_packet": round(self._mixed.packet_bytes, 1),
                "rounds": self.sizes.rounds,
            },
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
        }


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
