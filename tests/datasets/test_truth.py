import numpy as np
import pyarrow as pa
import pytest

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
        pa.array(np.array(columns[f.name]) if f.name == "start" else columns[f.name]).cast(f.type)
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
