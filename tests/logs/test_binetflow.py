"""Argus records as CSV: compared with a plain reading of each line, in any order of columns, and wrong ones."""

import math
import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis.strategies import composite, integers, lists, permutations, sampled_from

from oddflow.errors import InputError
from oddflow.logs.binetflow import is_binetflow, read_binetflow
from oddflow.logs.formats import Opened
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA, DirectionBy, FlowEnd

NAMES = ["StartTime", "Dur", "Proto", "SrcAddr", "Sport", "Dir", "DstAddr", "Dport", "State", "sTos", "dTos", "TotPkts",
         "TotBytes", "SrcBytes", "SrcPkts", "Label"]  # fmt: skip
VALUES = ["2011/08/10 09:46:53.047277", 3.124, "tcp", "147.32.84.165", 1027, "   ->", "74.125.232.195", 80, "SRPA_SPA",
          0, 0, 12, 1066, 588, 7, "flow=From-Botnet-V42"]  # fmt: skip
ROW = dict(zip(NAMES, VALUES, strict=True))


class Whole:
    """All of some bytes."""

    def __init__(self, data):
        self._data = data

    def readinto(self, view):
        piece, self._data = self._data[: len(view)], self._data[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


def read(text):
    data = text if isinstance(text, bytes) else text.encode()
    ledger = Ledger("records")
    batches = read_binetflow(Whole(data), Opened("x.binetflow", "x.binetflow", data, ledger))
    return pa.Table.from_batches(batches, FLOW_SCHEMA), ledger


def text_of(rows, names=NAMES, delimiter=","):
    return "".join(
        delimiter.join(str(row.get(name, "")) for name in names) + "\n" for row in [{n: n for n in names}, *rows]
    )


def flows(*rows, **how):
    table, ledger = read(text_of(rows, **how))
    columns = {
        name: table.column(name) for name in table.column_names if table.column(name).null_count < table.num_rows
    }
    columns |= {name: columns[name].cast(pa.int64()) for name in ("start", "end") if name in columns}
    return pa.table(columns).to_pylist(), ledger


START = int(datetime(2011, 8, 10, 9, 46, 53, 47277, tzinfo=UTC).timestamp() * 10**6) * 1000
PLAIN = {
    "start": START, "end": START + 3_124_000_000, "src_ip": "147.32.84.165", "src_port": 1027,
    "dst_ip": "74.125.232.195", "dst_port": 80, "protocol": 6, "ip_version": 4, "end_reason": FlowEnd.END_OF_FLOW,
    "direction_by": DirectionBy.SYN, "label": "flow=From-Botnet-V42", "forward_packets": 7,
    "forward_bytes": 588 - 7 * 14, "reverse_packets": 5, "reverse_bytes": 1066 - 588 - 5 * 14, "app_by_port": "http",
}  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_record_is_a_flow(delimiter):
    rows, ledger = flows(ROW, delimiter=delimiter)
    assert rows[0].pop("community_id").startswith("1:")
    assert (rows, ledger.metered, ledger.lost_total) == ([PLAIN], 1, 0)


@settings(max_examples=20)
@given(permutations(NAMES))
def test_columns_stand_in_any_order(names):
    rows, _ = flows(ROW, names=names)
    assert {name: rows[0][name] for name in PLAIN} == PLAIN


@pytest.mark.parametrize(("arrow", "turned"), [
    ("->", False), ("  ->", False), ("<->", False), ("<?>", False), ("?>", False), ("<-", True), ("<?", True),
    ("", False), ("who", False),
])  # fmt: skip
def test_an_arrow_to_the_left_turns_the_record(arrow, turned):
    row = flows(ROW | {"Dir": arrow})[0][0]
    ends = (row["src_ip"], row["src_port"], row["forward_packets"], row["reverse_bytes"])
    assert ends == (("74.125.232.195", 80, 5, 490) if turned else ("147.32.84.165", 1027, 7, 408))
    assert row.get("direction_by") == DirectionBy.SYN


@pytest.mark.parametrize(("state", "ended", "by"), [
    ("FSPA_FSPA", True, True), ("S_RA", True, True), ("FSPA_SPA", False, True), ("PA_PA", False, False),
    ("PA_FSPA", False, False), ("S_", False, True), ("CON", False, False), ("", False, False), ("R_", True, False),
])  # fmt: skip
def test_what_the_flags_of_tcp_tell(state, ended, by):
    row = flows(ROW | {"State": state})[0][0]
    assert ("end_reason" in row, "direction_by" in row) == (ended, by)


@pytest.mark.parametrize(("fields", "expected"), [
    ({"Proto": "icmp", "Sport": "0x0008", "Dport": "0x1234"}, (0, 0, 8, 0)),
    ({"Proto": "icmp", "Sport": "0x0103", "Dport": "0x1234"}, (0, 0, 3, 1)),
    ({"Proto": "ipv6-icmp", "Sport": "135", "Dport": "0", "SrcAddr": "::", "DstAddr": "ff02::1"}, (0, 0, 135, 0)),
    ({"Proto": "igmp", "Sport": "", "Dport": ""}, (0, 0, None, None)),
    ({"Proto": "udp", "Sport": "0x0035", "Dport": "53"}, (53, 53, None, None)),
])  # fmt: skip
def test_ports_and_types(fields, expected):
    row = flows(ROW | fields)[0][0]
    assert (row["src_port"], row["dst_port"], row.get("icmp_type"), row.get("icmp_code")) == expected


WITHOUT = [name for name in NAMES if name != "SrcPkts"]


@pytest.mark.parametrize(("fields", "expected"), [
    ({"TotPkts": 1, "TotBytes": 70, "SrcBytes": 70}, (1, 0, 56, 0)),
    ({"TotPkts": 3, "TotBytes": 180, "SrcBytes": 0}, (0, 3, 0, 138)),
    ({"TotPkts": 2, "TotBytes": 200, "SrcBytes": 80}, (1, 1, 66, 106)),
    ({"TotPkts": 3, "TotBytes": 200, "SrcBytes": 80}, (None, None, None, None)),
    ({"TotPkts": 2, "TotBytes": 80, "SrcBytes": 200}, (None, None, None, None)),
    ({"TotPkts": -2, "TotBytes": "NaN", "SrcBytes": ""}, (None, None, None, None)),
])  # fmt: skip
def test_packets_of_a_way_are_known_only_where_nothing_else_can_be(fields, expected):
    row = flows(ROW | fields, names=WITHOUT)[0][0]
    counters = ("forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes")
    assert tuple(row.get(name) for name in counters) == expected


def test_records_without_ip_are_counted_by_name():
    others = [ROW | {"Proto": name} for name in ("man", "arp", " ARP ", "llc")]
    rows, ledger = flows(*others, ROW)
    assert len(rows) == 1
    assert ledger.as_dict()["losses"] == {"not IP: arp": 2, "not IP: man": 1, "not IP: llc": 1}
    assert ledger.first_at["not IP: llc"] == "x.binetflow, line 5"


@pytest.mark.parametrize("fields", [
    {"Dur": "-1"}, {"Dur": "NaN"}, {"Dur": "Infinity"}, {"Dur": "1e300"}, {"Dur": ""}, {"Proto": "unas"},
    {"SrcAddr": "x"}, {"StartTime": "2011/02/30 00:00:00"}, {"StartTime": ""}, {"Sport": "65536"},
    {"Dport": "http"}, {"Dport": ""}, {"SrcAddr": "::1"}, {"Label": "a,b"},
])  # fmt: skip
def test_a_row_with_a_wrong_value_is_lost_with_its_line(fields):
    rows, ledger = flows(ROW, ROW | fields, ROW)
    assert (len(rows), ledger.lost_total) == (2, 1)
    assert list(ledger.first_at.values()) == ["x.binetflow, line 3"]


@pytest.mark.parametrize("absent", ["Dur", "Sport", "Dport"])
def test_a_missing_column_is_named(absent):
    with pytest.raises(InputError, match=f"x.binetflow lacks the columns {absent}"):
        flows(ROW, names=[name for name in NAMES if name != absent])


def test_a_repeated_column_is_refused():
    with pytest.raises(InputError, match="has the column Dur more than once"):
        flows(ROW, names=[*NAMES, "dur"])


def test_labels_in_latin_1_and_a_cut_last_line():
    text = text_of([ROW | {"Label": "flow=caf\u00e9 \u2013 x"}]).encode("cp1252") + b"2011/08/10 09:46:53.047277,3.12"
    table, ledger = read(text)
    assert table.column("label").to_pylist() == ["flow=caf\\xc3\\xa9 \\xc2\\x96 x"]
    assert ledger.first_at == {
        "record that cannot be read: a last line without its end: it may be cut": "x.binetflow, line 3"
    }


def test_it_is_recognised_by_its_header(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("\ufeff" + text_of([ROW]).replace("\n", "\r\n"))
    assert sum(batch.num_rows for batch in read_flows(str(path), Ledger())) == 1
    assert not is_binetflow(b"start,src_ip,dst_ip\n")


@composite
def records(draw):
    address = sampled_from(["10.0.0.1", "10.0.0.300", "::1", "2001:DB8::2", ""])
    return {
        "StartTime": draw(sampled_from(["2011/08/10 09:46:53.047277", "2011-08-10 09:46:53", "09:46", ""])),
        "Dur": draw(sampled_from(["0.000000", "3600.25", "-0.1", "nan", "x"])),
        "Proto": draw(sampled_from(["tcp", "UDP", "icmp", "ipv6-icmp", "gre", "arp", "man", "rtp", "none"])),
        "SrcAddr": draw(address), "DstAddr": draw(address),
        "Sport": draw(sampled_from(["80", "0x0303", "", "70000"])), "Dport": draw(sampled_from(["53", "0x1F90", "-1"])),
        "Dir": draw(sampled_from(["   ->", "  <-", "<->", "?>"])), "State": draw(sampled_from(["S_SA", "CON", "FR_A"])),
        "TotPkts": draw(integers(-1, 9)), "TotBytes": draw(integers(-1, 900)), "SrcBytes": draw(integers(-1, 900)),
        "SrcPkts": draw(sampled_from(["", *range(6)])), "Label": draw(sampled_from(["", "flow=x", "a b"])),
    }  # fmt: skip


def port(text):
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,4}|[0-9]{1,5}", text):
        return None
    number = int(text, 16 if text.startswith("0x") else 10)
    return number if number < 65536 else None


def plain(row):
    """A flow of one record, told in plain Python; None where it is lost."""
    protocol = {"tcp": 6, "UDP": 17, "icmp": 1, "ipv6-icmp": 58, "gre": 47, "rtp": 17}.get(row["Proto"])
    duration = float(row["Dur"]) if row["Dur"] != "x" else math.nan
    src, dst = port(row["Sport"]), port(row["Dport"])
    wrong = "10.0.0.300", ""
    if (
        protocol is None
        or not duration >= 0
        or len(row["StartTime"]) < 19
        or {row["SrcAddr"], row["DstAddr"]} & set(wrong)
    ):
        return None
    if (":" in row["SrcAddr"]) != (":" in row["DstAddr"]) or (protocol in (6, 17) and None in (src, dst)):
        return None
    total, packets, size, own = (
        int(row[name]) if row[name] not in ("", -1) else None for name in ("TotPkts", "SrcPkts", "TotBytes", "SrcBytes")
    )
    other = size - own if None not in (size, own) else None
    theirs = total - packets if None not in (total, packets) else None
    certain = own == 0 or other == 0 or (total == 2 and (own or 0) > 0 and (other or 0) > 0)
    if packets is None and total is not None and certain:
        packets = 0 if own == 0 else total if other == 0 else 1
        theirs = total - packets

    def ip(frames, count):
        return max(0, frames - 14 * count) if None not in (frames, count) else None

    ways = [(packets, ip(own, packets)), (theirs, ip(other, theirs))]
    ways = [tuple(value if value is not None and value >= 0 else None for value in way) for way in ways]
    ends = [(row["SrcAddr"].lower(), src), (row["DstAddr"].lower(), dst)]
    if row["Dir"].strip() == "<-":
        ends, ways = ends[::-1], ways[::-1]
    return (
        *[(a, p if protocol in (6, 17) else 0) for a, p in ends],
        protocol,
        round(duration * 10**6),
        *ways,
        row["Label"] or None,
    )


@given(lists(records(), min_size=1, max_size=12))
def test_flows_are_those_of_a_plain_reading(rows):
    table, ledger = read(text_of(rows))
    found = []
    for row in table.to_pylist():
        micros = round((row["end"] - row["start"]).total_seconds() * 10**6)
        ways = [(row[f"{way}_packets"], row[f"{way}_bytes"]) for way in ("forward", "reverse")]
        ends = [(row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])]
        found.append((*ends, row["protocol"], micros, *ways, row["label"]))
    expected = [flow for flow in map(plain, rows) if flow]
    assert found == expected
    assert ledger.lost_total == len(rows) - len(expected)


@pytest.mark.parametrize(("name", "used", "lost"), [("test3-mixed", 89, 0), ("test5-mixed", 295, 5)])
def test_real_files_are_read_whole_but_for_a_line_without_its_end(shared, name, used, lost):
    ledger = Ledger()
    table = pa.Table.from_batches(read_flows(str(shared / "formats" / f"{name}.binetflow"), ledger))
    assert (table.num_rows, ledger.metered, ledger.lost_total) == (used, used, lost)
    assert table.column("forward_packets").null_count == table.column("reverse_bytes").null_count == 0
