"""Shards that are metered apart, their open flows carried from meter to meter, give what one meter gives."""

import random
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
from tests.capture.build import ether, icmp, ipv4, pcap, tcp, udp

from oddflow.capture.reader import packets
from oddflow.errors import InputError
from oddflow.flows.handing_out import handed_out
from oddflow.flows.meter import Incomplete, Meter
from oddflow.flows.naming.behaviour import HostBehaviour
from oddflow.flows.parting import part
from oddflow.flows.picking import picked
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.flows.shard import ShardMeter
from oddflow.flows.table import flow_batch
from oddflow.losses import Ledger

SMALL = MeterSettings(max_flows=2_048, first_bytes_mib=2)


def traffic(seed, *, count=2000, late_ms=0, size=40):
    """Conversations that end in all ways, some with much payload, some late, with ICMP errors and ARP between them."""
    draw = random.Random(seed)
    records, at_ms = [], 1_000
    streams = {}
    for _ in range(count):
        at_ms += draw.randrange(60) if draw.random() < 0.99 else draw.randrange(20_000)
        when = max(0, at_ms - (draw.randrange(late_ms) if late_ms and draw.random() < 0.1 else 0))
        here, there, port = draw.randrange(1, 7), draw.randrange(9, 13), draw.randrange(1000, 1008)
        ends = {"src": f"10.0.0.{here}", "dst": f"10.0.0.{there}"}
        if draw.random() < 0.5:
            ends = {"src": ends["dst"], "dst": ends["src"]}
        payload = draw.randbytes(draw.randrange(size))
        if draw.random() < 0.6:
            flags = draw.choice([0x02, 0x12, 0x10, 0x18, 0x18, 0x18, 0x18, 0x11, 0x04])
            key = (ends["src"], ends["dst"], port)
            sequence = streams.get(key, 0)
            streams[key] = sequence + len(payload)
            packet = ipv4(tcp(payload, port, 80, flags=flags, sequence=sequence), 6, **ends)
        else:
            packet = ipv4(udp(payload, port, 53), 17, **ends)
        if draw.random() < 0.05:
            packet = ipv4(icmp(3, 1, packet), 1, src=ends["dst"], dst=ends["src"])
        frame = ether(packet) if draw.random() < 0.97 else ether(b"", 0x0806)
        records.append((when // 1000, when % 1000 * 1000, frame))
    return pcap(records)


def at_once(path, settings):
    meter = Meter(settings)
    ledger = Ledger()
    flows = [flows for batch in packets(path, ledger, block_bytes=4096) for flows in meter.add(batch)]
    flows += meter.close()
    meter.tell(ledger)
    return pa.Table.from_batches(flows), ledger


def apart(path, settings, shards, *, batches=2, units=2, stored=None):
    """The flows in their order, and the ledger; each unit of so many batches, each wave of so many units."""
    ledger = Ledger()
    source = packets(path, ledger, block_bytes=4096)
    states, behaviour, done = [None] * shards, HostBehaviour(), []
    place, latest_ns, more = 0, np.iinfo(np.int64).min // 2, True
    while more:
        wave = []
        for _ in range(units):
            head = list(islice(source, 1))
            more = bool(head)
            if not more:
                break
            parted = part(chain(head, islice(source, batches - 1)), shards, settings)
            wave.append(parted)
        ended, clocks = [], []
        for shard in range(shards):
            meter = ShardMeter(settings, (shard, shards), whole_hosts=False, state=states[shard])
            here, latest, flows = place, latest_ns, []
            for parted in wave:
                flows += meter.add(parted.parts[shard].batch(here, latest))
                here, latest = here + parted.packets, max(latest, parted.clock.latest_ns)
                flows += meter.advance(latest)
            flows += meter.finished()
            states[shard] = meter.state() if stored is None else stored(meter.state())
            if not more:
                flows += meter.close()
                meter.tell(ledger)
            ended += flows
        for parted in wave:
            clocks.append(parted.clock.after(place))
            place, latest_ns = place + parted.packets, max(latest_ns, parted.clock.latest_ns)
        if ended:
            told = pa.Table.from_batches([one.told for one in ended])
            rows, unread = handed_out(told, clocks), Counter()
            (known,) = told.take(rows).combine_chunks().to_batches()
            flows = picked([one.finished for one in ended], rows)
            names = behaviour.names(known)
            done.append(flow_batch(flows, len(rows), settings.payload, behaviour=names, unparsed=unread))
            ledger.unread.update(unread)
    return pa.Table.from_batches(done).combine_chunks(), ledger


def chain(head, rest):
    yield from head
    yield from rest


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize(("batches", "units"), [(1, 1), (2, 3), (1000, 1)])
def test_flows_and_their_order_are_those_of_one_meter(tmp_path, shards, batches, units):
    path = tmp_path / "a.pcap"
    path.write_bytes(traffic(3))
    expected, whole = at_once(str(path), SMALL)
    found, ledger = apart(str(path), SMALL, shards, batches=batches, units=units)
    assert found.num_rows > 100
    assert found.equals(expected.combine_chunks()), differing(found, expected)
    assert ledger.as_dict() == whole.as_dict()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "settings",
    [
        replace(SMALL, idle_timeout_s=3, active_timeout_s=20, closed_timeout_s=1, datagram_timeout_s=2),
        replace(SMALL, early_packets=3, payload=Payload.FLOW),
        replace(SMALL, idle_timeout_s=30, payload=Payload.SESSION_FRAMES),
        replace(SMALL, payload=Payload.NONE),
    ],
)
def test_whatever_the_settings_and_though_packets_come_late(tmp_path, seed, settings):
    path = tmp_path / "a.pcap"
    path.write_bytes(traffic(seed, count=1000, late_ms=700))
    expected, _ = at_once(str(path), settings)
    found, _ = apart(str(path), settings, 2)
    assert in_any_order(found).equals(in_any_order(expected))


def in_any_order(table):
    names = ("start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "first_packet", "is_early")
    return table.drop_columns(["app_by_behaviour"]).sort_by([(name, "ascending") for name in names]).combine_chunks()


def test_payload_that_was_left_out_and_is_needed_is_missed(tmp_path):
    path = tmp_path / "a.pcap"
    frame = [ether(ipv4(udp(bytes(900), 1000, 2000), 17)) for _ in range(40)]
    # the same flow goes on past the active time-out: its second half wants first bytes, too
    path.write_bytes(pcap([(number // 2, number % 2 * 500_000, one) for number, one in enumerate(frame)]))
    settings = replace(SMALL, active_timeout_s=15)

    def flows(**how):
        parted = part(packets(str(path), Ledger()), 1, settings, **how)
        meter = Meter(settings)
        found = [*meter.add(parted.parts[0].batch(0, 0)), *meter.close()]
        return pa.Table.from_batches(found), len(parted.parts[0].data)

    with pytest.raises(Incomplete):
        flows()
    found, size = flows(whole=True)
    assert found.equals(at_once(str(path), settings)[0])
    assert size > 40 * 900


def test_a_part_holds_no_more_of_a_long_flow_than_is_surely_enough(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(1, number, ether(ipv4(udp(bytes(1400), 1000, 2000), 17))) for number in range(1000)]))
    parted = part(packets(str(path), Ledger()), 2)
    assert sum(len(one.data) for one in parted.parts) < 80_000
    assert apart(str(path), SMALL, 2)[0].equals(at_once(str(path), SMALL)[0].combine_chunks())


def test_state_goes_through_a_file(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(traffic(5, size=900))

    def stored(state):
        np.savez(tmp_path / "state.npz", **state)
        with np.load(tmp_path / "state.npz", allow_pickle=False) as kept:
            return dict(kept)

    found, _ = apart(str(path), SMALL, 2, stored=stored)
    assert found.equals(at_once(str(path), SMALL)[0].combine_chunks())


@pytest.mark.parametrize("harm", ["missing", "shape", "chunk", "lists", "unparsed"])
def test_a_state_that_is_damaged_is_refused(tmp_path, harm):
    path = tmp_path / "a.pcap"
    path.write_bytes(traffic(5, count=200))
    meter = Meter(whole_hosts=False)
    for batch in packets(str(path), Ledger()):
        list(meter.add(batch))
    list(meter.finished())
    state = meter.state()
    assert len(state["flows"])
    Meter(whole_hosts=False, state=state)
    if harm == "missing":
        del state["ways"]
    elif harm == "shape":
        state["payload"] = state["payload"][:-1]
    elif harm == "chunk":
        state["chunk_next"] = state["chunk_next"] + np.int32(len(state["chunks"]) + 5)
        state["ways"]["chunk"][0, 0] = len(state["chunks"])
    elif harm == "lists":
        state["lists"] = state["lists"][::-1] + 1
    else:
        state["unparsed"] = np.frombuffer(b"[1]", np.uint8)
    with pytest.raises(InputError, match="damaged"):
        Meter(whole_hosts=False, state=state)


def test_a_clock_that_is_set_back_is_told(tmp_path):
    path = tmp_path / "a.pcap"
    frame = ether(ipv4(udp(b"x", 1000, 2000), 17))
    path.write_bytes(pcap([(1000, 0, frame), (999, 0, frame), (100, 0, frame)]))
    assert part(packets(str(path), Ledger()), 2).clock.is_set_back
    path.write_bytes(pcap([(1000, 0, frame), (999, 0, frame), (1001, 0, frame)]))
    clock = part(packets(str(path), Ledger()), 2).clock
    assert not clock.is_set_back
    assert (clock.earliest_ns, clock.latest_ns) == (999 * 10**9, 1001 * 10**9)
    assert clock.places.tolist() == [0, 2]


def differing(found, expected):
    expected = expected.combine_chunks()
    if found.num_rows != expected.num_rows:
        return f"{found.num_rows} flows for {expected.num_rows}"
    return [name for name in found.column_names if not found[name].equals(expected[name])]
