"""Zeek's conn.log: what fills which column, and what becomes of lines that are not as they should be."""

import gzip
import json

import pytest
from tests.logs.zeek_make import RECORD, as_json, read, read_text, tsv
from tests.logs.zeek_twin import FIELDS, HEADER

from oddflow.errors import InputError, NothingMetered, UnknownFormat
from oddflow.schema import DirectionBy, FlowEnd

LOST = "record that cannot be read: "


def only(ledger):
    """The one reason for which records were lost, with its place."""
    [(reason, count)] = ledger.reasons.items()
    return ledger.told(reason), count


@pytest.mark.parametrize("write", [tsv, as_json])
def test_a_connection_fills_what_zeek_knows(tmp_path, write):
    [row], ledger = read_text(tmp_path, write({}))
    known = {name: value for name, value in row.items() if value is not None}
    assert known == {
        "start": 1_700_000_000_500_000_000, "end": 1_700_000_001_750_000_000, "src_ip": "10.0.0.1", "src_port": 40000,
        "dst_ip": "10.0.0.2", "dst_port": 443, "protocol": 6, "ip_version": 4, "is_early": False, "record_id": "C1",
        "end_reason": FlowEnd.END_OF_FLOW, "direction_by": DirectionBy.SYN, "app_by_port": "https",
        "app_by_signature": "tls", "forward_packets": 9, "forward_bytes": 980, "forward_payload_bytes": 500,
        "community_id": "1:UWHKJ/x6OQ1YiVv4rIl0t3yhjg8=", "reverse_packets": 8, "reverse_bytes": 4420,
        "reverse_payload_bytes": 4000, "forward_rst": 0, "reverse_rst": 0,
    }  # fmt: skip
    assert (ledger.unit, ledger.metered, ledger.complete) == ("records", 1, True)


def test_both_ways_of_writing_give_the_same(tmp_path):
    changes = [{"uid": f"C{n}", "duration": n / 7, "ts": 1700000000 + n / 3} for n in range(50)]
    tables = [dict(change, duration=f"{change['duration']:.6f}", ts=f"{change['ts']:.6f}") for change in changes]
    assert read_text(tmp_path, tsv(*tables), "a.log")[0] == read_text(tmp_path, as_json(*changes), "b.log")[0]


@pytest.mark.parametrize("ts", ["2023-11-14T22:13:20.500000Z", "2023-11-14T23:13:20.5+01:00", "2023-11-14T22:13:20.5"])
def test_json_may_have_times_as_text(tmp_path, ts):
    rows, ledger = read_text(tmp_path, as_json({"ts": ts}, {"ts": ts}))
    assert [row["start"] for row in rows] == [1_700_000_000_500_000_000] * 2
    assert ledger.complete


def test_json_may_have_the_ends_in_an_object(tmp_path):
    ends = {"orig_h": "10.0.0.1", "orig_p": 40000, "resp_h": "10.0.0.2", "resp_p": 443}
    record = {name: value for name, value in RECORD.items() if not name.startswith("id.")} | {"id": ends}
    assert read_text(tmp_path, json.dumps(record) + "\n")[0] == read_text(tmp_path, as_json({}), "b.log")[0]


def test_a_connection_without_a_duration_is_one_packet(tmp_path):
    [row], _ = read_text(tmp_path, tsv({"duration": "-", "orig_bytes": "-", "resp_bytes": "-"}))
    assert row["start"] == row["end"]
    assert row["forward_payload_bytes"] is None


@pytest.mark.parametrize(
    ("proto", "ends", "ports", "expected"),
    [
        ("icmp", ("10.0.0.1", "10.0.0.2"), (8, 0), (1, 8, None)),  # an echo: Zeek says which type answers
        ("icmp", ("10.0.0.1", "10.0.0.2"), (3, 1), (1, 3, 1)),
        ("icmp", ("fe80::1", "fe80::2"), (135, 136), (58, 135, None)),
        ("icmp", ("fe80::1", "fe80::2"), (1, 4), (58, 1, 4)),
    ],
)
def test_of_icmp_the_ports_are_type_and_code(tmp_path, proto, ends, ports, expected):
    change = {"proto": proto, "id.orig_h": ends[0], "id.resp_h": ends[1], "id.orig_p": ports[0], "id.resp_p": ports[1]}
    [row], _ = read_text(tmp_path, tsv(change))
    assert (row["protocol"], row["icmp_type"], row["icmp_code"]) == expected
    assert (row["src_port"], row["dst_port"]) == (0, 0)


