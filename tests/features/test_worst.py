"""A flow takes its worst packet's features, and says which packet that was."""

import io

import numpy as np
import pyarrow as pa
import pytest
from tests.capture.build import ether, ipv4, pcap, udp
from tests.features.build import flows as flow_batch

from oddflow.errors import NothingMetered, SchemaMismatch, UsageError
from oddflow.features.homes import HomeNetworks
from oddflow.features.incremental import FEATURES
from oddflow.features.packet_columns import PACKET, PACKET_CAPTURE, PACKET_IS_REVERSE
from oddflow.features.packet_sample import gather_packets
from oddflow.features.worst import WorstPacketRows
from oddflow.flows.metering import meter_capture
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import arrange, read_flows
from oddflow.losses import Ledger

WEIGHT = next(place for place, feature in enumerate(FEATURES) if feature.name == "host_weight_100s")


def office(count=60):
    """Three clients ask one server, which answers every other time; (port, is an answer, bytes) of each packet."""
    chance = np.random.default_rng(1)
    asked = [(1000 + number % 3, bool(number % 2), int(chance.integers(1, 900))) for number in range(count)]
    records = []
    for number, (port, is_answer, size) in enumerate(asked):
        ends = {"src": "10.0.0.9", "dst": "10.0.0.1"} if is_answer else {"src": "10.0.0.1", "dst": "10.0.0.9"}
        ports = {"src": 53, "dst": port} if is_answer else {"src": port, "dst": 53}
        records.append((1, 1000 * number, ether(ipv4(udp(bytes(size), **ports), 17, **ends))))
    return asked, pcap(records)


def by_size(x):
    """A score: the mean packet of the sender of late, as AfterImage has it."""
    return x[:, WEIGHT + 1].copy()


def test_a_flow_has_the_features_of_its_worst_packet():
    asked, data = office()
    rows_of = WorstPacketRows(by_size, 1_000)
    (batch,) = meter_capture(io.BytesIO(data), data, "it", Ledger(), companion=rows_of.companion)
    everything = WorstPacketRows(by_size, 1_000)
    sample = _features_of_all(data, everything)
    assert batch.num_rows == 3
    for flow, row in zip(batch.to_pylist(), rows_of.rows(batch), strict=True):
        client = max(flow["src_port"], flow["dst_port"])  # an answer may come first
        own = [number for number, (port, _, _) in enumerate(asked) if port == client]
        worst = max(own, key=lambda number: sample[number, WEIGHT + 1])
        assert flow[PACKET] == worst + 1
        np.testing.assert_array_equal(row, sample[worst])
        assert flow[PACKET_IS_REVERSE] == (asked[worst][1] == (flow["src_port"] == client))
        assert flow[PACKET_CAPTURE] is None


def _features_of_all(data, representation):
    seen = []
    statistics = representation.companion.statistics
    add = statistics.add
    statistics.add = lambda batch, packets: seen.append(add(batch, packets)) or seen[-1]
    list(meter_capture(io.BytesIO(data), data, "it", Ledger(), companion=representation.companion))
    return np.concatenate(seen)


def test_several_captures_name_the_one_that_holds_the_packet(tmp_path):
    _, data = office()
    (tmp_path / "a.pcap").write_bytes(data)
    (tmp_path / "b.pcap").write_bytes(pcap([(2, 0, ether(ipv4(udp(bytes(1400), 1000, 53), 17, dst="10.0.0.9")))]))
    ledger = Ledger()
    (source,) = arrange([str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap")], ledger, merge=True)
    rows_of = WorstPacketRows(lambda x: x[:, WEIGHT].copy(), 1_000)  # a later packet is always worse
    flows = pa.Table.from_batches(read_flows(source, ledger, companion=rows_of.companion)).to_pylist()
    (last,) = (flow for flow in flows if 1000 in (flow["src_port"], flow["dst_port"]))
    assert last[PACKET_CAPTURE].endswith("b.pcap")
    assert last[PACKET] == 1


def test_flows_without_packets_are_refused_with_a_cure():
    with pytest.raises(SchemaMismatch, match=r"scores packets.*give it the capture itself"):
        WorstPacketRows(by_size, 16).rows(flow_batch([{}]))


def test_forgotten_streams_are_told():
    rows_of = WorstPacketRows(by_size, 16)
    assert len(rows_of.remarks()) == 1
    rows_of.companion.statistics._state.counters[1] = 7
    rows_of.begin()
    assert rows_of.remarks()[1].startswith("7 streams were forgotten early")
    assert rows_of.companion.statistics.forgotten == 0


def gathered(paths, **kept):
    ledger = Ledger()
    return gather_packets(
        arrange([str(p) for p in paths], ledger), HomeNetworks(), settings=MeterSettings(), ledger=ledger, **kept
    )


def test_a_baseline_is_gathered_packet_by_packet(tmp_path):
    asked, data = office()
    for name in ("a.pcap", "b.pcap"):
        (tmp_path / name).write_bytes(data)
    found = gathered([tmp_path / "a.pcap", tmp_path / "b.pcap"])
    assert found.x.shape == (120, 100)
    assert found.flows == 6
    ports = np.array([port for port, _, _ in asked])
    for start in (0, 60):
        owners = found.owners[start : start + 60]
        assert all(len(np.unique(owners[ports == port])) == 1 for port in np.unique(ports))
    assert set(found.owners[:60]).isdisjoint(found.owners[60:])
    np.testing.assert_array_equal(found.x[:60], found.x[60:])  # streams are not carried from file to file
    assert found.times_ns[0] == 10**9
    assert found.ledger.metered == 120


def test_of_a_long_baseline_the_first_packets_are_kept(tmp_path):
    (tmp_path / "a.pcap").write_bytes(office()[1])
    found = gathered([tmp_path / "a.pcap"], max_packets=25)
    assert len(found.x) == len(found.times_ns) == len(found.owners) == 25
    assert found.ledger.metered == 60
    assert found.seen[0].flows == 3


def test_sources_that_hold_no_packets_are_refused(tmp_path):
    (tmp_path / "empty.pcap").write_bytes(pcap([]))
    with pytest.raises(NothingMetered):
        gathered([tmp_path / "empty.pcap"])
    table = tmp_path / "flows.csv"
    table.write_text("start,end,src_ip,dst_ip,src_port,dst_port,protocol\n")
    with pytest.raises((UsageError, NothingMetered)):
        gathered([table])
