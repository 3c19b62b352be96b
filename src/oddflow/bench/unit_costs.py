"""Measures what each step costs one core: what the simulations of larger machines are driven by."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from oddflow import api
from oddflow.bench.child import one_core, run
from oddflow.bench.figures import Figure
from oddflow.bench.ingest import Step, in_process_rates
from oddflow.bench.machine import machine
from oddflow.bench.month import flows_of_office, of_hour
from oddflow.bench.neighbour import busy_speed
from oddflow.bench.simulation.costs import NAMES, Costs
from oddflow.bench.steady import SteadyTraffic
from oddflow.logs.source import read_flows
from oddflow.logs.table import TableWriter
from oddflow.losses import Ledger

SECONDS = 3
KINDS = {
    "short": SteadyTraffic(5_000, 20, 330),
    "long": SteadyTraffic(4_000, 20, 1_000),
    "small": SteadyTraffic(16_000, 6, 330),
}
"""Traffic with other lengths of packets, and of flows: three equations for three costs."""
FLOWS = 40_000
LIVE_S = (2, 10)
"""What a process takes to begin cancels out between two runs."""
SHIP_ROWS = 8_192
KERNEL_SHARE = 0.5
"""Of what the sender's core does for a packet, sending and receiving in one, so much is taken to be receiving."""
UNITS = {"_bytes": ("bytes", 1.0), "_s": ("ns", 1e9), "_speed": ("×", 1.0)}