def test_a_number_of_the_protocol_says_what_the_name_does_not(tmp_path):
    [row], _ = read_text(tmp_path, as_json({"proto": "unknown_transport", "ip_proto": 50}))
    assert row["protocol"] == 50
    _, ledger = read_text(tmp_path, as_json({"proto": "unknown_transport"}, {}), "b.log")
    assert only(ledger) == (f"{LOST}proto is no IP protocol that is known (first in {tmp_path}/b.log, line 1)", 1)


@pytest.mark.parametrize(
    ("history", "packets", "expected"),
    [
        ("S", 3, {"forward_syn": None, "forward_fin": 0, "forward_rst": 0, "reverse_rst": 0, "reverse_syn": 0}),
        ("S", 1, {"forward_syn": 1}),
        ("Sr", 1, {"forward_syn": 1, "forward_rst": 0, "reverse_rst": None}),
        ("ShADadFf", 9, {"forward_syn": None, "reverse_syn": None, "forward_fin": None, "forward_rst": 0}),
        ("SC", 2, {"forward_syn": None, "forward_fin": None, "reverse_fin": 0}),  # a packet that was not looked into
        ("^hA", 2, {"forward_syn": None, "reverse_fin": None}),
        ("Q", 1, {"forward_syn": None, "forward_fin": None, "forward_rst": None}),
        ("-", 1, {"forward_syn": None, "reverse_rst": None}),
    ],
)
def test_flags_are_told_where_the_history_is_sure(tmp_path, history, packets, expected):
    [row], _ = read_text(tmp_path, tsv({"history": history, "orig_pkts": packets}))
    assert {name: row[name] for name in expected} == expected
    assert row["forward_ack"] is None


def test_other_protocols_have_no_flags(tmp_path):
    [row], _ = read_text(tmp_path, tsv({"proto": "udp", "history": "Dd", "conn_state": "SF"}))
    assert {row[f"forward_{flag}"] for flag in ("syn", "ack", "fin", "rst", "psh")} == {0}
    assert (row["end_reason"], row["direction_by"]) == (None, DirectionBy.FIRST_PACKET)


@pytest.mark.parametrize(
    ("history", "by"),
    [("ShA", DirectionBy.SYN), ("DdA", DirectionBy.FIRST_PACKET), ("^dA", None), ("hA", None), ("-", None)],
)
def test_who_began(tmp_path, history, by):
    assert read_text(tmp_path, tsv({"history": history}))[0][0]["direction_by"] == by


@pytest.mark.parametrize(
    ("state", "ended"), [("SF", True), ("REJ", True), ("RSTO", True), ("S0", False), ("OTH", False)]
)
def test_an_end_is_told_where_it_was_seen(tmp_path, state, ended):
    [row], _ = read_text(tmp_path, tsv({"conn_state": state}))
    assert row["end_reason"] == (FlowEnd.END_OF_FLOW if ended else None)


def test_more_payload_than_the_packets_held_is_unknown(tmp_path):
    [row], _ = read_text(tmp_path, tsv({"orig_bytes": 4_294_967_295}))
    assert row["forward_payload_bytes"] is None
    assert row["reverse_payload_bytes"] == 4000


def test_more_columns_of_policies(tmp_path):
    more = {"vlan": 7, "orig_l2_addr": "AA:bb:cc:00:11:22", "resp_l2_addr": "nonsense", "community_id": "1:abc="}
    fields = [*FIELDS, *more]
    header = HEADER.replace("tunnel_parents", "tunnel_parents\t" + "\t".join(more))
    for content in (tsv(more, fields=fields, header=header), as_json(more)):
        [row], _ = read_text(tmp_path, content)
        assert (row["vlan_id"], row["src_mac"], row["dst_mac"]) == (7, "aa:bb:cc:00:11:22", None)
        assert row["community_id"] == "1:abc="


@pytest.mark.parametrize(
    ("service", "name"),
    [("ssl", "tls"), ("http", "http"), ("gssapi,smb,krb", "kerberos"), ("-ssl", None), ("dns,-ssl", "dns")],
)
def test_a_confirmed_service_is_a_name_by_signature(tmp_path, service, name):
    assert read_text(tmp_path, tsv({"service": service}))[0][0]["app_by_signature"] == name


