"""Measures the road from export messages to flows: its rate on one core, what is lost on it, and its memory."""

import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from oddflow.bench import netflow_messages
from oddflow.bench.child import one_core, run
from oddflow.bench.figures import MEMORY_LIMIT_MIB, Figure
from oddflow.bench.ingest import NO_ROWS, ODDFLOW, Step
from oddflow.bench.machine import machine
from oddflow.logs.netflow.collector import Collector
from oddflow.logs.netflow.header import IPFIX, V5, V9
from oddflow.logs.netflow.listening import Listening, ListeningSettings
from oddflow.logs.netflow.receiver import Receiver
from oddflow.losses import Ledger

LEAST_PER_S = 100_000
SENT_PER_S = 120_000
MOST_GROWTH = 1.1
SHORTER = 4
KINDS = {V5: "NetFlow v5", V9: "NetFlow v9", IPFIX: "IPFIX"}
SENDER = [sys.executable, "-m", "oddflow.bench.netflow_messages"]


@dataclass(slots=True)
class _Taken:
    """What was measured of one version, a figure each round."""

    parsing: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    lost: int = 0
    peaks: list[int] = field(default_factory=list)
    failed: str = ""


class NetflowBench:
    """All measurements of exporters, as steps to be run in order; then the figures.

    Args:
        folder: An empty folder for the messages: some 60 bytes a record.
        records: Records of each version.
        rounds: How often each is read; rates are medians over them.
    """

    def __init__(self, folder: Path, *, records: int = 1_000_000, rounds: int = 3) -> None:
        self._folder = folder
        self._records = records
        self._rounds = rounds
        self._taken = {version: _Taken() for version in KINDS}

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        for version, name in KINDS.items():
            yield Step(f"making {name}", lambda version=version: self._make(version))  # type: ignore[misc]
        for number in range(1, self._rounds + 1):
            for version, name in KINDS.items():
                of = f"round {number} of {self._rounds}: {name}"
                yield Step(of, lambda version=version: self._rate(version))  # type: ignore[misc]
        for version, name in KINDS.items():
            yield Step(f"peak memory: {name}", lambda version=version: self._memory(version))  # type: ignore[misc]

    def _place(self, version: int, records: int) -> Path:
        return self._folder / f"{version}-{records}"

    def _make(self, version: int) -> None:
        for count in (self._records, self._records // SHORTER):
            netflow_messages.write(self._place(version, count), netflow_messages.messages(version, count))

    def _rate(self, version: int) -> None:
        taken = self._taken[version]
        datagrams = list(netflow_messages.read(self._place(version, self._records)))
        with one_core():
            spent = time.process_time()
            collector, read = Collector(Ledger()), 0
            for datagram in datagrams:
                collector.take(datagram, ("192.0.2.1", 2055), 0.0)
                if collector.waiting >= collector.most_pending:
                    read += sum(batch.num_rows for batch in collector.records())
            read += sum(batch.num_rows for batch in collector.records())
            taken.parsing.append(read / (time.process_time() - spent))
        if read != self._records:
            raise AssertionError(f"{read} records came of {self._records} of {KINDS[version]}")
        self._receive(version, taken)

    def _receive(self, version: int, taken: _Taken) -> None:
        ledger, stop = Ledger(), threading.Event()
        settings = ListeningSettings(duration_s=self._records / SENT_PER_S + 5, most_records=self._records)
        with Receiver("127.0.0.1:0") as receiver, self._sender(version, self._records, receiver.address):
            spent = time.process_time()
            for _ in Listening(receiver, ledger, stop=stop, settings=settings).batches():
                pass
            taken.whole.append(ledger.metered / (time.process_time() - spent))
        taken.lost += self._records - ledger.metered

    @contextmanager
    def _sender(self, version: int, records: int, address: str) -> Iterator[None]:
        place, port = self._place(version, records), address.rpartition(":")[2]
        each = records / sum(1 for _ in netflow_messages.read(place))
        with subprocess.Popen([*SENDER, str(place), port, str(SENT_PER_S / each)]) as sender:
            try:
                yield
            finally:
                sender.kill()

    def _memory(self, version: int) -> None:
        taken = self._taken[version]
        for count in (self._records, self._records // SHORTER):
            address = f"127.0.0.1:{_free_port()}"
            ending = ["--count", str(count), "--duration", "120"]
            with self._sender(version, count, address):
                child = run([*ODDFLOW, "flows", "--netflow", address, *NO_ROWS, "--interval", "0", *ending])
            if child.code:
                taken.failed = f"oddflow flows ended with {child.code}: {child.complaint.strip()[-200:]}"
                return
            taken.peaks.append(child.peak_bytes)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [figure for version in KINDS for figure in self._figures(version)]

    def _figures(self, version: int) -> Iterator[Figure]:
        taken, name = self._taken[version], KINDS[version]
        how = f"{self._records:,} records, by processor time, {len(taken.parsing)} rounds"
        yield Figure(
            f"{name}, messages to records", _median(taken.parsing), "records/s", detail=how, rounds=taken.parsing
        )
        yield Figure(
            f"{name}, UDP to flows", _median(taken.whole), "records/s", LEAST_PER_S,
            detail=f"the same, sent at {SENT_PER_S:,}/s over the loopback", rounds=taken.whole,
        )  # fmt: skip
        yield Figure(f"{name}, lost of them", float(taken.lost), "records", 0, at_least=False, detail="all rounds")
        peak = max(taken.peaks, default=0)
        mib = peak / 2**20 if peak else None
        detail = taken.failed or "a whole process"
        yield Figure(f"{name}, peak memory", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=detail)
        grown = taken.peaks[0] / taken.peaks[1] if len(taken.peaks) == 2 else None
        what = f"{name}, peak memory over that of a quarter as many"
        yield Figure(what, grown, "×", MOST_GROWTH, at_least=False)

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "bench": "netflow",
            "machine": machine(),
            "input": {"records": self._records, "rounds": self._rounds, "sent_per_s": SENT_PER_S},
            "figures": [asdict(figure) | {"met": figure.met} for figure in self.figures()],
        }


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def _median(rates: list[float]) -> float | None:
    return statistics.median(rates) if rates else None
