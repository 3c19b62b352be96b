"""Alerts for tests."""

from dataclasses import replace

from oddflow.verdicts.alert import Alert, Reason

ALERT = Alert(
    id="0123456789ab",
    start_ns=1_700_000_000_123_456_789,
    end_ns=1_700_000_001_000_000_001,
    src_ip="10.0.0.1",
    src_port=40000,
    dst_ip="10.0.0.2",
    dst_port=22,
    protocol=6,
    community_id="1:x",
    score=4.5,
    rarity="rarer than all 10 normal flows",
    reasons=(Reason("pair_ports_10s", 398.0, 1.0, 3.0, 0.9, "398 different ports"),),
    packets=3,
    size_bytes=180,
    lengths=(60, -60, 52),
    gaps_us=(0, 100, 50),
    payload=b"\x00\xff<script>",
    source="a.pcap",
    first_packet=7,
    wireshark_filter="ip.addr == 10.0.0.1",
)


def alert(**changes):
    return replace(ALERT, **changes)