@pytest.mark.parametrize(
    ("label", "detail", "told"),
    [("Malicious", "DDoS", "Malicious: DDoS"), ("Benign", "-", "Benign"), ("Background", "(empty)", "Background")],
)
def test_labels_in_three_ways_of_writing(tmp_path, label, detail, told):
    one = HEADER.replace("tunnel_parents", "tunnel_parents   label   detailed-label")
    values = "\t".join(str(RECORD.get(name, "-")) for name in FIELDS[:-1])
    [row], _ = read_text(tmp_path, f"{one}{values}\t(empty)   {label}   {detail}\n")
    assert row["label"] == told
    own = HEADER.replace("tunnel_parents", "tunnel_parents\tlabel\tdetailedlabel")
    [row], _ = read_text(tmp_path, f"{own}{values}\t-\t{label}\t{detail}\n")
    assert row["label"] == told
    [row], _ = read_text(tmp_path, as_json({"label": label, "detailed-label": detail}))
    assert row["label"] == told


def test_a_label_field_that_does_not_fall_apart_is_a_loss(tmp_path):
    header = HEADER.replace("tunnel_parents", "tunnel_parents   label   detailed-label")
    values = "\t".join(str(RECORD.get(name, "-")) for name in FIELDS[:-1])
    rows, ledger = read_text(tmp_path, f"{header}{values}\t-   Benign   -\n{values}\tBenign\n")
    assert len(rows) == 1
    assert ledger.lost_total == 1


def test_several_headers_as_after_a_concatenation(tmp_path):
    moved = ["uid", "ts", *FIELDS[2:], "community_id"]
    header = HEADER.replace("ts\tuid", "uid\tts").replace("tunnel_parents", "tunnel_parents\tcommunity_id")
    content = tsv({}) + "#close\t2024-01-01\n" + tsv({"uid": "C2", "community_id": "1:x="}, fields=moved, header=header)
    rows, ledger = read_text(tmp_path, content)
    assert [(row["record_id"], row["community_id"]) for row in rows] == [
        ("C1", "1:UWHKJ/x6OQ1YiVv4rIl0t3yhjg8="),
        ("C2", "1:x="),
    ]
    assert ledger.complete


def test_other_marks_and_another_separator(tmp_path):
    header = "#separator \\x2c\n#set_separator,|\n#empty_field,none\n#unset_field,?\n#path,conn\n#fields," + ",".join(
        FIELDS
    )
    values = ",".join(str((RECORD | {"service": "none"}).get(name, "?")) for name in FIELDS)
    [row], ledger = read_text(tmp_path, f"{header}\n{values}\n")
    assert (row["record_id"], row["app_by_signature"], ledger.complete) == ("C1", None, True)


def test_blanks_before_the_first_header(tmp_path):
    assert len(read_text(tmp_path, "\t" + tsv({}))[0]) == 1


def test_windows_line_ends(tmp_path):
    rows, ledger = read_text(tmp_path, (tsv({}) + as_json({"uid": "C2"})).replace("\n", "\r\n"))
    assert [row["record_id"] for row in rows] == ["C1", "C2"]
    assert ledger.complete


def test_tables_and_json_in_one_file(tmp_path):
    rows, ledger = read_text(tmp_path, tsv({}) + as_json({"uid": "C2"}, {"uid": "C3"}) + tsv({"uid": "C4"}))
    assert sorted(row["record_id"] for row in rows) == ["C1", "C2", "C3", "C4"]
    assert ledger.complete


