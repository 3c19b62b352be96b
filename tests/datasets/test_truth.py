from datetime import UTC, datetime
from tempfile import NamedTemporaryFile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddflow.datasets.truth import GroundTruth
from oddflow.errors import InputError, Unreadable
from oddflow.schema import FLOW_SCHEMA

HEADER = "start,end,src_ip,src_port,dst_ip,dst_port,protocol,what\n"
START_NS = 1_700_000_000_000_000_000
SPAN = "2023-11-14T22:13:20Z,2023-11-14T22:14:20Z"


def flows(*rows):
    columns = {
        "src_ip": [row[0] for row in rows],
        "src_port": [row[1] for row in rows],
        "dst_ip": [row[2] for row in rows],
        "dst_port": [row[3] for row in rows],
        "protocol": [6 for _ in rows],
        "start": [START_NS + round(row[4] * 1e9) for row in rows],
    }
    arrays = [
        pa.array(np.array(columns[f.name], np.int64) if f.name == "start" else columns[f.name]).cast(f.type)
        if f.name in columns
        else pa.nulls(len(rows), f.type)
        for f in FLOW_SCHEMA
    ]
    return pa.record_batch(arrays, schema=FLOW_SCHEMA)


def truth(tmp_path, body):
    path = tmp_path / "truth.csv"
    path.write_text(HEADER + body)
    return GroundTruth.read(str(path))


