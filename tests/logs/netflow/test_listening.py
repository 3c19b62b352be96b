"""From the socket to flows: stitched, counted, in time, and in bounded memory whatever comes."""

import os
import threading
import time

import pyarrow as pa
import pytest

from oddflow.logs.netflow.listening import Listening, ListeningSettings
from oddflow.logs.netflow.receiver import Receiver
from oddflow.losses import Ledger, Loss
from oddflow.schema import FLOW_SCHEMA

from . import build
from .build import IPFIX, PLAIN, plain
from .test_collector import message
from .test_receiver import sender_to

TEMPLATE = build.templates(IPFIX, build.template(256, PLAIN))
BACK = {"src": "10.0.0.2", "dst": "10.0.0.1", "ports": (80, 4000)}


def listened(datagrams, **how):
    """The flows of datagrams that are sent at once, as rows; and the ledger."""
    ledger = Ledger()
    with Receiver("127.0.0.1:0") as receiver, sender_to(receiver) as opened:
        for datagram in datagrams:
            opened.send(datagram)
        settings = ListeningSettings(**({"duration_s": 0.5} | how))
        listening = Listening(receiver, ledger, stop=threading.Event(), settings=settings)
        batches = list(listening.batches())
    assert all(batch.schema == FLOW_SCHEMA for batch in batches)
    return pa.Table.from_batches(batches, FLOW_SCHEMA).to_pylist(), ledger


def test_two_one_way_records_are_one_flow_and_both_are_used():
    records = plain(packets=3, size=300), plain(packets=2, size=999, at=0.1, **BACK)
    (flow,), ledger = listened([message(TEMPLATE, build.a_set(256, b"".join(records)))])
    assert (flow["src_ip"], flow["dst_port"], flow["forward_packets"], flow["reverse_bytes"]) == (
        "10.0.0.1",
        80,
        3,
        999,
    )
    assert (ledger.metered, ledger.lost_total, ledger.unit) == (2, 0, "records")


def test_a_half_alone_goes_out_when_it_has_waited():
    ledger, stop = Ledger(), threading.Event()
    with Receiver("127.0.0.1:0") as receiver, sender_to(receiver) as opened:
        opened.send(message(TEMPLATE, build.a_set(256, plain())))
        settings = ListeningSettings(wait_s=0.5)
        begun = time.monotonic()
        for batch in Listening(receiver, ledger, stop=stop, settings=settings).batches():
            if batch.num_rows:
                stop.set()
            assert time.monotonic() < begun + 10
    assert time.monotonic() - begun > 0.4
    assert batch.column("reverse_packets").to_pylist() == [0] or ledger.metered == 1


def test_records_are_counted_to_an_end():
    sets = build.a_set(256, plain())
    _, ledger = listened([message(TEMPLATE, sets, sequence=n) for n in range(20)], duration_s=10, most_records=5)
    assert 5 <= ledger.total <= 20


def test_a_flood_of_garbage_neither_fills_memory_nor_stops_it():
    good = message(TEMPLATE, build.a_set(256, plain()))
    spoofed = [message(TEMPLATE, build.a_set(999, os.urandom(200)), domain=n, sequence=n) for n in range(3000)]
    garbage = [os.urandom(1 + n % 1400) for n in range(3000)]
    flows, ledger = listened([good, *spoofed, *garbage], duration_s=2)
    assert len(flows) >= 1
    lost = ledger.reasons
    assert ledger.total == ledger.metered + ledger.lost_total
    assert lost[f"{Loss.MESSAGE}: neither NetFlow nor IPFIX"] > 2_900
    assert lost[f"{Loss.MESSAGE}: of more than 1,024 exporters"] > 1_900
    assert len(ledger.reasons) < 100


@pytest.mark.parametrize("order", [1, -1])
def test_datagrams_in_another_order_give_the_same_flows(order):
    messages = [message(TEMPLATE, sequence=0)]
    for number in range(20):
        record = plain(ports=(4000 + number, 80), at=number / 10)
        messages.append(message(build.a_set(256, record), sequence=number))
    first, *rest = messages
    flows, ledger = listened([first, *rest[::order]])
    assert sorted(flow["src_port"] for flow in flows) == list(range(4000, 4020))
    assert ledger.metered == 20