def test_values_before_a_header_that_names_them(tmp_path):
    content = as_json({}) + tsv({}, header="") + tsv({"uid": "C2"})
    rows, ledger = read_text(tmp_path, content)
    assert len(rows) == 2
    assert only(ledger) == (f"{LOST}values before any header that names them (first in {tmp_path}/conn.log, line 2)", 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id.orig_p": 65_536}, "id.orig_p is larger than 65,535"),
        ({"id.resp_p": "-"}, "id.resp_p is absent"),
        ({"id.resp_p": "80/tcp"}, "id.resp_p is no count"),
        ({"ts": "-"}, "ts is absent"),
        ({"ts": "NaN"}, "ts is no time"),
        ({"ts": "Infinity"}, "ts is no time"),
        ({"ts": "1" * 16}, "ts is no time"),
        ({"duration": "NaN"}, "duration is no number of seconds"),
        ({"duration": "inf"}, "duration is no number of seconds"),
        ({"duration": -0.5}, "negative duration"),
        ({"duration": 9_000_000_000}, "it ends later than times reach"),
        ({"orig_pkts": "1.5"}, "orig_pkts is no count"),
        ({"orig_pkts": "-3"}, "orig_pkts is no count"),
        ({"resp_ip_bytes": "9" * 40}, "resp_ip_bytes is no count"),
        ({"id.orig_h": "10.0.0"}, "id.orig_h is no address"),
        ({"id.resp_h": "-"}, "id.resp_h is no address"),
        ({"id.resp_h": "fe80::1"}, "addresses of two IP versions"),
        ({"proto": "-"}, "proto is no IP protocol that is known"),
        ({"proto": "icmp", "id.orig_p": 999}, "ICMP type or code larger than 255"),
        ({"conn_state": "-", "history": "-", "orig_pkts": "-"}, "no record of a connection"),
    ],
)
def test_a_value_that_cannot_be_is_a_loss_with_its_line(tmp_path, change, why):
    rows, ledger = read_text(tmp_path, tsv({}, {"uid": "C2"} | change, {"uid": "C3"}))
    assert [row["record_id"] for row in rows] == ["C1", "C3"]
    assert only(ledger) == (f"{LOST}{why} (first in {tmp_path}/conn.log, line 9)", 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"ts":NaN,"id.orig_h":"x"}', "ts is no time"),
        ('{"ts":1e400}', "ts is no time"),
        ('{"ts":1', "no JSON object"),
        ("nonsense", "values before any header that names them"),
        ('{"ts":1}{"ts":2}', "no JSON object"),
        ('{"ts":1,"uid":"a","uid":"b"}', "a key stands twice in an object"),
        (as_json({"orig_pkts": "9"}).strip(), "orig_pkts is no number"),
        (as_json({"proto": 6}).strip(), "proto is no text"),
        (as_json({"id": "x"}).strip(), "id is no object"),
        (as_json({"orig_pkts": 1.5}).strip(), "orig_pkts is no count"),
        (as_json({"orig_pkts": 10**300}).strip(), "orig_pkts is no count"),
        (as_json({"duration": float("nan")}).strip(), "duration is no number of seconds"),
        (as_json({"ts": "yesterday"}).strip(), "ts is no time"),
        ("{" + '"a":[' * 5000, "no JSON object"),
    ],
)
def test_a_json_line_that_cannot_be_is_a_loss_with_its_line(tmp_path, line, why):
    good = [as_json({"uid": f"C{n}"}) for n in range(100)]
    rows, ledger = read_text(tmp_path, "".join([*good[:60], line + "\n", *good[60:]]))
    assert [row["record_id"] for row in rows] == [f"C{n}" for n in range(100)]
    assert only(ledger) == (f"{LOST}{why} (first in {tmp_path}/conn.log, line 61)", 1)


def test_a_line_with_other_fields_is_a_loss_and_a_blank_line_is_not(tmp_path):
    rows, ledger = read_text(tmp_path, tsv({}) + "\n1700000000.0\tC9\t10.0.0.1\n" + tsv({"uid": "C2"}, header=""))
    assert [row["record_id"] for row in rows] == ["C1", "C2"]
    why = "other number of fields than the header has"
    assert only(ledger) == (f"{LOST}{why} (first in {tmp_path}/conn.log, line 10)", 1)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("write", [tsv, as_json])
def test_a_log_cut_in_the_middle_of_a_line(tmp_path, write, packed):
    whole = write({}, {"uid": "C2"}, {"uid": "C3"}).encode()
    path = tmp_path / ("conn.log.gz" if packed else "conn.log")
    path.write_bytes(gzip.compress(whole[:-60], 1)[: None if not packed else -4] if packed else whole[:-60])
    rows, ledger = read(path)
    assert [row["record_id"] for row in rows] == ["C1", "C2"]
    line = whole.count(b"\n")
    assert only(ledger) == (f"{LOST}the log ends in the middle of this line (first in {path}, line {line})", 1)
    assert bool(ledger.damages) == packed


@pytest.mark.parametrize("write", [tsv, as_json])
def test_a_last_line_without_its_end_that_is_whole(tmp_path, write):
    rows, ledger = read_text(tmp_path, write({}, {"uid": "C2"}).rstrip("\n"))
    assert len(rows) == 2
    assert ledger.complete


def test_a_last_number_that_may_be_cut_is_a_loss(tmp_path):
    fields = FIELDS[:-1]
    header = HEADER.replace("\ttunnel_parents", "")
    rows, ledger = read_text(tmp_path, tsv({}, {"resp_ip_bytes": "44"}, fields=fields, header=header).rstrip("\n"))
    assert len(rows) == 1
    assert ledger.lost_total == 1


