"""Kills replicas of a stream at random instants, and looks whether anything is lost, told twice or other than it was.

Brokers are librdkafka's mock cluster, in this process; two replicas share a topic of the attacked office's flows as a
group, each a process of its own. Again and again one of them is killed (SIGKILL) and begun anew. In the end the alerts
and the flows on disk must be those of one replica that nobody disturbed, each once.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/stream_kill.py --times 20

Exits with 1 where they are not.
"""

import argparse
import multiprocessing
import random
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from oddflow import api
from oddflow.features.columns import integers
from oddflow.features.homes import PRIVATE
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.outputs.message import Message
from oddflow.server.filling import BASELINE, INCIDENT
from oddflow.server.flowstore.layout import hours_in
from oddflow.server.settings.settings import Settings, SourceSection, StreamSection
from oddflow.server.store.store import Store
from oddflow.server.stream import brokers as library_of
from oddflow.server.stream.checkpoint import Checkpoints
from oddflow.server.stream.partitioning import Partitioning
from oddflow.server.stream.record import Head, body_of
from oddflow.server.stream.replica import live
from oddflow.server.stream.sending import StreamTransport
from oddflow.server.work import layout
from oddflow.server.work.layout import Shared
from oddflow.server.work.seat import Seat
from oddflow.server.work.watching import feedback_file

TOPIC = "office"
PARTITIONS = 4
"""As many as the mock cluster gives a topic."""
RECORD_FLOWS = 25
NAMES = ("a", "b")
PATIENCE_S = 300.0


def records() -> list[Message]:
    """The attacked office's flows, as a sensor ships them."""
    batches = list(read_flows(str(api.examples() / INCIDENT), Ledger()))
    flows = pa.Table.from_batches(batches).sort_by("end").combine_chunks().to_batches()[0]
    partitioning, made = Partitioning(PRIVATE, PARTITIONS), []
    for number, start in enumerate(range(0, flows.num_rows, RECORD_FLOWS), 1):
        batch = flows.slice(start, RECORD_FLOWS)
        is_last, seen_ns = start + RECORD_FLOWS >= flows.num_rows, int(integers(batch, "end").max())
        parted = partitioning.parted(batch)
        for partition in range(PARTITIONS):
            part = [parted[partition]] if partition in parted else []
            rows = sum(one.num_rows for one in part)
            head = Head("0" * 32, 1, number, PARTITIONS, seen_ns, seen_ns, rows, is_last)
            facts = {"partition": str(partition), "rows": str(rows), "head": head.as_bytes().decode()}
            made.append(Message(f"{number}-{partition}", body_of(part), facts))
    return made


def settings_of(brokers: str, state: Path, model: Path, name: str) -> Settings:
    """Of a replica."""
    stream = StreamSection(brokers=brokers, partitions=PARTITIONS, takeover_s=6.0, checkpoint_s=1.0)
    known = Settings(
        stream=stream, sources=[SourceSection(name=name, stream=TOPIC, model=str(model), max_groups=4_096)]
    )
    return known.model_copy(update={"service": known.service.model_copy(update={"state": state})})


def replica(settings: Settings) -> None:
    """The life of its process."""
    line = socket.socket()
    line.close()
    live(Seat(Shared.of(settings), "replica", layout.judge_slot(0), 0, line))


def reached(settings: Settings) -> dict[int, int]:
    """How far each partition's checkpoint is."""
    checkpoints = Checkpoints(settings.checkpoints_folder, TOPIC)
    found = {number: checkpoints.read(number) for number in range(PARTITIONS)}
    return {number: one.offset for number, one in found.items() if one is not None}


def result(state: Path) -> tuple[dict[str, str], Counter[Any]]:
    """Alerts as they are told, by id; and how often each flow is on disk."""
    with closing(sqlite3.connect(state / "store.db")) as opened:
        alerts = dict(opened.execute("SELECT alert_id, record FROM alert_records"))
    columns = ["start", "src_ip", "src_port", "dst_ip", "dst_port", "first_packet"]
    flows: Counter[Any] = Counter()
    for name in NAMES:
        for hour in hours_in(state / "flows", name):
            for part in hour.parts:
                flows.update(tuple(row.values()) for row in parquet.read_table(part.path, columns=columns).to_pylist())
    return alerts, flows


def run(brokers: str, state: Path, model: Path, *, names: tuple[str, ...], times: int, seed: int) -> int:
    """Judges all, with so many kills; how many there were."""
    processes, rng = multiprocessing.get_context("forkserver"), random.Random(seed)  # noqa: S311  (chooses whom)
    processes.set_forkserver_preload(["oddflow.server.stream.replica"])
    asked = {name: settings_of(brokers, state, model, name) for name in names}
    state.mkdir()
    Store.open(asked[names[0]].store_url).close()
    feedback_file(asked[names[0]]).touch()
    running = {name: processes.Process(target=replica, args=(asked[name],)) for name in names}
    for one in running.values():
        one.start()
    transport = StreamTransport(asked[names[0]].stream, TOPIC)
    given, killed = records(), 0
    ends = Counter(int(one.facts["partition"]) for one in given)
    for turn in range(times):
        share = len(given) * turn // times, len(given) * (turn + 1) // times
        transport.send(given[share[0] : share[1]])
        time.sleep(rng.uniform(0.2, 6.0))
        name = rng.choice(names)
        running[name].kill()
        running[name].join()
        killed += 1
        running[name] = processes.Process(target=replica, args=(asked[name],))
        running[name].start()
    if not times:
        transport.send(given)
    transport.close()
    until = time.monotonic() + PATIENCE_S
    while reached(asked[names[0]]) != dict(ends) and time.monotonic() < until:
        time.sleep(0.2)
    for one in running.values():
        one.terminate()
        one.join()
    if (found := reached(asked[names[0]])) != dict(ends):
        print(f"only {found} of {dict(ends)} records were judged within {PATIENCE_S:.0f} s")
    return killed


def main() -> int:
    """Kills, compares, tells."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=20, help="so many kills (20)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    kafka = library_of.library()
    found: list[tuple[dict[str, str], Counter[Any]]] = []
    with tempfile.TemporaryDirectory(prefix="oddflow-stream-") as folder:
        model = Path(folder) / "office.oddflow"
        api.learn(api.examples() / BASELINE, output=model, detector="robust-pca")
        for names, times in ((NAMES[:1], 0), (NAMES, asked.times)):
            owner = kafka.Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
            there = owner.list_topics(timeout=10).brokers.values()
            brokers = ",".join(f"{one.host}:{one.port}" for one in there)
            state = Path(folder) / f"state-{times}"
            killed = run(brokers, state, model, names=names, times=times, seed=asked.seed)
            found.append(result(state))
            owner.flush(1)
    (alerts, flows), (alerts_now, flows_now) = found
    same = alerts == alerts_now and flows == flows_now
    lost, twice = sum((flows - flows_now).values()), sum((flows_now - flows).values())
    print(
        f"{killed} kills: {len(alerts_now):,} alerts, {sum(flows_now.values()):,} flows; of {len(alerts):,} alerts "
        f"{len(set(alerts) - set(alerts_now)):,} lost, {len(set(alerts_now) - set(alerts)):,} more, "
        f"{sum(alerts_now.get(one, text) != text for one, text in alerts.items()):,} other; "
        f"{lost:,} flows lost, {twice:,} twice"
    )
    return 0 if same and alerts else 1


if __name__ == "__main__":
    sys.exit(main())
