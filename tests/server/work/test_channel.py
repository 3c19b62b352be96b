"""The channel: whole batches, in order, none thrown away that is in it, counted on both sides."""

import pyarrow as pa
import pytest

from oddflow import api
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.server.work.channel import Kind, Receiver, Sender, make_pair
from oddflow.server.work.counters import Count, Counters


@pytest.fixture(scope="module")
def flows() -> pa.RecordBatch:
    """Flows of the example, with their bytes."""
    batches = list(read_flows(str(api.examples() / "office-incident.pcap.zst"), Ledger()))
    return pa.Table.from_batches(batches).slice(0, 800).combine_chunks().to_batches()[0]


def taken(receiver: Receiver) -> list[pa.RecordBatch]:
    """All flows that are in the channel now."""
    found = []
    while (message := receiver.take(0)) is not None:
        assert message.flows is not None
        found.append(message.flows)
    return found


@pytest.mark.parametrize("wide", [False, True])
def test_flows_come_through_as_they_were_sent(flows: pa.RecordBatch, wide: bool) -> None:
    sent = flows.append_column("worst_packet", pa.array([1] * flows.num_rows)) if wide else flows
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    sender, receiver = Sender(into, counters, 0), Receiver(out, counters, 0)
    sender.flows(sent)
    came: list[pa.RecordBatch] = []
    while sender.backlog_bytes or not came:
        sender.push()
        came += taken(receiver)
    came += taken(receiver)
    assert pa.Table.from_batches(came).equals(pa.Table.from_batches([sent]))
    row = counters.of(0)
    assert (row[Count.SENT], row[Count.TAKEN], row[Count.BACKLOG]) == (sent.num_rows, sent.num_rows, 0)
    into.close()
    out.close()


def test_what_there_is_no_room_for_waits_and_is_counted(flows: pa.RecordBatch) -> None:
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    sender, receiver = Sender(into, counters, 0, backlog_bytes=1 << 30), Receiver(out, counters, 0)
    for _ in range(20):
        sender.flows(flows)
    row = counters.of(0)
    assert sender.backlog_bytes > 0
    assert row[Count.BACKLOG] > 0
    assert counters.queued(0) == 20 * flows.num_rows
    came = 0
    while sender.backlog_bytes or came < 20 * flows.num_rows:
        came += sum(batch.num_rows for batch in taken(receiver))
        sender.push()
    assert came == 20 * flows.num_rows == row[Count.SENT]
    into.close()
    out.close()


def test_a_live_capture_sheds_whole_flows_where_there_is_no_room_and_never_waits(flows: pa.RecordBatch) -> None:
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    sender = Sender(into, counters, 0, idle=pytest.fail, patient=False, backlog_bytes=1 << 18)
    receiver = Receiver(out, counters, 0)
    for _ in range(60):
        sender.flows(flows)
    assert sender.shed > 0
    assert sender.shed % flows.num_rows == 0
    assert sender.stalled_s == 0
    came = 0
    while sender.backlog_bytes or came + sender.shed < 60 * flows.num_rows:
        came += sum(batch.num_rows for batch in taken(receiver))
        sender.push()
    before = sender.shed
    sender.flows(flows)  # there is room again
    assert sender.shed == before
    assert came + sender.shed == 60 * flows.num_rows
    into.close()
    out.close()


def test_a_full_channel_lets_nothing_go_and_the_process_shows_that_it_lives(flows: pa.RecordBatch) -> None:
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    came: list[int] = []
    receiver = Receiver(out, counters, 0)
    beats: list[int] = []

    def idle() -> None:
        beats.append(1)
        came.extend(batch.num_rows for batch in taken(receiver))  # at last the judge goes on

    sender = Sender(into, counters, 0, idle=idle, backlog_bytes=1 << 18)
    for _ in range(30):
        sender.flows(flows)
    assert beats
    assert sender.backlog_bytes <= 1 << 18
    while sender.backlog_bytes:
        sender.push()
        idle()
    idle()
    assert sum(came) == 30 * flows.num_rows
    into.close()
    out.close()


def test_what_a_judge_took_with_it_is_counted_once(flows: pa.RecordBatch) -> None:
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    sender, receiver = Sender(into, counters, 0), Receiver(out, counters, 0)
    sender.flows(flows.slice(0, 50))
    sender.flows(flows.slice(50, 50))
    assert receiver.take(0) is not None  # and the judge dies over it
    assert counters.judge_died(0) == 50
    assert counters.judge_died(0) == 0
    assert counters.queued(0) == 50
    after = Receiver(out, counters, 0)  # the next one has what was queued
    assert sum(batch.num_rows for batch in taken(after)) == 50
    into.close()
    out.close()


def test_the_end_and_times_keep_their_place(flows: pa.RecordBatch) -> None:
    counters, (into, out) = Counters(sources=1, slots=0), make_pair()
    sender, receiver = Sender(into, counters, 0), Receiver(out, counters, 0)
    sender.flows(flows.slice(0, 3))
    sender.seen(17)
    sender.file({"name": "a.pcap"})
    assert sender.last(1.0)
    messages = [receiver.take(0) for _ in range(4)]
    assert [message.kind for message in messages if message] == [Kind.FLOWS, Kind.SEEN, Kind.FILE, Kind.LAST]
    assert messages[1] is not None
    assert messages[1].stamp == 17
    into.close()
    with pytest.raises(EOFError):
        receiver.take(1.0)
    out.close()
