"""One flow from its bytes to the alert and back to its bytes; tables and captures give the same."""

import json
import shutil
import subprocess

import pyarrow as pa
import pytest

import oddflow
from oddflow.capture.extraction import Wanted, extract_packets
from tests.capture.build import pcap

from .call import call, refused
from .captures import SCANNED_PORTS, capture


def shown(outcome):
    """What a detection found, apart from where it was read."""
    rows = outcome.json["rows"]
    return [
        (row["flows"], row["top"]["src_ip"], row["top"]["dst_ip"], row["top"]["dst_port"], row["top"]["score"])
        for row in rows
    ]


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_a_table_gives_what_its_capture_gives(ending, office, tmp_path):
    tables = {}
    for name in ("baseline", "incident"):
        tables[name] = tmp_path / f"{name}{ending}"
        assert call("flows", vars(office)[name], "-o", tables[name]).code == 0
    metered = list(oddflow.flows(office.incident))
    read = list(oddflow.flows(tables["incident"]))
    assert pa.Table.from_batches(read).equals(pa.Table.from_batches(metered))

    model = tmp_path / "x.oddflow"
    assert call("learn", tables["baseline"], "-o", model, "--detector", "robust-pca").code == 0
    from_table = call("detect", tables["incident"], "-m", model, "--json")
    from_capture = call("detect", office.incident, "-m", office.model, "--json")
    assert shown(from_table) == shown(from_capture)
    assert from_table.json["rows"][0]["flows"] > SCANNED_PORTS / 2


def test_a_csv_keeps_all_but_sequences_and_bytes(office, tmp_path):
    table = tmp_path / "flows.csv"
    assert call("flows", office.incident, "-o", table).code == 0
    read = pa.Table.from_batches(list(oddflow.flows(table)))
    metered = pa.Table.from_batches(list(oddflow.flows(office.incident)))
    nested = ["lengths", "gaps_us", "payload"]
    assert read.drop_columns(nested).equals(metered.drop_columns(nested))
    refused(call("detect", table, "-m", office.model), "does not know payload", ".parquet")


def test_several_sources_are_one_stream(office):
    one = call("flows", office.baseline, "--json").json["flows"]
    other = call("flows", office.incident, "--json").json["flows"]
    assert call("flows", office.baseline, office.incident, "--json").json["flows"] == one + other


def test_the_same_again_gives_the_same(office, tmp_path):
    again = tmp_path / "again.jsonl"
    assert call("detect", office.incident, "-m", office.model, "-o", again).code == 0
    assert again.read_bytes() == office.alerts.read_bytes()


def test_a_model_learnt_again_gives_alerts_the_same_ids(office, tmp_path):
    model, again = tmp_path / "again.oddflow", tmp_path / "again.jsonl"
    assert call("learn", office.baseline, "-o", model, "--detector", "robust-pca").code == 0
    assert call("detect", office.incident, "-m", model, "-o", again).code == 0
    assert ids(again) == ids(office.alerts)


def test_without_a_model_ids_are_stable_and_the_same_from_standard_input(office, tmp_path):
    alerts = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for path in alerts[:2]:
        assert call("detect", office.incident, "-o", path).code == 0
    assert call("detect", "-", "-o", alerts[2], stdin=office.incident.read_bytes()).code == 0
    assert ids(alerts[0]) == ids(alerts[1]) == ids(alerts[2])
    assert {json.loads(line)["source"] for line in alerts[2].read_text().splitlines()} == {"-"}


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_losses_of_all_sources_are_told_beside_standard_input(office):
    outcome = call("detect", "-", office.lossy, "--json", stdin=office.incident.read_bytes())
    assert outcome.code == 0
    assert outcome.json["ledger"]["lost"] == 8


def test_nothing_on_standard_input_is_named_so():
    outcome = call("detect", "-", stdin=pcap([]))
    assert outcome.code == 2
    assert "no flow in -: no packets are in it" in outcome.message


def test_explain_tells_what_the_alert_holds(office, an_id):
    alert = json.loads(office.alerts.read_text().splitlines()[0])
    told = call("explain", office.alerts, an_id[:8])
    assert told.code == 0
    for reason in alert["reasons"]:
        assert reason["text"] in told.out
    lines = told.out.splitlines()
    assert f"Wireshark     {alert['wireshark_filter']}" in lines  # on one line, to be copied
    assert f"Community ID  {alert['community_id']}" in lines
    assert lines[-1] == f"packets       oddflow extract {office.alerts} {an_id} -w {an_id}.pcap"


def test_explain_as_json_is_the_line(office, an_id):
    line = json.loads(office.alerts.read_text().splitlines()[0])
    told = call("explain", office.alerts, an_id, "--json").json
    assert told == line