def test_a_flow_in_the_span_with_the_ports_is_the_attacks(tmp_path):
    known = truth(tmp_path, f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,guessing\n")
    batch = flows(
        ("10.0.0.1", 1234, "10.0.0.2", 22, 5),
        ("10.0.0.1", 1234, "10.0.0.2", 80, 5),
        ("10.0.0.3", 1234, "10.0.0.2", 22, 5),
        ("10.0.0.1", 1234, "10.0.0.2", 22, 100),
        ("10.0.0.2", 22, "10.0.0.1", 1234, 5),
    )
    assert known.attacks(batch) == ["guessing", "", "", "", "guessing"]


def test_exact_ports_are_matched_before_wildcards(tmp_path):
    known = truth(tmp_path, f"{SPAN},10.0.0.1,*,10.0.0.2,*,tcp,scan\n{SPAN},10.0.0.1,1234,10.0.0.2,22,tcp,guessing\n")
    batch = flows(("10.0.0.1", 1234, "10.0.0.2", 22, 5), ("10.0.0.1", 1235, "10.0.0.2", 22, 5))
    assert known.attacks(batch) == ["guessing", "scan"]


@pytest.mark.parametrize(
    "row", ["x,y,a,1,b,2,tcp,w", f"{SPAN},a,port,b,2,tcp,w", f"{SPAN},a,1,b,2,strange,w", f"{SPAN},a"]
)
def test_a_wrong_row_is_named(tmp_path, row):
    with pytest.raises(InputError, match="line 2"):
        truth(tmp_path, row + "\n")


def test_missing_columns_are_named(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("start,end\n")
    with pytest.raises(InputError, match="src_ip"):
        GroundTruth.read(str(path))


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(Unreadable):
        GroundTruth.read(str(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2023-11-14T22:14:20Z,2023-11-14T22:13:20Z,10.0.0.1,*,10.0.0.2,22,tcp,x", "before it starts"),
        (f"{SPAN},10.0.0.1,70000,10.0.0.2,22,tcp,x", "70000 is no port"),
        (f"{SPAN},10.0.0.1,*,10.0.0.2,22,300,x", "300 is no protocol"),
        (f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,x,more", "too many fields"),
        (f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp, ", "does not say"),
        (f"{SPAN},somewhere,*,10.0.0.2,22,tcp,x", "somewhere"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(tmp_path, row, what):
    with pytest.raises(InputError, match=f"line 3.*{what}"):
        truth(tmp_path, f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,x\n{row}\n")


def test_a_category_must_be_known_and_the_same_for_a_label(tmp_path):
    path = tmp_path / "truth.csv"
    row = f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,x"
    path.write_text(HEADER.replace("what", "what,category") + f"{row},probe\n{row},dos\n")
    with pytest.raises(InputError, match="line 3: x is dos here, and probe"):
        GroundTruth.read(str(path))
    path.write_text(HEADER.replace("what", "what,category") + f"{row},mischief\n")
    with pytest.raises(InputError, match="line 2: the category 'mischief'"):
        GroundTruth.read(str(path))


def test_a_column_label_does_and_normal_rows_are_no_attacks(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(HEADER.replace("what", "label") + f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,Benign\n")
    known = GroundTruth.read(str(path))
    batch = flows(("10.0.0.1", 1, "10.0.0.2", 22, 5))
    assert known.attacks(batch) == [""]
    assert known.names(batch).to_pylist() == ["Benign"]


def test_wildcards_stand_for_times_addresses_ports_and_protocols(tmp_path):
    known = truth(tmp_path, "*,*,10.0.0.1,*,*,*,*,worm\n")
    batch = flows(
        ("10.0.0.1", 1, "10.0.0.9", 2, 1e6), ("10.0.0.8", 1, "10.0.0.1", 2, 0), ("10.0.0.8", 1, "10.0.0.9", 2, 0)
    )
    assert known.attacks(batch) == ["worm", "worm", ""]


def test_an_exact_span_is_better_than_one_with_slack(tmp_path):
    first, second = "2023-11-14T22:13:20Z,2023-11-14T22:13:30Z", "2023-11-14T22:13:30.5Z,2023-11-14T22:13:40Z"
    ends = "10.0.0.1,1,10.0.0.2,22,tcp"
    known = truth(tmp_path, f"{first},{ends},a\n{second},{ends},b\n")
    times = (10.4, 10.6, 20.9, 21.1)
    assert known.attacks(flows(*(("10.0.0.1", 1, "10.0.0.2", 22, at) for at in times))) == ["a", "b", "b", ""]
    assert known.report().disputed == 0


def test_rows_that_contradict_and_rows_without_a_flow_are_told(tmp_path):
    ends = "10.0.0.1,*,10.0.0.2,22,tcp"
    known = truth(tmp_path, f"{SPAN},{ends},a\n{SPAN},{ends},b\n{SPAN},10.0.0.7,*,10.0.0.2,22,tcp,c\n")
    assert known.attacks(flows(("10.0.0.1", 1, "10.0.0.2", 22, 5))) == ["a"]
    report = known.report()
    assert (report.rows, report.unmatched, report.unmatched_lines, report.disputed) == (3, 1, (4,), 1)
    assert report.dispute == "line 2 (a) and line 3 (b)"
    assert len(report.told()) == 2


def test_a_less_exact_row_is_matched_too_though_it_does_not_decide(tmp_path):
    known = truth(tmp_path, f"{SPAN},10.0.0.1,*,10.0.0.2,*,tcp,scan\n{SPAN},10.0.0.1,1234,10.0.0.2,22,tcp,guessing\n")
    assert known.attacks(flows(("10.0.0.1", 1234, "10.0.0.2", 22, 5))) == ["guessing"]
    assert known.report().told() == []


def test_too_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("oddflow.datasets.truth.MAX_ROWS", 2)
    with pytest.raises(InputError, match="line 4: more than 2 rows"):
        truth(tmp_path, f"{SPAN},10.0.0.1,*,10.0.0.2,22,tcp,x\n" * 3)


HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"])
PORTS = st.integers(1, 3)


def or_any(values):
    return st.one_of(st.just("*"), values)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 20), st.integers(0, 8), or_any(HOSTS), or_any(PORTS), or_any(HOSTS), or_any(PORTS),
        st.sampled_from(["tcp", "*", "udp"]), st.sampled_from("abc"),
    ),
    max_size=12,
)  # fmt: skip
FLOWS = st.lists(st.tuples(HOSTS, PORTS, HOSTS, PORTS, st.integers(-4, 60).map(lambda half: half / 2)), max_size=12)


def naive(rows, flow):
    """A label and whether rows disagree, row by row."""
    src, src_port, dst, dst_port, at = flow
    exact = [tuple(field != "*" for field in row[2:7]) for row in rows]
    for mask in sorted(set(exact), key=lambda m: (-sum(m), m)):
        for slack in (0, 1):
            for ends in ((src, src_port, dst, dst_port, "tcp"), (dst, dst_port, src, src_port, "tcp")):
                held = [
                    row[7]
                    for row, kind in zip(rows, exact, strict=True)
                    if kind == mask
                    and all(given in ("*", end) for given, end in zip(row[2:7], ends, strict=True))
                    and row[0] - slack <= at <= row[0] + row[1] + slack
                ]
                if held:
                    return held[0], slack == 0 and len(set(held)) > 1
    return "", False


@given(ROWS, FLOWS)
def test_joining_in_bulk_is_joining_row_by_row(rows, given):
    with NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(HEADER)
        for start, length, *rest in rows:
            times = (datetime.fromtimestamp(START_NS // 10**9 + t, UTC).isoformat() for t in (start, start + length))
            file.write(",".join(map(str, [*times, *rest])) + "\n")
        file.flush()
        known = GroundTruth.read(file.name)
    expected = [naive(rows, flow) for flow in given]
    assert known.attacks(flows(*given)) == [label for label, _ in expected]
    assert known.report().disputed == sum(is_disputed for _, is_disputed in expected)
    lonely = sum(not any(naive([row], flow)[0] for flow in given) for row in rows)
    assert known.report().unmatched == lonely
