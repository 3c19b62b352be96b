"""Brokers of librdkafka's own mock cluster, and flows of the attacked office on their way to a topic."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from oddflow import api
from oddflow.features.columns import integers
from oddflow.features.homes import PRIVATE
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.outputs.message import Message
from oddflow.server.filling import INCIDENT
from oddflow.server.flowstore.layout import hours_in
from oddflow.server.settings.settings import Settings, SourceSection, StreamSection
from oddflow.server.stream.partitioning import Partitioning
from oddflow.server.stream.record import Head, body_of
from oddflow.server.stream.sending import StreamTransport

confluent_kafka = pytest.importorskip("confluent_kafka")

PARTITIONS = 4
"""As many as the mock cluster gives a topic."""
SENDER = "0" * 31
RECORD_FLOWS = 50
_topics = itertools.count()


@pytest.fixture(scope="session")
def brokers() -> Iterator[str]:
    """The address of a broker that lives as long as a producer of ours does."""
    owner = confluent_kafka.Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    found = owner.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in found)
    owner.flush(1)


@pytest.fixture(scope="session")
def office_flows() -> pa.RecordBatch:
    """The first flows of the attacked office that end, in that order."""
    batches = read_flows(str(api.examples() / INCIDENT), Ledger())
    flows = pa.Table.from_batches(list(batches)).sort_by([("end", "ascending"), ("start", "ascending")])
    return flows.slice(0, 1_000).combine_chunks().to_batches()[0]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that holds the office's flows, from two sensors in turn."""

    brokers: str
    name: str
    flows: pa.RecordBatch

    def settings(self, state: Path, model: Path | str, **stream: object) -> Settings:
        """Of a service that judges it."""
        asked = StreamSection(brokers=self.brokers, partitions=PARTITIONS).model_copy(update=stream)
        source = SourceSection(name="site", stream=self.name, model=str(model), max_groups=4_096)
        known = Settings(stream=asked, sources=[source])
        return known.model_copy(update={"service": known.service.model_copy(update={"state": state})})


def records(flows: pa.RecordBatch) -> list[Message]:
    """Flows as two sensors send them: each takes turns, and tells how far it has come; the last ones that they end."""
    partitioning, made = Partitioning(PRIVATE, PARTITIONS), []
    for number, start in enumerate(range(0, flows.num_rows, RECORD_FLOWS), 1):
        batch = flows.slice(start, RECORD_FLOWS)
        seen_ns = int(integers(batch, "end").max())
        parted = partitioning.parted(batch)
        for partition in range(PARTITIONS):
            part = [parted[partition]] if partition in parted else []
            made.append(record(partition, part, number=number, sender=number % 2, seen_ns=seen_ns))
    for sender in range(2):
        made += [
            record(partition, [], number=10**6, sender=sender, seen_ns=seen_ns, ended=True)
            for partition in range(PARTITIONS)
        ]
    return made


def record(
    partition: int, flows: list[pa.RecordBatch], *, number: int, seen_ns: int, sender: int = 0, ended: bool = False
) -> Message:
    """One record; sent just when its last flow ended."""
    rows = sum(batch.num_rows for batch in flows)
    head = Head(f"{SENDER}{sender}", 1, number, PARTITIONS, seen_ns, seen_ns, rows, ended)
    facts = {"partition": str(partition), "rows": str(rows), "head": head.as_bytes().decode()}
    return Message(f"{sender}-{partition}-{number}", body_of(flows), facts)


@pytest.fixture(scope="session")
def topic(brokers: str, office_flows: pa.RecordBatch) -> Topic:
    """It, filled; some records came twice, as they do when a sensor died over them."""
    name = f"office-{next(_topics)}"
    stream = StreamSection(brokers=brokers, partitions=PARTITIONS)
    transport = StreamTransport(stream, name)
    given = records(office_flows)
    transport.send(given[:24])
    transport.send(given[4:])
    transport.close()
    return Topic(brokers, name, office_flows)


def stored_alerts(state: Path) -> dict[str, str]:
    """The alerts in a store, each as it is told, by their ids."""
    with closing(sqlite3.connect(state / "store.db")) as opened:
        told = opened.execute("SELECT alert_id, record FROM alert_records").fetchall()
        ids = [one for (one,) in opened.execute("SELECT id FROM alerts")]
    assert sorted(ids) == sorted(one for one, _ in told)
    return dict(told)


def stored_flows(state: Path) -> list[tuple[int, str, int, str, int]]:
    """The flows in a flow store, in order: each as often as it is there."""
    paths = [part.path for hour in hours_in(state / "flows", "site") for part in hour.parts]
    columns = ["start", "src_ip", "src_port", "dst_ip", "dst_port"]
    rows = [tuple(row.values()) for path in paths for row in parquet.read_table(path, columns=columns).to_pylist()]
    return sorted(rows)
