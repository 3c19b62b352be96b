"""Whole captures to flows: nothing is lost on the way, and scapy sees the same in them."""

import io
from collections import Counter, defaultdict

import pytest
from tests.capture.build import ipv4, pcap, udp
from tests.flows.twin import rows_of

from oddflow.capture.stream import plain_bytes
from oddflow.flows.metering import meter_capture
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger

WHOLE = MeterSettings(3000, 3000, 3000, datagram_timeout_s=3000)


def flows(path, settings=None, block_bytes=4 << 20):
    ledger = Ledger()
    with plain_bytes(str(path), ledger) as (first, stream):
        batches = meter_capture(stream, first, "it", ledger, settings=settings, block_bytes=block_bytes)
        return rows_of(batches), ledger


def real(shared):
    return sorted(p for p in (shared / "captures").rglob("*.pcap*") if p.stat().st_size < 60_000)[3::9]


def test_packets_of_real_captures_are_metered_or_lost(shared):
    for path in real(shared):
        rows, ledger = flows(path)
        assert sum(row["forward_packets"] + row["reverse_packets"] for row in rows) == ledger.metered, path
        assert ledger.total == ledger.metered + ledger.lost_total


@pytest.mark.parametrize("block_bytes", [300, 5000])
def test_blocks_of_any_size_give_the_same_flows(shared, block_bytes):
    for path in real(shared)[::3]:
        assert flows(path, block_bytes=block_bytes)[0] == flows(path)[0], path


def test_evicted_flows_stand_in_the_ledger():
    ledger = Ledger()
    data = pcap([(0, i, ipv4(udp(b"", i, 53))) for i in range(50)], link_type=101)
    batches = meter_capture(io.BytesIO(data), data, "it", ledger, settings=MeterSettings(max_flows=16))
    assert len(rows_of(batches)) == 50
    assert ledger.evicted_flows == 34


def test_flows_come_in_the_order_of_their_end_while_times_ascend():
    data = pcap([(100 * i, 0, ipv4(udp(b"", i, 53))) for i in range(50)], link_type=101)
    rows = rows_of(meter_capture(io.BytesIO(data), data, "it", Ledger()))
    assert [row["end"] for row in rows] == sorted(row["end"] for row in rows)


def scapy_flows(path):
    """Statistics of both directions of each conversation, as scapy parses its packets."""
    scapy = pytest.importorskip("scapy.all")
    found = defaultdict(Counter)
    with scapy.PcapReader(str(path)) as packets:
        for packet in packets:
            ip = packet.getlayer("IP")
            transport = packet.getlayer("TCP") or packet.getlayer("UDP")
            if ip is None or transport is None or ip.frag:
                continue
            src, dst = (ip.src, transport.sport), (ip.dst, transport.dport)
            counts = found[ip.proto, src, dst]
            header = 4 * transport.dataofs if ip.proto == 6 else 8
            payload = ip.len - 4 * ip.ihl - header
            counts += Counter(packets=1, bytes=ip.len, payload=payload, squares=ip.len**2, payloads=payload > 0)
            counts["longest"] = max(counts["longest"], ip.len)
            if ip.proto == 6:
                counts += Counter({f"flag {flag}": 1 for flag in str(transport.flags)})
                counts["window"] = max(counts["window"], transport.window)
            found[ip.proto, src, dst] = counts
    return found


def of_direction(row, way):
    names = {
        "packets": "packets", "bytes": "bytes", "payload": "payload_bytes", "squares": "length_squares",
        "payloads": "payload_packets", "longest": "length_max", "window": "window_max", "flag F": "fin",
        "flag S": "syn", "flag R": "rst", "flag P": "psh", "flag A": "ack", "flag U": "urg",
    }  # fmt: skip
    counts = {name: row[f"{way}_{column}"] for name, column in names.items()}
    return Counter({name: count for name, count in counts.items() if count})


def test_statistics_of_a_real_capture_are_those_of_scapy(shared):
    path = shared / "cic-ddos2019" / "benign-syn.pcap"
    theirs = scapy_flows(path)
    rows = [row for row in flows(path, WHOLE)[0] if row["protocol"] in (6, 17) and row["ip_version"] == 4]
    ends = [(row["protocol"], (row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])) for row in rows]
    once = Counter(frozenset(end[1:]) | {end[0]} for end in ends)
    compared = 0
    for (protocol, src, dst), row in zip(ends, rows, strict=True):
        if once[frozenset([src, dst]) | {protocol}] > 1:
            continue  # scapy's conversation is several flows here
        for way, key in (("forward", (protocol, src, dst)), ("reverse", (protocol, dst, src))):
            expected = Counter({name: count for name, count in theirs[key].items() if count and name != "flag E"})
            assert of_direction(row, way) == Counter({n: c for n, c in expected.items() if n != "flag C"})
        compared += 1
    assert compared >= 200
