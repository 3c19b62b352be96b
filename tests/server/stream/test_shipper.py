"""The shipper: all flows that it is given are on the stream once for a replica, whatever happens on the way."""

import socket
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from oddflow.errors import InputError
from oddflow.losses import Ledger
from oddflow.outputs import to_kafka
from oddflow.server.board import Board
from oddflow.server.settings.settings import Settings, SourceSection, StreamSection
from oddflow.server.stream import brokers as brokers_of
from oddflow.server.stream import shipper
from oddflow.server.stream.record import HEADER, Head, flows_of
from oddflow.server.stream.shipper import Sender, Shipper
from oddflow.server.work import channel, layout
from oddflow.server.work.layout import Shared
from oddflow.server.work.seat import Seat
from oddflow.server.work.teller import read
from tests.server.stream.conftest import PARTITIONS

confluent_kafka = pytest.importorskip("confluent_kafka")
SEEN_NS = 1_800_000_000_000_000_000


def settings_of(brokers: str, topic: str, state: Path, **stream: object) -> Settings:
    """Of a sensor that ships a folder's flows."""
    asked = StreamSection(brokers=brokers, partitions=PARTITIONS).model_copy(update=stream)
    known = Settings(stream=asked, sources=[SourceSection(name="in", folder=state / "in", ship=topic)])
    return known.model_copy(update={"service": known.service.model_copy(update={"state": state})})


def ship(settings: Settings, flows: pa.RecordBatch) -> Board:
    """Ships flows, and ends; what it told."""
    shared = Shared.of(settings)
    into, out = channel.make_pair()
    line = socket.socket()
    line.close()
    seat = Seat(shared, "shipper in", layout.judge_slot(0), 0, line, out)
    sender = channel.Sender(into, shared.counters, 0)
    for start in range(0, flows.num_rows, 200):
        sender.flows(flows.slice(start, 200))
        sender.seen(SEEN_NS + start)
    sender.last(5.0)
    seat.stopping = True
    Shipper(seat).run()
    assert shared.counters.queued(0) == 0
    into.close()
    out.close()
    return shared.board


def on_stream(brokers: str, topic: str) -> list[tuple[int, Head, list[pa.RecordBatch]]]:
    """All records of a topic, each with its partition."""
    reader = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "t", "log_level": 0})
    places = [confluent_kafka.TopicPartition(topic, one, 0) for one in range(PARTITIONS)]
    reader.assign(places)
    ends = {place.partition: reader.get_watermark_offsets(place, timeout=10)[1] for place in places}
    found, left = [], sum(ends.values())
    while left:
        for record in reader.consume(left, timeout=5):
            assert record.error() is None
            left -= 1
            head = Head.parse(dict(record.headers())[HEADER])
            found.append((record.partition(), head, flows_of(record.value(), Ledger())))
    reader.close()
    return found


def starts(found: list[tuple[int, Head, list[pa.RecordBatch]]]) -> Counter[object]:
    """How often each flow is there, by its start."""
    batches = [batch for _, _, flows in found for batch in flows]
    return Counter(pa.Table.from_batches(batches)["start"].cast(pa.int64()).to_pylist())


def test_all_flows_are_shipped_in_order(brokers, office_flows, tmp_path):
    told = read(ship(settings_of(brokers, "shipped", tmp_path), office_flows), layout.judge_slot(0))
    assert (told["shipped_flows"], told["shed"], told["waiting_records"]) == (1_000, {}, 0)
    found = on_stream(brokers, "shipped")
    assert starts(found) == Counter(office_flows.column("start").cast(pa.int64()).to_pylist())
    for partition in range(PARTITIONS):
        heads = [head for place, head, _ in found if place == partition]
        assert [head.number for head in heads] == sorted({head.number for head in heads})
        assert [head.seen_ns for head in heads] == sorted(head.seen_ns for head in heads)
        assert heads[-1].ended
        assert heads[-1].seen_ns == SEEN_NS + 800


def test_what_no_broker_takes_waits_on_the_disk_for_the_next_run(brokers, office_flows, tmp_path, monkeypatch):
    for module, name, seconds in (
        (shipper, "LAST_S", 0.5),
        (to_kafka, "TIMEOUT_S", 0.2),
        (brokers_of, "TIMEOUT_S", 0.2),
    ):
        monkeypatch.setattr(module, name, seconds)
    away = settings_of("127.0.0.1:1", "waited", tmp_path)
    told = read(ship(away, office_flows.slice(0, 500)), layout.judge_slot(0))
    assert told["waiting_records"] > PARTITIONS
    monkeypatch.undo()
    ship(settings_of(brokers, "waited", tmp_path), office_flows.slice(500))
    found = on_stream(brokers, "waited")
    assert starts(found) == Counter(office_flows.column("start").cast(pa.int64()).to_pylist())
    for partition in range(PARTITIONS):
        places = [(head.run, head.number) for place, head, _ in found if place == partition]
        assert places == sorted(set(places))
        assert {run for run, _ in places} == {1, 2}


def test_who_ships_is_known_again(tmp_path):
    first, second = Sender.begun(tmp_path / "in" / "one.json"), Sender.begun(tmp_path / "in" / "one.json")
    assert (second.id, second.run) == (first.id, first.run + 1)
    (tmp_path / "in" / "one.json").write_text("[]")
    with pytest.raises(InputError, match="take it away"):
        Sender.begun(tmp_path / "in" / "one.json")