@pytest.mark.parametrize("write", [tsv, as_json])
def test_latin_1_is_read_and_told(tmp_path, write):
    data = write({}, {"uid": "C2", "service": "caf@"}).encode().replace(b"caf@", b"caf\xe9")
    rows, ledger = read_text(tmp_path, data)
    assert [row["app_by_signature"] for row in rows] == ["tls", r"caf\xc3\xa9"]
    line = 9 if write is tsv else 2
    assert ledger.notes == [f"{tmp_path}/conn.log, line {line}: bytes that are no UTF-8 were taken as Latin-1"]


def test_text_is_made_safe_the_same_from_both(tmp_path):
    [one], _ = read_text(tmp_path, tsv({"service": r"a\\b\x0ac"}))
    [two], _ = read_text(tmp_path, as_json({"service": "a\\b\nc"}))
    assert one["app_by_signature"] == two["app_by_signature"] == r"a\x5cb\x0ac"


def test_a_header_without_records_has_no_flow(tmp_path):
    rows, ledger = read_text(tmp_path, HEADER)
    assert rows == []
    assert isinstance(ledger.nothing_metered(["conn.log"]), NothingMetered)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (tsv({}).replace("\tid.resp_h\t", "\tother\t"), r"line 6: the header lacks id.resp_h"),
        (tsv({}).replace("#separator \\x09", "#separator \\x2c"), "the fields are not divided by ','"),
        (tsv({}).replace("#separator \\x09", "#separator tab"), "expected one character"),
        (tsv({}).replace("\tservice\t", "\tuid\t"), "has uid more than once"),
        (tsv({}).replace("#path\tconn", "#path\tdns"), "this is Zeek's dns.log, which holds no flows"),
        ('{"ts":1,"uid":"C1","id.orig_h":"10.0.0.1","query":"x"}\n', "is not Zeek's conn.log"),
    ],
)
def test_what_nothing_can_be_read_from_is_refused(tmp_path, content, why):
    with pytest.raises(InputError, match=why):
        read_text(tmp_path, content)


def test_a_later_header_that_lacks_columns_costs_its_lines(tmp_path):
    bad = tsv({"uid": "C2"}, {"uid": "C3"}).replace("\tproto\t", "\tother\t")
    rows, ledger = read_text(tmp_path, tsv({}) + bad + tsv({"uid": "C4"}))
    assert [row["record_id"] for row in rows] == ["C1", "C4"]
    told, count = only(ledger)
    assert "the header lacks proto" in told
    assert "line 16" in told
    assert count == 2


def test_a_later_header_of_nonsense_costs_its_lines(tmp_path):
    rows, ledger = read_text(tmp_path, tsv({}) + "#separator nonsense\na\tb\n" + tsv({"uid": "C4"}))
    assert [row["record_id"] for row in rows] == ["C1", "C4"]
    assert ledger.lost_total == 1


def test_records_of_other_logs_in_a_stream_are_passed_over_and_told(tmp_path):
    dns = '{"_path":"dns","ts":1,"uid":"C1","id.orig_h":"10.0.0.1"}\n'
    rows, ledger = read_text(tmp_path, as_json({"_path": "conn"}) + dns + dns)
    assert (len(rows), ledger.complete) == (1, True)
    assert ledger.notes == [f"{tmp_path}/conn.log: 2 records of other logs in it were passed over"]


def test_values_without_any_header_are_no_known_format(tmp_path):
    with pytest.raises(UnknownFormat, match=r"expected a capture .* Zeek conn"):
        read_text(tmp_path, tsv({}, header=""))


def test_a_key_written_with_escapes_is_found(tmp_path):
    text = as_json({"vlan": 9}).replace('"vlan"', '"\\u0076lan"')
    assert read_text(tmp_path, text)[0][0]["vlan_id"] == 9


def test_many_lines_of_all_kinds_keep_their_numbers(tmp_path):
    lines = [as_json({"uid": f"C{n}"}) if n % 3 else "nonsense\n" for n in range(3000)]
    lines[0] = as_json({})
    rows, ledger = read_text(tmp_path, "".join(lines))
    assert len(rows) == 2001
    assert only(ledger)[1] == 999


def test_headers_that_change_without_end_cost_their_lines(tmp_path):
    fields = "#fields\t" + "\t".join(FIELDS)
    line = tsv({}, header="").rstrip("\n")
    rows, ledger = read_text(tmp_path, HEADER + "".join(f"{fields}\tx{n}\n{line}\t-\n" for n in range(300)))
    assert 200 < len(rows) < 260
    assert only(ledger)[0].startswith(f"{LOST}more than 256 different headers")
    assert len(rows) + ledger.lost_total == 300