def test_extract_writes_exactly_the_packets_of_each_alert(office, tmp_path):
    for line in office.alerts.read_text().splitlines()[:10]:
        alert, path = json.loads(line), tmp_path / "x.pcap"
        outcome = call("extract", office.alerts, alert["id"], "-w", path, "--json")
        assert outcome.code == 0
        assert outcome.json["packets"] == outcome.json["expected"] == alert["packets"]
        lengths = [len(frame) - 14 for frame in frames(path)]
        assert lengths == [abs(length) for length in alert["lengths"]]


def frames(path):
    scapy = pytest.importorskip("scapy.utils")
    with scapy.RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


def test_every_flow_can_be_extracted(office, tmp_path):
    """ICMP too, where two pings cross and have no ports to tell them apart."""
    flows = pa.Table.from_batches(list(oddflow.flows(office.incident)))
    for name in ("start", "end"):
        place = flows.schema.get_field_index(name)
        flows = flows.set_column(place, name, flows[name].cast(pa.int64()))
    rows = flows.to_pylist()
    kinds = {}
    for row in rows:
        kinds.setdefault((row["protocol"], row["ip_version"]), []).append(row)
    assert set(kinds) >= {(6, 4), (17, 4), (17, 6), (1, 4)}
    assert len(kinds[1, 4]) == 12
    for row in [row for alike in kinds.values() for row in alike[:12]]:
        ends = ((row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"]))
        wanted = Wanted(*ends, row["protocol"], row["start"], row["end"], row["first_packet"])
        written = extract_packets(str(office.incident), wanted, str(tmp_path / "x.pcap"))
        assert written == row["forward_packets"] + row["reverse_packets"], row


def test_the_filter_selects_the_same_packets_in_tshark(office, an_id, tmp_path):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    alert = call("explain", office.alerts, an_id, "--json").json
    path = tmp_path / "x.pcap"
    assert call("extract", office.alerts, an_id, "-w", path).code == 0
    words = ["tshark", "-r", office.incident, "-Y", alert["wireshark_filter"], "-T", "fields", "-e", "frame.time_epoch"]
    chosen = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    words = ["tshark", "-r", path, "-T", "fields", "-e", "frame.time_epoch"]
    extracted = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert len(extracted) == alert["packets"]
    assert [float(time) for time in chosen] == pytest.approx([float(time) for time in extracted])


@pytest.mark.parametrize("name", ["with space.pcap", "Zürich – 東京.pcap", "two\nlines.pcap", "-dash.pcap", "[b].pcap"])
def test_any_name_goes_the_whole_way(name, office, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(capture(scan=True, seed=2))
    alerts, path = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.out.pcap"
    assert call("detect", "-m", office.model, "-o", alerts, "--report", f"./{name}.html", "--", name).code == 0
    an_id = ids(alerts)[0]
    assert call("explain", alerts, an_id).code == 0
    assert call("extract", alerts, an_id, "-w", path).code == 0
    assert path.stat().st_size
    assert call("flows", "-o", f"./{name}.csv", "--", name).code == 0
    assert call("learn", "-o", f"./{name}.oddflow", "--detector", "robust-pca", "--", name).code == 0
    assert call("inspect", f"./{name}.oddflow").code == 0


def test_another_capture_than_the_alerts_is_noticed(office, an_id, tmp_path):
    outcome = call("extract", office.alerts, an_id, "-w", tmp_path / "x.pcap", "--source", office.baseline)
    assert outcome.code == 2
    assert "no packet of this flow" in outcome.message
    assert "--source" in outcome.message
    assert not list(tmp_path.iterdir())


def test_a_capture_cut_since_then_is_noticed(office, tmp_path):
    alert = max((json.loads(line) for line in office.alerts.read_text().splitlines()), key=lambda a: a["first_packet"])
    data = office.incident.read_bytes()
    cut, path = tmp_path / "cut.pcap", tmp_path / "x.pcap"
    packet, at = 1, 24
    while packet <= alert["first_packet"]:  # up to and with its first packet, and a piece of the next
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        packet += 1
    cut.write_bytes(data[: at + 20])
    outcome = call("extract", office.alerts, alert["id"], "-w", path, "--source", cut)
    assert outcome.code == 0
    assert "damaged" in outcome.err
    assert f"the alert counted {alert['packets']}" in outcome.err


@pytest.mark.slow
def test_the_demo_from_start_to_report(tmp_path):
    if not (oddflow.examples() / "office-baseline.pcap.zst").is_file():
        pytest.skip("examples/ holds no captures; `make lab` records them")
    out = tmp_path / "out"
    outcome = call("demo", "--out", out, "--detector", "robust-pca", "--json")
    assert outcome.code == 0
    assert all(attack["best_rank"] for attack in outcome.json["truth"]["attacks"])
    assert {path.name for path in out.iterdir()} == {"office.oddflow", "alerts.jsonl", "report.html"}
