"""How fast stored flows are found: millions of flows of the example captures, shifted in time and between hosts.

python benchmarks/flow_store.py [--flows 10000000] [--hours 720] [--folder /tmp/flow-store] [--keep]
"""

import argparse
import shutil
import statistics
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.files import examples_folder
from oddflow.logs.parts import part_name
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.server.flowstore.columns import STORED_SCHEMA, stored
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.layout import HOUR_NS, hour_folder
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.writing import write_part

END_HOUR = 500_000
OFFICES = 16
OUTSIDE = 65_536
QUESTIONS = (
    "",
    "src_ip = 10.3.0.5 and score > 3 last 2h",
    "ip = 10.3.0.102 last 24h",
    "ip = 10.3.0.102",
    "src_ip = 10.3.0.102 and score > 3",
    "score > 3.9",
    "order by score desc",
    "src_ip in 10.3.0.0/16 and bytes > 10MB",
    "dst_ip in fd00::/8 and score > 3.5",
    "dst_ip = 198.51.100.77",
    "tls_sni contains nobody.example",
    "http_host like '%shop%' and score > 3.5",
    "not (protocol = tcp or protocol = udp) and packets > 1000000",
    "port = 31337",
)


def flows_of_office() -> pa.RecordBatch:
    """The flows of both example captures, about 20 minutes of an office."""
    batches = [
        batch
        for name in ("office-baseline.pcap.zst", "office-incident.pcap.zst")
        for batch in read_flows(str(examples_folder() / name), Ledger())
    ]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def elsewhere(addresses: pa.Array, office: int, draw: np.random.Generator) -> pa.Array:
    """The same flows in another office, with other hosts outside."""
    coded = addresses.dictionary_encode()
    moved = []
    for address in coded.dictionary.to_pylist():
        if address.startswith("10.20."):
            moved.append(f"10.{office}.{address[6:]}")
        elif ":" in address:
            moved.append(address.replace("fd00:20:", f"fd00:{office + 1:x}:"))
        else:
            number = int(draw.integers(OUTSIDE))
            moved.append(f"198.{18 + (number >> 8) % 2}.{number >> 8}.{number & 255}")
    return pa.array(moved).take(coded.indices)


def fill(folder: Path, flows: int, hours: int) -> None:
    """Writes so many flows over so many hours, an hour at a time, each as one part."""
    office, draw = flows_of_office(), np.random.default_rng(8)
    an_hour = -(-flows // hours)
    lasted = pc.subtract(office.column("end").cast(pa.int64()), office.column("start").cast(pa.int64())).to_numpy()
    for hour in range(END_HOUR - hours, END_HOUR):
        batches, rows = [], 0
        while rows < an_hour:
            take = min(an_hour - rows, office.num_rows)
            chosen = np.sort(draw.choice(office.num_rows, take, replace=False))
            some = office.take(pa.array(chosen))
            end = np.sort(draw.integers(hour * HOUR_NS, (hour + 1) * HOUR_NS, take))
            where = int(draw.integers(OFFICES))
            for name, values in (
                ("start", pa.array(end - lasted[chosen]).cast(some.schema.field("start").type)),
                ("end", pa.array(end).cast(some.schema.field("end").type)),
                ("src_ip", elsewhere(some.column("src_ip"), where, draw)),
                ("dst_ip", elsewhere(some.column("dst_ip"), where, draw)),
            ):
                place = some.schema.get_field_index(name)
                some = some.set_column(place, some.schema.field(place), values)
            scores = draw.exponential(0.3, take).astype(np.float32)
            batches.append(stored(some, "lan", scores, scores > 3, payload=False))
            rows += take
        place = hour_folder(folder, "lan", hour)
        place.mkdir(parents=True)
        write_part(place / part_name(hour * 3_600_000), pa.Table.from_batches(batches, STORED_SCHEMA).sort_by("end"))


def timed(call, times: int = 5) -> tuple[float, float, object]:  # noqa: ANN001
    """The first time and the median of the others, in s, and what came of it."""
    spent, found = [], None
    for _ in range(times):
        began = time.perf_counter()
        found = call()
        spent.append(time.perf_counter() - began)
    return spent[0], statistics.median(spent[1:]), found


def main() -> None:
    """Fills, asks, tells, deletes."""
    given = argparse.ArgumentParser()
    given.add_argument("--flows", type=int, default=10_000_000)
    given.add_argument("--hours", type=int, default=720)
    given.add_argument("--folder", type=Path, default=Path("/tmp/oddflow-flow-store"))  # noqa: S108
    given.add_argument("--keep", action="store_true")
    asked = given.parse_args()
    began = time.perf_counter()
    if not asked.folder.exists():
        fill(asked.folder, asked.flows, asked.hours)
    with FlowStore(asked.folder) as store:
        print(f"filled in {time.perf_counter() - began:.0f} s: {store.usage()}")
        for question in QUESTIONS:
            query = Query.parse(question, now_ns=END_HOUR * HOUR_NS)
            first, usual, page = timed(lambda query=query: store.search(query, 100))
            print(f"{first * 1e3:7.0f} {usual * 1e3:7.0f} ms  {len(page.rows):4} rows  {page.looked:12,}  {question}")
    if not asked.keep:
        shutil.rmtree(asked.folder)


if __name__ == "__main__":
    main()
