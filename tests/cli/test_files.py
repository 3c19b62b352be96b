"""`oddflow flows` over several files: folders, --merge, --workers, --follow."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.capture.test_following import cut, write

from .call import COMMAND, call, left, refused


@pytest.fixture
def rotated(office, tmp_path):
    """The incident in rotated files, with a note beside them."""
    folder = tmp_path / "rotated"
    folder.mkdir()
    data = office.incident.read_bytes()
    header, at, place = data[:24], 24, 0
    while at < len(data):
        piece = b""
        for _ in range(200):
            if at < len(data):
                size = 16 + int.from_bytes(data[at + 8 : at + 12], "little")
                piece, at = piece + data[at : at + size], at + size
        (folder / f"trace.pcap.{9 - place}").write_bytes(header + piece)
        place += 1
    (folder / "README").write_text("captures")
    return folder


def table(path):
    flows = parquet.read_table(path).drop_columns(["first_packet", "capture"])
    return flows.sort_by([(name, "ascending") for name in ("start", "end", "src_ip", "src_port", "dst_port")])


def test_a_folder_is_one_capture(rotated, office, tmp_path):
    told = call("flows", rotated, "-o", tmp_path / "many.parquet")
    assert told.code == 0
    assert f"{rotated}: no captures, passed over: README" in told.err
    assert call("flows", office.incident, "-o", tmp_path / "one.parquet").code == 0
    assert table(tmp_path / "many.parquet").equals(table(tmp_path / "one.parquet"))


def test_named_files_are_one_capture_with_merge_alone(rotated, office):
    paths = sorted(rotated.glob("trace*"))
    whole = call("flows", office.incident, "--json").json
    merged = call("flows", *paths, "--merge", "--json").json
    apart = call("flows", *paths, "--json").json
    assert merged["flows"] == whole["flows"] < apart["flows"]
    assert merged["ledger"] == whole["ledger"]
    assert [source["name"] for source in merged["sources"]] == [f"{paths[0]} and {len(paths) - 1} more"]


def test_learning_and_detecting_read_a_folder_as_one(rotated, office, tmp_path):
    assert call("learn", rotated, "-o", tmp_path / "m.oddflow", "--detector", "robust-pca").code == 0
    words = ["-m", office.model, "--json", "-o", tmp_path / "alerts.jsonl"]
    found = call("detect", rotated, *words).json
    assert found["flows"] == json.loads(office.detected.read_text())["flows"]
    paths = sorted(rotated.glob("trace*"))
    assert call("detect", *paths, "--merge", "-m", office.model, "--json").json["flows"] == found["flows"]


def alerts_of(rotated, office, tmp_path):
    path = tmp_path / "alerts.jsonl"
    assert call("detect", rotated, "-m", office.model, "--false-alarm-rate", "0.9", "-o", path).code == 0
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def test_the_packets_of_each_alert_are_found_in_its_files(rotated, office, tmp_path):
    path, alerts = alerts_of(rotated, office, tmp_path)
    crossing = [alert for alert in alerts if len(alert["captures"]) > 1]
    pings = [alert for alert in alerts if alert["protocol"] == 1]
    assert crossing
    assert pings
    for alert in [*crossing[:3], *pings[:3], alerts[0]]:
        assert alert["source"] == str(rotated)
        told = call("extract", path, alert["id"], "-w", tmp_path / "out.pcap", "--json")
        assert (told.code, told.json["packets"]) == (0, alert["packets"]), alert


def test_packets_are_found_where_the_files_have_moved(rotated, office, tmp_path):
    path, alerts = alerts_of(rotated, office, tmp_path)
    alert = next(alert for alert in alerts if alert["protocol"] == 1)
    moved = rotated.rename(tmp_path / "moved")
    refused(call("extract", path, alert["id"], "-w", tmp_path / "out.pcap"), "does not exist")
    told = call("extract", path, alert["id"], "-w", tmp_path / "out.pcap", "--source", moved, "--json")
    assert told.json["packets"] == alert["packets"]


def of_all(flows):
    """In a fixed order, without what one worker cannot say alone."""
    order = [(name, "ascending") for name in ("start", "end", "src_ip", "src_port", "dst_port", "icmp_type")]
    return flows.drop_columns(["app_by_behaviour"]).sort_by(order).combine_chunks()


def test_each_worker_writes_a_table_of_its_own(office, tmp_path):
    told = call("flows", office.incident, "--workers", 2, "-o", tmp_path / "x.parquet", "--json")
    assert told.json["output"] == [str(tmp_path / "x.0.parquet"), str(tmp_path / "x.1.parquet")]
    assert left(tmp_path) == ["x.0.parquet", "x.1.parquet"]
    assert call("flows", office.incident, "-o", tmp_path / "one.parquet").code == 0
    both = pa.concat_tables(parquet.read_table(path) for path in told.json["output"])
    assert of_all(both).equals(of_all(parquet.read_table(tmp_path / "one.parquet")))


def test_workers_that_fail_leave_no_table(office, tmp_path):
    (tmp_path / "bad.pcap").write_text("a letter")
    words = ["flows", office.incident, tmp_path / "bad.pcap", "--workers", 2, "-o", tmp_path / "x.parquet"]
    refused(call(*words), "no format known")
    assert left(tmp_path) == ["bad.pcap"]


def test_a_table_in_place_of_a_source_is_refused(office, tmp_path):
    assert call("flows", office.incident, "-o", tmp_path / "x.0.csv").code == 0
    words = ["flows", tmp_path / "x.0.csv", office.incident, "--workers", 2, "-o", tmp_path / "x.csv"]
    refused(call(*words), "x.0.csv is a source itself")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-", "--workers", "2"], "can be read only once"),
        (["-", "--follow"], "leave --follow out"),
        (["{incident}", "--duration", "3"], "goes with -i, --netflow and --follow"),
        (["{incident}", "--follow", "--merge"], "leave --merge and --workers out"),
        (["{incident}", "{lossy}", "--follow"], "one file or folder can be followed; 2 were given"),
        (["{incident}", "{incident}", "--merge"], "given more than once"),
        (["https://ann:secret@example.org/x.pcap", "--follow"], "https://example.org/x.pcap is remote"),
    ],
)
def test_what_does_not_go_together_is_refused(words, why, office):
    refused(call("flows", *(word.format(**vars(office)) for word in words)), why)


def until_it_listens(process):
    """Waits until a process has a handler of its own for SIGTERM."""
    for _ in range(600):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.1)
    raise AssertionError("it does not listen")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_ends_the_following_with_all_flows_exported(number, office, tmp_path):
    path, output = tmp_path / "x.pcap", tmp_path / "x.parquet"
    data = office.incident.read_bytes()
    path.write_bytes(data[:24])
    words = [*COMMAND, "flows", str(path), "--follow", "--json", "-o", str(output)]
    with subprocess.Popen(words, stdout=-1, stderr=-1) as following:
        try:
            until_it_listens(following)
            with write(path, *cut(data[24:], 20_000)):
                pass
            time.sleep(2)
            following.send_signal(number)
            out, err = following.communicate(timeout=60)
        finally:
            following.kill()
    assert following.returncode == 0, err
    told = json.loads(out)
    whole = call("flows", office.incident, "--json").json
    assert (told["flows"], told["ledger"]) == (whole["flows"], whole["ledger"])
    assert parquet.read_table(output).num_rows == told["flows"]


def test_a_duration_ends_the_following(office, tmp_path):
    told = call("flows", office.incident, "--follow", "--duration", "0.5")
    assert told.code == 0
    assert f"{len(told.out.splitlines()):,} flows" in told.err
