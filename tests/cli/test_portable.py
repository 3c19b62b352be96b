"""One model for captures and for sources that know less: what it finds, and what is refused."""

import json

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

import oddflow

from .call import call
from .captures import SCANNER

POOR = [
    "start", "end", "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "ip_version", "icmp_type",
    "forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes",
]  # fmt: skip


@pytest.fixture(scope="module")
def poor(office, tmp_path_factory):
    """The office's captures as an exporter would tell of them, and a model that was learnt on the capture."""
    folder = tmp_path_factory.mktemp("poor")
    for capture in (office.baseline, office.incident):
        flows = pa.Table.from_batches(oddflow.flows(capture)).select(POOR)
        pa_csv.write_csv(flows, folder / f"{capture.stem}.csv")
    learnt = call("learn", office.baseline, "-o", folder / "any.oddflow", "--detector", "robust-pca", "--portable")
    assert learnt.code == 0, learnt
    return folder


def alerts(source, model, place):
    found = call("detect", source, "-m", model, "-o", place)
    assert found.code == 0, found
    return [json.loads(line) for line in place.read_text().splitlines()]


def test_a_portable_model_finds_the_same_in_a_capture_and_in_records_of_it(office, poor, tmp_path):
    of_capture = alerts(office.incident, poor / "any.oddflow", tmp_path / "a.jsonl")
    of_records = alerts(poor / "incident.csv", poor / "any.oddflow", tmp_path / "b.jsonl")
    ends = [
        [(a["src_ip"], a["dst_ip"], a["dst_port"], a["score"]) for a in found] for found in (of_capture, of_records)
    ]
    assert ends[0] == ends[1]
    assert any(alert["src_ip"] == SCANNER for alert in of_records)


def test_a_model_of_captures_refuses_records_and_says_how_to_go_on(office, poor):
    refused = call("detect", poor / "incident.csv", "-m", office.model)
    assert refused.code == 2
    assert "this source does not know forward_payload_bytes" in refused.err.replace("\n", " ")
    assert "oddflow learn --portable" in refused.err.replace("\n", " ")
    assert call("learn", poor / "baseline.csv", "-o", poor / "x.oddflow").code == 2


def test_records_can_be_learnt_from(poor, tmp_path):
    learnt = call(
        "learn", poor / "baseline.csv", "-o", tmp_path / "x.oddflow", "--portable", "--detector", "robust-pca"
    )
    assert learnt.code == 0, learnt
    assert any(a["src_ip"] == SCANNER for a in alerts(poor / "incident.csv", tmp_path / "x.oddflow", tmp_path / "a"))


def test_without_a_model_records_are_judged_by_what_they_know(poor):
    found = call("detect", poor / "incident.csv", "--json")
    assert found.code == 0, found
    assert "only what all sources know" in " ".join(found.json["remarks"])
    assert any(row["top"]["src_ip"] == SCANNER for row in found.json["rows"])


def test_inspect_says_what_a_model_needs(poor):
    told = call("inspect", poor / "any.oddflow")
    assert "portable-1" in told.out
    assert "needs" in told.out
    assert "forward_packets, reverse_packets, forward_bytes, reverse_bytes" in told.out


def test_packets_are_looked_for_in_a_capture_not_in_records(office, poor, tmp_path):
    (first, *_) = alerts(poor / "incident.csv", poor / "any.oddflow", tmp_path / "a.jsonl")
    refused = call("extract", tmp_path / "a.jsonl", first["id"], "-w", tmp_path / "x.pcap")
    assert refused.code == 2
    assert "holds records, not packets" in refused.err.replace("\n", " ")
    assert not (tmp_path / "x.pcap").exists()
    found = call("extract", tmp_path / "a.jsonl", first["id"], "-w", tmp_path / "x.pcap", "--source", office.incident)
    assert found.code == 0, found
    assert f"{first['packets']} packets of {first['id']}" in found.err


def test_what_the_source_says_of_a_flow_stands_beside_the_alert(poor, tmp_path):
    flows = pa_csv.read_csv(poor / "incident.csv")
    said = pa.array(["ET SCAN \x1b[31mred" if source == SCANNER else None for source in flows["src_ip"].to_pylist()])
    named = flows.append_column("label", said).append_column("record_id", pa.array(["CuId1"] * flows.num_rows))
    pa_csv.write_csv(named, tmp_path / "said.csv")
    report = tmp_path / "x.html"
    found = call("detect", tmp_path / "said.csv", "-m", poor / "any.oddflow", "-o", tmp_path / "a", "--report", report)
    assert "the source says: ET SCAN" in " ".join(found.out.split())
    assert "ET SCAN" in report.read_text()
    alert = next(a for a in map(json.loads, (tmp_path / "a").read_text().splitlines()) if a["label"])
    told = call("explain", tmp_path / "a", alert["id"])
    assert "source says   ET SCAN" in told.out
    assert "CuId1 in " in told.out
    assert "first payload bytes" not in told.out
