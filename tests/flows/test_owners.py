"""Each packet is told the flow that the meter put it in."""

import io
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.capture.build import ether, ipv4, pcap, tcp, udp

from oddflow.flows import meter as meter_module
from oddflow.flows.metering import meter_capture
from oddflow.flows.owners import FlowOwners
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger


class Notes:
    """A companion that notes which packets each flow had, and from which end."""

    def __init__(self, max_flows):
        self.owners = FlowOwners(max_flows)
        self.open = defaultdict(list)
        self.told = []

    def add(self, batch, packets, finished, ended):
        rows, from_greater = self.owners.add(batch, packets, finished, ended)
        for number, row, greater in zip(packets, rows.tolist(), from_greater.tolist(), strict=True):
            if row >= 0:
                self.open[row].append((batch.first_number + number, greater))

    def attach(self, flows, finished, captures):
        swapped = finished.flows["swapped"][: flows.num_rows].tolist()
        rows = self.owners.hand_out(flows.num_rows).tolist()
        for row, flow, greater in zip(rows, flows.to_pylist(), swapped, strict=True):
            self.told.append((flow, self.open.pop(row) if row >= 0 else None, greater))
        return flows


def metered(data, *, block_bytes=4 << 20, **kept):
    cut = MeterSettings(**kept)
    notes = Notes(cut.max_flows)
    batches = meter_capture(
        io.BytesIO(data), data, "it", Ledger(), settings=cut, block_bytes=block_bytes, companion=notes
    )
    count = sum(batch.num_rows for batch in batches)
    assert count == len(notes.told)
    assert not notes.open
    return notes.told


def assert_owned(told):
    seen = []
    for flow, packets, swapped in told:
        numbers = [number for number, _ in packets]
        assert len(numbers) == flow["forward_packets"] + flow["reverse_packets"]
        assert min(numbers) == flow["first_packet"]
        assert sum(greater == swapped for _, greater in packets) == flow["forward_packets"]
        seen += numbers
    assert len(seen) == len(set(seen))


SYN, ACK, FIN, RESET = 2, 16, 17, 4
packet = st.tuples(
    st.sampled_from([0, 1, 100, 3_000, 12_000]), st.integers(0, 3), st.integers(0, 1), st.booleans(),
    st.sampled_from([SYN, SYN | ACK, ACK, FIN, RESET]),
)  # fmt: skip


@given(st.lists(packet, max_size=300), st.sampled_from([300, 4 << 20]))
@settings(max_examples=60, deadline=None)
def test_packets_are_told_their_flows(sent, block_bytes):
    now_ms, records = 0, []
    for passed, host, port, is_answer, flags in sent:
        now_ms += passed
        ends = {"src": f"10.0.0.{host}", "dst": "10.0.9.9"}
        ports = {"src": 1000 + port, "dst": 80}
        if is_answer:
            ends = {"src": ends["dst"], "dst": ends["src"]}
            ports = {"src": ports["dst"], "dst": ports["src"]}
        data = ipv4(tcp(flags=flags, **ports), 6, **ends) if port else ipv4(udp(**ports), 17, **ends)
        records.append((now_ms // 1000, now_ms % 1000 * 1000, ether(data)))
    told = metered(pcap(records), block_bytes=block_bytes, idle_timeout_s=20, active_timeout_s=60, closed_timeout_s=2)
    assert_owned(told)
    assert sum(len(packets) for _, packets, _ in told) == len(sent)


def test_flows_that_were_pushed_out_keep_their_packets():
    chance = np.random.default_rng(0)
    ports = chance.integers(1, 200, 5_000).tolist()
    data = pcap([(i // 1000, i % 1000, ether(ipv4(udp(src=port, dst=53), 17))) for i, port in enumerate(ports)])
    told = metered(data, max_flows=16)
    assert_owned(told)
    assert len(told) > 1_000


def test_rows_are_used_again_when_many_flows_end_within_one_batch(monkeypatch):
    count = 2 * meter_module.BATCH_FLOWS + 100
    data = pcap(
        [(i // 10**6, i % 10**6, ether(ipv4(udp(src=i % 60_000, dst=1 + i // 60_000), 17))) for i in range(count)]
    )
    assert_owned(metered(data, max_flows=16))


def test_early_records_take_no_packets():
    records = [(0, i, ether(ipv4(udp(src=1, dst=53), 17))) for i in range(10)]
    told = metered(pcap(records), early_packets=4)
    assert [flow["is_early"] for flow, _, _ in told] == [True, False]
    assert told[0][1] is None
    assert len(told[1][1]) == 10
