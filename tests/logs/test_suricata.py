"""Suricata's eve.json: what each kind of record gives, whatever their order, and what is wrong in them."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, sampled_from, tuples

from oddflow.capture.stream import ByRead
from oddflow.flows.naming.signatures import shipped_signatures
from oddflow.logs.facts import Facts
from oddflow.logs.formats import Opened, format_of
from oddflow.logs.source import read_flows
from oddflow.logs.suricata import is_eve, read_eve
from oddflow.logs.suricata_fields import APPLICATIONS, EVE_SCHEMA
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA, FlowEnd


def time(second):
    return f"2024-05-01T12:00:{second:09.6f}+0200"


def ns(second):
    return int(datetime(2024, 5, 1, 10, 0, 0, tzinfo=UTC).timestamp()) * 10**9 + int(second * 1000) * 10**6


def record(kind, flow_id=1, **more):
    ends = {"src_ip": "10.0.0.1", "src_port": 4000, "dest_ip": "10.0.0.2", "dest_port": 80, "proto": "TCP"}
    return {"timestamp": time(9), "flow_id": flow_id, "event_type": kind} | ends | more


def counters(start=1, **more):
    return {
        "pkts_toserver": 5,
        "pkts_toclient": 4,
        "bytes_toserver": 570,
        "bytes_toclient": 1056,
        "start": time(start),
    } | more


def flow(flow_id=1, *, flow=None, **more):
    ended = counters(end=time(8), state="closed", reason="timeout")
    return record("flow", flow_id, flow=ended | (flow or {}), **more)


def alert(signature="bad", severity=2, flow_id=1, **more):
    return record("alert", flow_id, alert={"signature": signature, "category": "Test", "severity": severity}, **more)


class Trickle(ByRead):
    """Gives at most so many bytes at a time."""

    def __init__(self, data, size):
        self._data, self._size = data, size

    def read(self, size):
        piece = self._data[: min(size, self._size)]
        self._data = self._data[len(piece) :]
        return piece


def read(records, size=1 << 20):
    """Flows as dicts, and the ledger."""
    data = b"".join(
        one if isinstance(one, bytes) else json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in records
    )
    ledger = Ledger("records")
    batches = list(read_eve(Trickle(data, size), Opened("eve.json", "eve.json", data[:4096], ledger)))
    assert all(batch.schema == FLOW_SCHEMA for batch in batches)
    rows = [row for batch in batches for row in batch.to_pylist()]
    times = [batch.column(name).cast(pa.int64()).to_pylist() for name in ("start", "end") for batch in batches]
    flat = [value for column in times for value in column]
    for place, row in enumerate(rows):
        row["start"], row["end"] = flat[place], flat[len(rows) + place]
    return rows, ledger


def only(*records):
    rows, ledger = read(records)
    assert (len(rows), ledger.metered, ledger.lost_total) == (1, 1, 0)
    return rows[0]


def test_a_flow_record_is_a_flow():
    row = only(flow(app_proto="krb5", vlan=[7, 8], host="sensor", community_id="1:theirs"))
    known = {name: value for name, value in row.items() if value is not None}
    assert known == {
        "start": ns(1), "end": ns(8), "src_ip": "10.0.0.1", "src_port": 4000, "dst_ip": "10.0.0.2", "dst_port": 80,
        "protocol": 6, "ip_version": 4, "vlan_id": 7, "community_id": "1:theirs", "is_early": False,
        "end_reason": FlowEnd.END_OF_FLOW, "record_id": "1", "exporter": "sensor", "app_by_port": "http",
        "app_by_signature": "kerberos", "forward_packets": 5, "forward_bytes": 570 - 5 * 22, "reverse_packets": 4,
        "reverse_bytes": 1056 - 4 * 22,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        ("established", "timeout", FlowEnd.IDLE), ("new", "shutdown", FlowEnd.FORCED),
        ("new", "forced", FlowEnd.FORCED), ("closed", "shutdown", FlowEnd.END_OF_FLOW),
        ("established", "tcp_reuse", FlowEnd.END_OF_FLOW), ("new", "?", None),
    ],
)  # fmt: skip
def test_why_a_flow_ended(state, reason, expected):
    assert only(flow(flow={"state": state, "reason": reason}))["end_reason"] == expected


def test_icmp_has_type_and_code_and_no_ports():
    ping = flow(proto="IPv6-ICMP", icmp_type=128, icmp_code=0, src_ip="FE80::1", dest_ip="fe80:0::2")
    del ping["src_port"], ping["dest_port"]
    row = only(ping)
    names = ("src_ip", "dst_ip", "protocol", "src_port", "dst_port", "icmp_type", "icmp_code")
    assert [row[name] for name in names] == ["fe80::1", "fe80::2", 58, 0, 0, 128, 0]
    assert row["community_id"].startswith("1:")


def test_the_most_severe_alert_is_the_label():
    row = only(alert("minor", 3), alert("major", 1), alert("late major", 1), flow())
    assert row["label"] == "major [Test, severity 1]"


def test_an_alert_that_comes_after_its_flow_in_the_same_block_counts():
    assert only(flow(), alert())["label"] == "bad [Test, severity 2]"


def test_an_alert_without_its_flow_is_a_flow_as_far_as_it_knows():
    rows, ledger = read(
        [alert("first", flow=counters()), alert("last", 3, flow=counters(pkts_toserver=9), timestamp=time(5))]
    )
    row = rows[0]
    assert (row["start"], row["end"], row["forward_packets"], row["label"]) == (
        ns(1),
        ns(5),
        9,
        "first [Test, severity 2]",
    )
    assert (len(rows), ledger.metered, ledger.lost_total) == (1, 1, 0)
    assert row["end_reason"] is None


def test_an_alert_on_an_answer_is_turned():
    ends = {"src_ip": "10.0.0.2", "src_port": 80, "dest_ip": "10.0.0.1", "dest_port": 4000, "direction": "to_client"}
    row = only(alert(flow=counters(), **ends))
    assert (row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]) == ("10.0.0.1", 4000, "10.0.0.2", 80)
    told = only(alert(flow=counters(src_ip="1.1.1.1", src_port=1, dest_ip="2.2.2.2", dest_port=2), **ends))
    assert (told["src_ip"], told["dst_port"]) == ("1.1.1.1", 2)


def test_an_alert_that_knows_no_flow_is_lost():
    rows, ledger = read([alert(), {**alert(), "flow_id": None}])
    assert rows == []
    assert ledger.as_dict()["losses"] == {
        "record that cannot be read: an alert whose flow did not come, and that does not describe it": 2
    }


def test_other_records_fill_the_columns_of_the_application():
    tls = {"sni": "s.example", "version": "TLSv1", "ja3": {"hash": "j3"}, "ja4": "j4", "client_alpns": ["h2", "x"]}
    http = {"hostname": "h.example", "http_method": "GET", "http_user_agent": "\u001b[1m", "status": 404}
    ssh = {"client": {"proto_version": "2.0", "software_version": "A_1"}, "server": {"proto_version": "2.0"}}
    row = only(
        record("dns", dns={"type": "query", "rrname": "a.example", "rrtype": "AAAA"}),
        record("dns", dns={"type": "answer", "rrname": "b.example", "rrtype": "A", "rcode": "NXDOMAIN"}),
        record("tls", tls=tls),
        record("http", http=http),
        record("ssh", ssh=ssh),
        flow(),
    )
    known = ("dns_query", "dns_type", "dns_rcode", "tls_sni", "tls_server_version", "tls_alpn", "ja3", "ja4",
             "http_host", "http_method", "http_user_agent", "http_status", "ssh_client", "ssh_server")  # fmt: skip
    assert [row[name] for name in known] == [
        "a.example", "AAAA", 3, "s.example", "TLS 1.0", "h2,x", "j3", "j4", "h.example", "GET", "\\x1b[1m", 404,
        "SSH-2.0-A_1", None,
    ]  # fmt: skip


def test_questions_of_suricata_8_and_quic():
    row = only(
        record(
            "dns",
            dns={"version": 3, "type": "request", "rcode": "NOERROR", "queries": [{"rrname": "q", "rrtype": "A"}]},
        ),
        record("quic", quic={"sni": "u.example", "ja3": {"hash": "x"}, "version": "1"}),
        flow(),
    )
    assert [row[name] for name in ("dns_query", "dns_type", "dns_rcode", "tls_sni", "ja3")] == [
        "q",
        "A",
        None,
        "u.example",
        "x",
    ]


def half(turn=False, flow_id=1, flags="1b", **more):
    ends = {"src_ip": "10.0.0.2", "src_port": 80, "dest_ip": "10.0.0.1", "dest_port": 4000} if turn else {}
    netflow = {"pkts": 2, "bytes": 228, "start": time(1), "end": time(3), "min_ttl": 60, "max_ttl": 64} | more
    return record("netflow", flow_id, netflow=netflow, tcp={"tcp_flags": flags}, host="h", **ends)


def test_two_netflow_records_are_one_flow_and_the_first_is_the_initiator():
    rows, _ = read([half(turn=True), half(pkts=3), half(flow_id=2)])
    told = [
        [
            row[name]
            for name in (
                "src_ip",
                "forward_packets",
                "forward_bytes",
                "reverse_packets",
                "forward_ttl_min",
                "reverse_ttl_max",
                "exporter",
            )
        ]
        for row in rows
    ]
    assert told == [["10.0.0.2", 2, 200, 3, 60, 64, "h"], ["10.0.0.1", 2, 200, 0, 60, None, "h"]]


def test_netflow_records_beside_flow_records_count_once():
    rows, ledger = read([half(), flow(), half(turn=True)])
    assert (len(rows), ledger.metered) == (1, 1)
    assert "2 netflow" in ledger.notes[0]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"src_ip": "10.0.0.256"}, "no time"), ({"dest_port": 65536}, "no time"),
        ({"src_port": -1}, "no time"),
        ({"proto": "nonsense"}, "no time"), ({"flow": {"start": "yesterday"}}, "no time"),
        ({"flow": {"start": time(9)}}, "ends before"), ({"event_type": None}, "no event_type"),
        ({"dest_ip": "::1"}, "no time"),
        ({"src_port": "80"}, "no time"),
    ],
)  # fmt: skip
def test_what_names_no_flow_is_lost_with_its_line(wrong, why):
    inner = wrong.pop("flow", None)
    rows, ledger = read([flow(1), flow(2, flow=inner) | wrong, flow(3)])
    assert [row["record_id"] for row in rows] == ["1", "3"]
    assert ledger.lost_total == 1
    assert why in next(iter(ledger.reasons))
    assert list(ledger.first_at.values()) == ["eve.json, line 2"]


def test_counters_of_another_kind_are_unknown():
    odd = {"pkts_toserver": -1, "bytes_toserver": 2**70, "pkts_toclient": "many", "bytes_toclient": 1.5}
    row = only(flow(flow=odd))
    assert [row[f"{way}_{unit}"] for way in ("forward", "reverse") for unit in ("packets", "bytes")] == [None] * 4
    assert (
        only(flow(flow={"bytes_toserver": 2**63 - 1, "pkts_toserver": 2**63 - 1}))["forward_bytes"]
        == 2**63 - 1 - 14 * 2**40
    )


def test_a_log_cut_in_its_last_line_keeps_the_rest():
    rows, ledger = read([flow(1), json.dumps(flow(2)).encode()[:-9]])
    assert (len(rows), ledger.lost_total) == (1, 1)
    assert list(ledger.first_at.values()) == ["eve.json, line 2"]


def test_zeek_lines_among_them_are_no_records_of_suricata():
    rows, ledger = read([flow(1), {"ts": 1.0, "uid": "C1", "id.orig_h": "10.0.0.1"}, b"#fields\tts\tuid\n", flow(2)])
    assert (len(rows), ledger.lost_total) == (2, 2)


def test_it_is_recognised_by_content_and_read_through_gzip(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(json.dumps(flow()).encode() + b"\n"))
    assert sum(batch.num_rows for batch in read_flows(str(path), Ledger())) == 1
    assert format_of(json.dumps({"timestamp": "x", "event_type": "stats"}).encode()[:60]).name == "Suricata eve.json"
    assert not is_eve(b'{"ts":1,"uid":"C","id.orig_h":"x"}')


class Growing:
    """Gives nothing between two lines, as a stream that grows."""

    def __init__(self, pieces):
        self._pieces = pieces

    def readinto(self, view):
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        if piece is None:
            return None
        view[: len(piece)] = piece
        return len(piece)


def test_a_log_that_grows_gives_flows_as_they_come():
    lines = [json.dumps(flow(number)).encode() + b"\n" for number in (1, 2)]
    batches = read_eve(
        Growing([lines[0], None, lines[1][:20], None, lines[1][20:]]), Opened("x", "x", lines[0], Ledger())
    )
    assert [batch.num_rows for batch in batches] == [1, 0, 0, 1]


kinds = tuples(sampled_from(["alert", "dns", "http", "stats"]), integers(1, 6), integers(1, 3), integers(0, 99))


@settings(max_examples=40)
@given(lists(kinds, max_size=30), lists(integers(1, 6), unique=True, max_size=6), integers(30, 3000))
def test_flows_are_told_the_first_of_each_and_the_most_severe_alert_whatever_the_blocks(events, flows, size):
    records, labels, queries, methods = [], {}, {}, {}
    for kind, flow_id, severity, number in events:
        if kind == "alert":
            records.append(alert(f"s{number}", severity, flow_id, flow=counters()))
            labels.setdefault(flow_id, []).append((severity, len(records), f"s{number} [Test, severity {severity}]"))
        elif kind == "dns":
            records.append(record("dns", flow_id, dns={"type": "query", "rrname": f"q{number}"}))
            queries.setdefault(flow_id, f"q{number}")
        else:
            records.append(
                record(kind, flow_id, http={"http_method": f"M{number}"}) if kind == "http" else record(kind, flow_id)
            )
            if kind == "http":
                methods.setdefault(flow_id, f"M{number}")
    rows, ledger = read([*records, *[flow(number) for number in flows]], size)
    expected = {
        (
            str(flow_id),
            min(labels[flow_id])[2] if flow_id in labels else None,
            queries.get(flow_id),
            methods.get(flow_id),
        )
        for flow_id in {*flows, *labels}
    }
    assert {(row["record_id"], row["label"], row["dns_query"], row["http_method"]) for row in rows} == expected
    assert (len(rows), ledger.lost_total) == (len(expected), 0)


@given(lists(tuples(integers(1, 9), integers(0, 99)), max_size=40), lists(integers(1, 9), max_size=5), integers(1, 12))
def test_no_fact_is_forgotten_without_being_given_back(said, asked, limit):
    facts, given_back, taken = Facts(limit), [], []
    for flow_id, number in said:
        gone = facts.add(pa.table({"flow_id": [flow_id], "number": [number]}))
        given_back += gone.to_pylist() if gone else []
    for flow_id in asked:
        found = facts.take(pa.array([flow_id]).to_numpy())
        taken += found.to_pylist() if found else []
    rest = facts.rest()
    rest = rest.to_pylist() if rest else []
    assert len(rest) + len(taken) <= limit
    assert not {row["flow_id"] for row in rest} & set(asked)
    told = Counter((row["flow_id"], row["number"]) for row in [*given_back, *taken, *rest])
    assert told == Counter(said)


def test_the_fields_are_those_of_suricatas_schema(shared):
    schema = json.loads((shared / "golden" / "schemas" / "eve.schema.json").read_text())

    def check(kind, described, path):
        if "$ref" in described:
            described = schema["$defs"][described["$ref"].rpartition("/")[2]]
        if pa.types.is_struct(kind):
            for field in kind:
                assert field.name in described["properties"], f"{path}.{field.name}"
                check(field.type, described["properties"][field.name], f"{path}.{field.name}")
        elif pa.types.is_list(kind):
            check(kind.value_type, described["items"], path)
        else:
            expected = {pa.string(): {"string"}, pa.int64(): {"integer", "number"}}[kind]
            assert described.get("type", "string") in expected, path

    check(pa.struct(list(EVE_SCHEMA)), schema, "")


def test_a_real_log_is_read_whole(shared):
    path = shared / "formats" / "eve.json.gz"
    records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    ledger = Ledger()
    flows = pa.Table.from_batches(read_flows(str(path), ledger))
    ids = {kind: {one["flow_id"] for one in records if one["event_type"] == kind} for kind in ("flow", "alert")}
    assert flows.num_rows == ledger.metered == 3512 + len(ids["alert"] - ids["flow"])
    assert ledger.lost_total == 0
    labelled = {int(row["record_id"]) for row in flows.select(["record_id", "label"]).to_pylist() if row["label"]}
    assert labelled == ids["alert"]
    of_records = [one for one in records if one["event_type"] == "flow"]
    frames = sum(one["flow"]["bytes_toserver"] - 14 * one["flow"]["pkts_toserver"] for one in of_records)
    by_id = {one["flow_id"] for one in of_records}
    told = [row for row in flows.select(["record_id", "forward_bytes"]).to_pylist() if int(row["record_id"]) in by_id]
    assert sum(row["forward_bytes"] for row in told) == frames


def test_applications_have_names_that_signatures_have_too():
    assert set(APPLICATIONS.values()) <= set(shipped_signatures().names)
