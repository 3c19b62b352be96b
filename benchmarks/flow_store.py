"""How fast stored flows are found: millions of flows of the example captures, shifted in time and between hosts.

python benchmarks/flow_store.py [--flows 10000000] [--hours 720] [--folder FOLDER] [--keep] [--write]

`--write` puts the table, and what `oddflow search` prints for the example capture, into docs/search.md.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.files import examples_folder
from oddflow.logs.parts import HOUR_NS, part_name
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.server.filling import filled_service
from oddflow.server.flowstore.columns import STORED_SCHEMA, stored
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.flowstore.host_list import HostQuestion
from oddflow.server.flowstore.layout import hour_folder
from oddflow.server.flowstore.query import Query
from oddflow.server.flowstore.writing import write_part

PAGE = Path(__file__).parents[1] / "docs" / "search.md"
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


def timed(call: Callable[[], Any], times: int = 5) -> tuple[float, float, float, Any]:
    """The first time, the least of the others and the least of the processor's, in s; and what came of it."""
    spent, used, found = [], [], None
    for _ in range(times):
        began, began_used = time.perf_counter(), time.process_time()
        found = call()
        spent.append(time.perf_counter() - began)
        used.append(time.process_time() - began_used)
    return spent[0], min(spent[1:]), min(used[1:]), found


def asked(store: FlowStore) -> list[tuple[str, float, float, float, str]]:
    """Each question and page: its name, what `timed` says, and what came of it."""
    rows = []
    for question in QUESTIONS:
        query = Query.parse(question, now_ns=END_HOUR * HOUR_NS)
        first, usual, used, page = timed(lambda query=query: store.search(query, 100))
        rows.append(
            (f"`{question}`" if question else "the newest", first, usual, used, f"{len(page.rows)} of {page.looked:,}")
        )
    until_s = END_HOUR * 3600
    for days in (7, 30):
        for name, call in (
            ("all hosts", lambda days=days: store.hosts(until_s - days * 86_400, until_s, HostQuestion())),
            ("one host", lambda days=days: store.host("10.3.0.102", until_s - days * 86_400, until_s)),
        ):
            first, usual, used, found = timed(call)
            told = f"{found.total:,} hosts" if name == "all hosts" else f"{found.flows_out + found.flows_in:,} flows"
            rows.append((f"{name}, {days} days", first, usual, used, told))
    return rows


def walk() -> tuple[str, str]:
    """What `oddflow search` prints of the example capture, judged as a service judges it."""
    with tempfile.TemporaryDirectory() as place:
        service = filled_service(Path(place))
        service.flows.close()
        service.store.close()
        return (
            printed("oddflow search 'score > 1 and dst_ip in 10.0.0.0/8 order by score limit 8'", place),
            printed("oddflow search 'src_ip = 10.20.0.66 and scoore > 3'", place),
        )


def printed(line: str, state: str) -> str:
    """A command with what it prints, as a block of the page."""
    command = [sys.executable, "-c", "from oddflow.cli.main import main; main()", *shlex.split(line)[1:]]
    done = subprocess.run(
        [*command, "--state", state], env=os.environ | {"COLUMNS": "116"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    rows = [row.rstrip() for row in done.stdout.splitlines() if row.strip()]
    return f"```console\n$ {line} office.toml\n" + "\n".join(rows) + "\n```"


def put(name: str, block: str) -> None:
    """Puts a block between its two marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, _, rest = text.partition(begin)
    PAGE.write_text(f"{head}{begin}{block}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    """Fills, keeps, asks, tells, deletes."""
    given = argparse.ArgumentParser()
    given.add_argument("--flows", type=int, default=10_000_000)
    given.add_argument("--hours", type=int, default=720)
    given.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "oddflow-flow-store")
    given.add_argument("--keep", action="store_true")
    given.add_argument("--write", action="store_true")
    wanted = given.parse_args()
    if not wanted.folder.exists():
        fill(wanted.folder, wanted.flows, wanted.hours)
    with FlowStore(wanted.folder) as store:
        while store.rollup(END_HOUR * 3600 + 26 * 3600):
            pass
        used = store.usage()
        on_disk = sum(path.stat().st_size for path in wanted.folder.rglob("*.parquet"))
        lines = [
            f"{used.flows:,} flows of {wanted.hours:,} hours, {on_disk / used.flows:.0f} bytes each on disk, "
            f"two threads (`python benchmarks/flow_store.py`):",
            "",
            "| asked | first, ms | then, ms | of the processor, ms | found |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {a * 1e3:.0f} | {b * 1e3:.0f} | {c * 1e3:.0f} | {told} |"
            for name, a, b, c, told in asked(store)
        ]
    print("\n".join(lines))
    if wanted.write:
        put("speed", "\n".join(lines))
        for name, block in zip(("first", "wrong"), walk(), strict=True):
            put(name, block)
    if not wanted.keep:
        shutil.rmtree(wanted.folder)


if __name__ == "__main__":
    main()
