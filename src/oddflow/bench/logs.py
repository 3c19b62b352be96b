"""Measures the road from other tools' records to flows: its rate on one core, and its memory."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oddflow.bench import zeek_lines
from oddflow.bench.child import one_core, run
from oddflow.bench.figures import MEMORY_LIMIT_MIB, Figure
from oddflow.bench.ingest import NO_ROWS, ODDFLOW, Step
from oddflow.bench.machine import machine
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

LEAST_PER_S = 200_000
MOST_GROWTH = 1.1
SHORTER = 4


@dataclass(frozen=True, slots=True)
class LogKind:
    """A kind of log that is measured.

    Attributes:
        name: In words.
        write: Makes a log of so many records in a folder, and gives the path to read.
        target: Records a second that are wanted.
    """

    name: str
    write: Callable[[Path, int], Path]
    target: float = LEAST_PER_S


def _tsv(folder: Path, count: int) -> Path:
    zeek_lines.write_tsv(folder / "conn.log", count)
    return folder / "conn.log"


def _json(folder: Path, count: int) -> Path:
    zeek_lines.write_json(folder / "conn.log", count)
    return folder / "conn.log"


def _joined(folder: Path, count: int) -> Path:
    zeek_lines.write_dns(folder / "dns.log", count)
    return _tsv(folder, count)


KINDS = (
    LogKind("Zeek TSV", _tsv),
    LogKind("Zeek JSON", _json),
    LogKind("Zeek TSV with dns.log", _joined),
)


class LogBench:
    """All measurements of logs, as steps to be run in order; then the figures.

    Args:
        folder: An empty folder for the logs: some 600 bytes a record.
        records: Records of a log.
        rounds: How often each is read; rates are medians over them.
    """

    def __init__(self, folder: Path, *, records: int = 1_000_000, rounds: int = 3) -> None:
        self._folder = folder
        self._records = records
        self._rounds = rounds
        self._places: dict[tuple[str, int], Path] = {}
        self._wall: dict[str, list[float]] = {}
        self._processor: dict[str, list[float]] = {}
        self._peaks: dict[tuple[str, int], int] = {}
        self._failed: dict[str, str] = {}

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        for kind in KINDS:
            yield Step(f"writing {kind.name}", lambda kind=kind: self._write(kind))  # type: ignore[misc]
        yield Step("warming up", lambda: self._read(KINDS[0], self._records // SHORTER))
        for number in range(1, self._rounds + 1):
            for kind in KINDS:
                of = f"round {number} of {self._rounds}: {kind.name}"
                yield Step(of, lambda kind=kind: self._rate(kind))  # type: ignore[misc]
        for kind in KINDS:
            yield Step(f"peak memory: {kind.name}", lambda kind=kind: self._memory(kind))  # type: ignore[misc]

    def _write(self, kind: LogKind) -> None:
        for count in (self._records, self._records // SHORTER):
            folder = self._folder / f"{kind.name}-{count}"
            folder.mkdir()
            self._places[kind.name, count] = kind.write(folder, count)

    def _read(self, kind: LogKind, count: int) -> None:
        ledger = Ledger()
        for _ in read_flows(str(self._places[kind.name, count]), ledger):
            pass
        if ledger.metered != count:
            raise AssertionError(f"{ledger.metered} flows came of {count} records of {kind.name}")

    def _rate(self, kind: LogKind) -> None:
        with one_core():
            begun, spent = time.perf_counter(), time.process_time()
            self._read(kind, self._records)
            seconds, spent = time.perf_counter() - begun, time.process_time() - spent
        self._wall.setdefault(kind.name, []).append(self._records / seconds)
        self._processor.setdefault(kind.name, []).append(self._records / spent)

    def _memory(self, kind: LogKind) -> None:
        for count in (self._records, self._records // SHORTER):
            child = run([*ODDFLOW, "flows", str(self._places[kind.name, count]), *NO_ROWS])
            if child.code:
                self._failed[kind.name] = f"oddflow flows ended with {child.code}: {child.complaint.strip()[-200:]}"
                return
            self._peaks[kind.name, count] = child.peak_bytes

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [figure for kind in KINDS for figure in self._figures(kind)]

    def _figures(self, kind: LogKind) -> Iterator[Figure]:
        wall, spent = self._wall.get(kind.name, []), self._processor.get(kind.name, [])
        size = self._places[kind.name, self._records].stat().st_size / self._records
        taken = f"{self._records:,} records of {size:.0f} bytes, in process, one core, {len(spent)} rounds"
        yield Figure(
            f"{kind.name}, by processor time", _median(spent), "records/s", kind.target, detail=taken, rounds=spent
        )
        yield Figure(f"{kind.name}, by the clock", _median(wall), "records/s", detail="the same", rounds=wall)
        long, short = (self._peaks.get((kind.name, count)) for count in (self._records, self._records // SHORTER))
        why = self._failed.get(kind.name, "a whole process")
        mib = long / 2**20 if long else None
        yield Figure(f"{kind.name}, peak memory", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=why)
        grown = long / short if long and short else None
        yield Figure(
            f"{kind.name}, peak memory over that of a log a quarter as long", grown, "×", MOST_GROWTH, at_least=False
        )

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "logs",
            "machine": machine(),
            "input": {"records": self._records, "rounds": self._rounds},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
        }


def _median(rates: list[float]) -> float | None:
    return statistics.median(rates) if rates else None
