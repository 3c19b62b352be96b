"""Logs with bytes broken anywhere: counted or refused, never a traceback, and what is given is what is counted."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers, lists, sampled_from, tuples

from oddflow.errors import OddflowError
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger, Loss
from oddflow.schema import FLOW_SCHEMA

ENDS = {"src_ip": "10.0.0.1", "src_port": 4000, "dest_ip": "10.0.0.2", "dest_port": 53, "proto": "UDP", "vlan": [5]}
COUNTERS = {"pkts_toserver": 5, "pkts_toclient": 4, "bytes_toserver": 570, "bytes_toclient": 1056, "state": "closed"}
TIMES = {"start": "2024-05-01T12:00:01.000000+0200", "end": "2024-05-01T12:00:05.000000+0200"}
EVE = [
    {
        "event_type": "alert",
        "alert": {"signature": "bad \\ thing", "severity": 1, "category": "Test"},
        "flow": TIMES | COUNTERS,
    },
    {
        "event_type": "dns",
        "dns": {"type": "answer", "rcode": "NOERROR", "queries": [{"rrname": "q.example", "rrtype": "A"}]},
    },
    {"event_type": "tls", "tls": {"sni": "s.example", "client_alpns": ["h2"], "ja3": {"hash": "x"}}},
    {"event_type": "flow", "flow": TIMES | COUNTERS},
    {"event_type": "netflow", "netflow": {"pkts": 3, "bytes": 300, "min_ttl": 3} | TIMES, "tcp": {"tcp_flags": "1b"}},
]
EVE_LINES = b"".join(
    json.dumps({"timestamp": TIMES["end"], "flow_id": place % 4} | ENDS | one, separators=(",", ":")).encode() + b"\n"
    for place, one in enumerate(EVE * 2)
)
BINETFLOW = b"""StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label
2011/08/10 09:46:53.047277,3.124,tcp,147.32.84.165,1027,   ->,74.125.232.195,80,SRPA_SPA,0,0,12,1066,588,flow=x
2011/08/10 09:46:53.047277,0.0,icmp,147.32.84.165,0x0303,  <-,74.125.232.195,0x4fa8,URP,0,,1,70,70,flow=y
2011/08/10 09:46:53.047277,0.0,arp,147.32.84.165,,  who,74.125.232.195,,INT,,,1,70,70,flow=z
"""
TABLE = b"""start;end;src_ip;src_port;dst_ip;dst_port;protocol;is_early;forward_bytes;forward_payload_entropy;label
2024-05-01 10:00:00;2024-05-01T12:00:01.5+02:00;10.0.0.1;1000;10.0.0.2;53;17;false;70;1.5;"x"
2024-05-01 10:00:00;2024-05-01 10:00:01;2001:db8::1;1000;::1;53;17;true;18446744073709551615;;
"""
damages = lists(
    tuples(
        integers(0, 10**6),
        integers(0, 3),
        binary(max_size=6) | sampled_from([b"\n", b",", b'"', b"\0", b"{", b"\xff\xfe"]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("log", [EVE_LINES, BINETFLOW, TABLE], ids=["eve.json", "binetflow", "CSV"])
@settings(max_examples=60)
@given(damages=damages)
def test_a_damaged_log_is_counted_or_refused(tmp_path_factory, log, damages):
    for place, length, rubbish in damages:
        at = place % len(log)
        log = log[:at] + rubbish + log[at + length :]
    path, ledger, rows = tmp_path_factory.getbasetemp() / "damaged", Ledger(), 0
    path.write_bytes(log)
    with suppress(OddflowError):
        for batch in read_flows(str(path), ledger):
            assert batch.schema == FLOW_SCHEMA
            batch.validate(full=True)
            rows += batch.num_rows
    assert rows == ledger.metered
    assert set(ledger.first_at) == set(ledger.reasons)
    assert all(reason.startswith((Loss.RECORD, Loss.NOT_IP)) for reason in ledger.reasons)


@pytest.mark.parametrize(
    ("log", "flows"), [(EVE_LINES, 3), (BINETFLOW, 2), (TABLE, 2)], ids=["eve.json", "binetflow", "CSV"]
)
def test_whole_they_are_read(tmp_path, log, flows):
    path = tmp_path / "x"
    path.write_bytes(log)
    ledger = Ledger()
    assert sum(batch.num_rows for batch in read_flows(str(path), ledger)) == flows == ledger.metered


@pytest.mark.parametrize("log", [EVE_LINES, BINETFLOW, TABLE], ids=["eve.json", "binetflow", "CSV"])
def test_a_line_of_two_million_bytes_is_lost_alone(tmp_path, log):
    path = tmp_path / "x"
    first, _, rest = log.partition(b"\n")
    path.write_bytes(first + b"\n" + b"9" * 2_000_000 + b"\n" + rest)
    ledger, whole = Ledger(), Ledger()
    rows = sum(batch.num_rows for batch in read_flows(str(path), ledger))
    path.write_bytes(log)
    assert rows == sum(batch.num_rows for batch in read_flows(str(path), whole))
    assert ledger.lost_total == whole.lost_total + 1
    assert any(at.endswith("line 2") for at in ledger.first_at.values())
