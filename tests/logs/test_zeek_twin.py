"""Zeek's conn.log against its plain-Python twin, on lines of all kinds, good and bad."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import some
from tests.logs import zeek_twin

from oddflow.errors import InputError
from oddflow.logs.formats import Opened
from oddflow.logs.zeek import read_conn
from oddflow.losses import Ledger

TEXT = st.sampled_from(["-", "(empty)", "", "dns", "é", "\\x41", "\\\\", 'a"b', "x" * 40, " "])
NUMBER = st.sampled_from(
    [
        "0",
        "1",
        "80",
        "65535",
        "65536",
        "-1",
        "1.5",
        "1e3",
        "0x1F",
        "NaN",
        "Infinity",
        "",
        "-",
        "9" * 16,
        "9" * 30,
        "+5",
        " 7",
    ]
)
ADDRESS = st.sampled_from(
    [
        "10.0.0.1",
        "192.168.001.1",
        "1.2.3",
        "::1",
        "FE80::0:1",
        "2001:db8:0:0:1:0:0:1",
        "::ffff:1.2.3.4",
        "fe80::1%0",
        "x",
        "-",
    ]
)
SECONDS = st.sampled_from(
    ["0.000001", "1.5", "-0.5", "1e-3", "NaN", "inf", "-", "", "9" * 16, "0.2069637775421142", "1e99"]
)
PROTOCOL = st.sampled_from(["tcp", "udp", "icmp", "TCP", "unknown_transport", "-"])
UNITS = {"ts": st.sampled_from(["1700000000.123456", "22.335172", "0", "-1.5", "1e10", "9e9", "NaN", "-", "2023"])}

GOOD = {
    "ts": "1700000000.5", "id.orig_h": "10.0.0.1", "id.orig_p": "1024", "id.resp_h": "10.0.0.2", "id.resp_p": "53",
    "proto": "udp", "service": "dns", "duration": "0.25", "orig_bytes": "30", "resp_bytes": "60", "conn_state": "SF",
    "history": "Dd", "orig_pkts": "1", "orig_ip_bytes": "58", "resp_pkts": "1", "resp_ip_bytes": "88",
}  # fmt: skip
ODD = {
    **dict.fromkeys(("id.orig_p", "id.resp_p", "orig_bytes", "resp_ip_bytes", "orig_pkts"), NUMBER),
    **dict.fromkeys(("id.orig_h", "id.resp_h"), ADDRESS),
    "duration": SECONDS, "proto": PROTOCOL, "service": TEXT, **UNITS,
}  # fmt: skip
JSON_VALUES = st.sampled_from(
    [None, True, 0, 1.5, 80, -1, 1e300, 10**400, "x", "10.0.0.9", [], {}, "\ud800", float("nan")]
)
JUNK = st.sampled_from(
    [b"", b"   ", b"\t\t", b"{", b"{}", b"[1]", b"nonsense", b'{"ts":1}{"ts":2}', b'{"ts":1,', b"#close\t2024",
     b"\xff\xfe", b'{"ts":1,"ts":2,"conn_state":"SF"}', b"a\rb", zeek_twin.HEADER.encode().strip()]
)  # fmt: skip


@st.composite
def records(draw):
    odd = draw(st.dictionaries(st.sampled_from(sorted(ODD)), st.none(), max_size=2))
    return GOOD | {name: draw(ODD[name]) for name in odd} | {"uid": f"C{draw(st.integers(0, 10**6))}"}


@st.composite
def lines(draw):
    record = draw(records())
    if draw(st.booleans()):
        values = [record.get(name, "-") for name in zeek_twin.FIELDS]
        if draw(st.integers(0, 9)) == 0:
            values = values[: draw(st.integers(0, len(values)))]
        return "\t".join(values).encode(draw(st.sampled_from(["utf-8", "latin-1"])))
    found = {}
    for name, value in record.items():
        if value == "-":
            continue
        is_number = name in zeek_twin.COUNTS or name in ("ts", "duration")
        try:
            found[name] = float(value) if is_number and "." in value else int(value) if is_number else value
        except ValueError:
            found[name] = value
    for name in draw(st.lists(st.sampled_from([*sorted(GOOD), "other"]), max_size=1)):
        found[name] = draw(JSON_VALUES)
    text = json.dumps(
        found, separators=draw(st.sampled_from([(",", ":"), (", ", " : ")])), ensure_ascii=draw(st.booleans())
    )
    return text.encode("utf-8", "replace")


@settings(max_examples=some(150))
@given(
    st.lists(st.one_of(lines(), lines(), lines(), JUNK), max_size=40), st.booleans(), st.booleans(), st.integers(0, 30)
)
def test_any_lines_give_what_the_twin_gives(given_lines, has_header, ends, cut):
    good = "\t".join({**GOOD, "uid": "Cfirst"}.get(name, "-") for name in zeek_twin.FIELDS)
    start = (zeek_twin.HEADER + good + "\n").encode() if has_header else json.dumps(
        {"ts": 1, "uid": "Cfirst", "conn_state": "SF", "proto": "tcp", "id.orig_h": "1.1.1.1", "id.orig_p": 1,
         "id.resp_h": "1.1.1.1", "id.resp_p": 1}
    ).encode() + b"\n"  # fmt: skip
    data = start + b"\n".join(given_lines) + (b"\n" if ends else b"")
    if not ends and cut:
        data = max(start, data[:-cut], key=len)
    expected, lost = zeek_twin.read(data)
    ledger = Ledger("records")
    opened = Opened("-", "conn.log", data[:4096], ledger)
    found = [row for batch in read_conn(io.BytesIO(data), opened) for row in rows_of(batch, expected)]
    key = lambda row: sorted((name, str(value)) for name, value in row.items())  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert (ledger.metered, ledger.lost_total) == (len(expected), lost), ledger.as_dict()


def rows_of(batch, expected):
    names = list(expected[0]) if expected else []
    columns = {name: batch.column(name) for name in names}
    for name in ("start", "end"):
        columns[name] = columns[name].cast("int64")
    values = [column.to_pylist() for column in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


@given(st.binary(max_size=300), st.sampled_from([zeek_twin.HEADER.encode(), b'{"id.orig_h":"x","uid":"y"}\n', b""]))
def test_garbage_is_counted_or_refused(data, start):
    ledger = Ledger("records")
    try:
        for _ in read_conn(io.BytesIO(start + data), Opened("-", "conn.log", start + data, ledger)):
            pass
    except InputError:
        return