class CostsBench:
    """All costs, as steps to be run in order.

    Args:
        folder: An empty folder; it needs 1 GB.
        rounds: How often each is measured; medians count.
        live: The program that measures live capture, where there is one.
    """

    def __init__(self, folder: Path, *, rounds: int = 3, live: Path | None = None) -> None:
        self._folder = folder
        self._rounds = rounds
        self._live = live
        self._found: dict[str, list[float]] = {}
        self._on: dict[str, str] = {}

    def steps(self) -> Iterator[Step]:
        """What is to be done, in order."""
        yield Step("building captures and tables", self._build)
        for number in range(1, self._rounds + 1):
            of = f"round {number} of {self._rounds}"
            yield Step(f"{of}: metering", self._meter)
            yield Step(f"{of}: metering beside a busy core", self._beside)
            yield Step(f"{of}: writing, shipping, storing", self._move)
            yield Step(f"{of}: scoring", self._score)
        if self._live:
            yield Step("live capture", self._capture)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _build(self) -> None:
        for name, traffic in KINDS.items():
            with self._path(f"{name}.pcap").open("wb") as file:
                traffic.write(file, SECONDS)
        self._office = flows_of_office()
        draw = np.random.default_rng(1)
        with TableWriter(str(self._path("flows.parquet"))) as table:
            for batch in of_hour(self._office, 480_000, FLOWS, draw):
                table.write(batch)
        self._model = api.learn(self._path("flows.parquet"), detector="robust-pca", seed=1)
        self._count = {name: _packets(self._path(f"{name}.pcap")) for name in KINDS}

    def _meter(self) -> None:
        with one_core():
            for name in KINDS:
                _, rate = in_process_rates(self._path(f"{name}.pcap"), self._count[name])
                self._add(name, 1 / rate)

    def _beside(self) -> None:
        self._add("busy_speed", busy_speed(self._path("short.pcap"), self._count["short"]))

    def _move(self) -> None:
        from oddflow.server.flowstore.columns import STORED_SCHEMA, stored  # noqa: PLC0415  (an extra)
        from oddflow.server.flowstore.writing import write_part  # noqa: PLC0415

        rows, office = self._office.num_rows, self._office
        place = self._path("part.parquet")
        with one_core():
            self._time("write_flow_s", rows, lambda: self._write(self._path("written.parquet")))
            message = self._time("ship_flow_s", rows, lambda: shipped(office))
            self._time("take_flow_s", rows, lambda: taken(message))
            scores = np.zeros(rows, np.float32)

            def store() -> None:
                batch = stored(office, "lan", scores, scores > 1, payload=True)
                write_part(place, pa.Table.from_batches([batch], STORED_SCHEMA))

            self._time("store_flow_s", rows, store)
        self._add("ship_flow_bytes", sum(map(len, message)) / rows)
        self._add("store_flow_bytes", place.stat().st_size / rows)

    def _write(self, path: Path) -> None:
        with TableWriter(str(path)) as table:
            table.write(self._office)

    def _score(self) -> None:
        table = str(self._path("flows.parquet"))
        with one_core():
            spent = time.process_time()
            for _ in read_flows(table, Ledger()):
                pass
            read = time.process_time()
            found = api.detect(table, model=self._model)
            judged = time.process_time()
        self._add("score_flow_s", max((judged - read) - (read - spent), 0.0) / found.flows)

    def _capture(self) -> None:
        told = []
        for seconds in LIVE_S:
            child = run([sys.executable, str(self._live), "--json", "--seconds", str(seconds)])
            if child.code:
                self._on["ring_packet_s"] = f"live capture failed: {child.complaint.strip()[-200:]}"
                return
            told.append(json.loads(child.output))
        packets = told[1]["metered"] - told[0]["metered"]
        spent = told[1]["our_cpu_s"] - told[0]["our_cpu_s"]
        flows = (told[1]["flows"] - told[0]["flows"]) / packets
        packet_s, byte_s, flow_s = self._solved()
        self._add("ring_packet_s", max(spent / packets - packet_s - byte_s * told[1]["mean_bytes"] - flow_s * flows, 0))
        self._add("kernel_packet_s", KERNEL_SHARE * told[1]["sender_core_busy"] / told[1]["sent_per_s"])
        self._on["ring_packet_s"] = f"{told[1]['metered']:,} packets of a virtual interface"
        self._on["kernel_packet_s"] = (
            f"assumed: {KERNEL_SHARE:.0%} of what the sender's core takes for a packet, both ways"
        )

    def _time(self, name: str, rows: int, do: Callable[[], Any]) -> Any:
        spent = time.process_time()
        found = do()
        self._add(name, (time.process_time() - spent) / rows)
        return found

    def _add(self, name: str, value: float) -> None:
        self._found.setdefault(name, []).append(value)

    def _median(self, name: str) -> float:
        return statistics.median(self._found[name])

    def _solved(self) -> tuple[float, float, float]:
        """Of a packet, of a byte, of a flow."""
        sizes = [self._path(f"{name}.pcap").stat().st_size / self._count[name] - 16 for name in KINDS]
        rows = [[1.0, size, 1 / kind.packets_per_flow] for size, kind in zip(sizes, KINDS.values(), strict=True)]
        solved = np.linalg.solve(np.array(rows), np.array([self._median(name) for name in KINDS]))
        packet_s, byte_s, flow_s = (max(float(one), 0.0) for one in solved)
        return packet_s, byte_s, flow_s

    def costs(self) -> Costs:
        """What was found; where live capture could not be measured, what is known of another machine."""
        packet_s, byte_s, flow_s = self._solved()
        figures = {name: self._median(name) for name in NAMES if name in self._found}
        figures |= {"packet_s": packet_s, "byte_s": byte_s, "flow_s": flow_s}
        known = Costs.read()
        told = {
            "packet_s": "TCP of 20 and 6 packets a flow, frames of 330 and 1,000 bytes, in process",
            "busy_speed": "metering while another process meters on another core, by processor time",
            "score_flow_s": f"{FLOWS:,} flows of offices, robust-pca: order, context, score, groups",
            "ship_flow_bytes": f"{self._office.num_rows:,} flows of the examples, with first bytes; Arrow, zstd",
            "store_flow_bytes": "the same as a part of the service's store",
        } | self._on
        for name in ("ring_packet_s", "kernel_packet_s"):
            if name not in figures:
                told[name] = f"not measured here; of {known.machine.get('processor', 'another machine')}"
        return replace(known, **figures, machine=machine(), taken_on=told)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        costs, rows = self.costs(), []
        for name, value in costs.figures().items():
            unit, times = next(known for ending, known in UNITS.items() if name.endswith(ending))
            rows.append(Figure(name.removesuffix("_s"), value * times, unit, detail=costs.taken_on.get(name, "")))
        return rows

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON: what `Costs.read` takes."""
        return self.costs().as_dict() | {"input": {"rounds": self._rounds}}


def shipped(flows: pa.RecordBatch) -> list[bytes]:
    """Messages of a stream: Arrow, compressed by zstd."""
    messages = []
    for first in range(0, flows.num_rows, SHIP_ROWS):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, flows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(flows.slice(first, SHIP_ROWS))
        messages.append(sink.getvalue().to_pybytes())
    return messages


def taken(messages: list[bytes]) -> int:
    """Reads messages; how many rows they had."""
    return sum(batch.num_rows for one in messages for batch in pa.ipc.open_stream(one))


def _packets(capture: Path) -> int:
    ledger = Ledger()
    for _ in read_flows(str(capture), ledger):
        pass
    return ledger.total
