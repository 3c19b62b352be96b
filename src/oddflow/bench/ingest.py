"""Measures the road from packets to flows: its rate, beside other tools, and its memory.

Each contestant runs once a round, one after the other, so that whatever else the machine does hits all alike;
rates are medians over rounds.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from oddflow.bench.child import Child, one_core, run
from oddflow.bench.figures import Figure, Measured, Sizes
from oddflow.bench.machine import machine
from oddflow.bench.peers import PEERS, Peer
from oddflow.bench.traffic import Traffic, write_syn_flood
from oddflow.capture.stream import plain_bytes
from oddflow.errors import UsageError
from oddflow.flows.metering import meter_capture
from oddflow.losses import Ledger

ODDFLOW = [sys.executable, "-m", "oddflow.cli.main"]
NO_ROWS = ("--limit", "0")
SPARE_BYTES = 1 << 30
"""Room that stays free on the disk."""


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
        live: The program that measures live capture, where there is one.
    """

    def __init__(
        self, captures: Sequence[Path], folder: Path, peers: Path, sizes: Sizes, *, live: Path | None = None
    ) -> None:
        self.sizes = sizes
        self._captures = list(captures)
        self._folder = folder
        self._live = live
        self._programs = {peer.name: peer.find(peers) for peer in PEERS}
        self.measured = Measured(sizes)

    @cached_property
    def _mixed(self) -> Traffic:
        return Traffic.of(self._captures)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pcap"

    def _write(self, name: str, count: int, *, first_turn: int = 0) -> None:
        with self._path(name).open("wb") as file:
            self._mixed.write(file, count, first_turn=first_turn)

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
            yield Step("live, what one core sends", lambda: self._run_live("live"))
            above = ("--seconds", "10", "--share-core", "--ring", "1024")
            yield Step("live, more than we can take", lambda: self._run_live("live above", *above))

    def _build(self) -> None:
        whole = self.sizes.packets * (self._mixed.packet_bytes + 16)
        self._need_room(2 * whole + 70 * self.sizes.flood_flows)
        for peer in PEERS:
            if peer.share < 1:
                self._write(peer.name, peer.packets(self.sizes.packets))
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
        self._oddflow("warm", str(self._path("warm")), *NO_ROWS)
        for peer in self._present():
            self.measured.present[peer.name] = peer.version(self._programs[peer.name])  # type: ignore[arg-type]

    def _in_process(self) -> None:
        with one_core():
            for name, capture, count in (
                ("in process", "whole", self.sizes.packets), ("flood", "flood", self.sizes.flood_flows),
            ):  # fmt: skip
                by_clock, by_processor = in_process_rates(self._path(capture), count)
                self.measured.add(name, by_clock)
                self.measured.add(f"{name}, processor time", by_processor)

    def _whole_process(self) -> None:
        child = self._oddflow("whole process", str(self._path("whole")), *NO_ROWS)
        if child:
            self.measured.add("whole process", self.sizes.packets / child.seconds)
            self.measured.add("whole process, processor time", self.sizes.packets / child.processor_s)
            self.measured.peaks["whole process"] = child.peak_bytes

    def _peer(self, peer: Peer) -> None:
        program = self._programs[peer.name]
        if program is None or peer.name in self.measured.failed:
            return
        capture = self._path("whole" if peer.share == 1 else peer.name)
        child = run(peer.command(program, capture, self._folder))
        if child.code:
            self.measured.failed[peer.name] = f"ended with {child.code}: {_last_line(child.complaint)}"
            return
        count = peer.packets(self.sizes.packets)
        self.measured.add(peer.name, count / child.seconds)
        self.measured.add(f"{peer.name}, processor time", count / child.processor_s)

    @cached_property
    def _has_workers(self) -> bool:
        if "--workers" in run([*ODDFLOW, "flows", "--help"]).output:
            return True
        self.measured.failed["workers"] = "absent: oddflow flows has no --workers"
        return False

    def _workers(self, count: int) -> None:
        halves = [str(self._path(f"half{half}")) for half in (0, 1)]
        table = str(self._folder / "workers.parquet")
        child = self._oddflow("workers", *halves, "--workers", str(count), "-o", table)
        if child:
            self.measured.add(f"{count} workers", self.sizes.packets // 2 * 2 / child.seconds)

    def _memory(self, place: int) -> None:
        name, size = f"memory{place}", self.sizes.memory_bytes[place]
        count = round(size / (self._mixed.packet_bytes + 16))
        self._need_room(size)
        self._write(name, count)
        child = self._oddflow(name, str(self._path(name)), *NO_ROWS)
        self._path(name).unlink()
        if child:
            self.measured.peaks[name] = child.peak_bytes
            self.measured.add(name, count / child.seconds)

    def _flood_memory(self) -> None:
        child = self._oddflow("flood", str(self._path("flood")), "--json")
        if child:
            self.measured.peaks["flood"] = child.peak_bytes
            self.measured.told["flood"] = json.loads(child.output)

    def _run_live(self, name: str, *arguments: str) -> None:
        child = run([sys.executable, str(self._live), "--json", *arguments])
        if child.code:
            said = _last_line(child.complaint or child.output)
            self.measured.failed[name] = f"{self._live} ended with {child.code}: {said}"
        else:
            self.measured.told[name] = json.loads(child.output)

    def _oddflow(self, name: str, *arguments: str) -> Child | None:
        child = run([*ODDFLOW, "flows", *arguments])
        if child.code:
            self.measured.failed[name] = f"oddflow flows ended with {child.code}: {_last_line(child.complaint)}"
            return None
        return child

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return self.measured.figures()

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "ingest",
            "machine": machine() | {f"{name} version": text for name, text in self.measured.present.items()},
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
