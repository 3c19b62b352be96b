"""KitNET from the command line: learnt on packets, it judges flows."""

import json

import pytest

from oddflow.errors import UsageError
from oddflow.features.packet_sample import gather_packets
from oddflow.learning.learn import learn
from tests.learning.make import gathered

from .call import call
from .captures import SCANNER


@pytest.fixture(scope="module")
def model(office, tmp_path_factory):
    place = tmp_path_factory.mktemp("kitnet") / "office.oddflow"
    learnt = call("learn", office.baseline, "-o", place, "--detector", "kitnet")
    assert learnt.code == 0, learnt
    return place


def test_odd_flows_name_their_worst_packet(office, model, tmp_path):
    found = call("detect", office.incident, "-m", model, "--false-alarm-rate", "0.01", "-o", tmp_path / "a.jsonl")
    assert found.code == 0, found
    alerts = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert alerts[0]["src_ip"] == SCANNER
    texts = [reason["text"] for reason in alerts[0]["reasons"]]
    assert all(text.startswith("packet ") and "{" not in text for text in texts)
    assert "worst packet" in found.err + found.out


def alerts(place):
    found = [json.loads(line) for line in place.read_text().splitlines()]
    return sorted((alert["id"], alert["score"], alert["reasons"][0]["text"]) for alert in found)


@pytest.mark.parametrize("name", ["incident", "lossy"])
def test_a_capture_that_is_watched_gives_the_alerts_of_detect(office, model, tmp_path, name):
    source, words = getattr(office, name), ("-m", model, "--false-alarm-rate", "0.02")
    assert call("detect", source, *words, "-o", tmp_path / "a.jsonl").code == 0
    watched = call("watch", source, *words, "-o", tmp_path / "b.jsonl", "--duration", 2, "--patience", 400)
    assert watched.code == 0, watched
    assert alerts(tmp_path / "a.jsonl")
    assert alerts(tmp_path / "b.jsonl") == alerts(tmp_path / "a.jsonl")


def test_reasons_keep_pseudonyms(office, model, tmp_path):
    call("keys", "new", tmp_path / "key")
    words = ("-m", model, "--false-alarm-rate", "0.02", "--pseudonymise", tmp_path / "key")
    both = ("--merge", office.baseline, office.incident)
    assert call("detect", *both, *words, "-o", tmp_path / "a.jsonl").code == 0
    told = (tmp_path / "a.jsonl").read_text()
    assert "packet " in told
    assert "10.0.0." not in told
    assert "incident.pcap" not in told


@pytest.mark.slow
def test_it_says_where_a_baseline_was_too_long(office, tmp_path, monkeypatch):
    words = ("learn", office.baseline, "-o", tmp_path / "m.oddflow", "--detector", "kitnet")
    assert "packets, that is" not in call(*words).err
    monkeypatch.setattr("oddflow.features.packet_sample.gather_packets.__kwdefaults__", kept(900))
    assert "its first 900 packets, that is" in call(*words).err


def kept(packets):
    return gather_packets.__kwdefaults__ | {"max_packets": packets}


def test_it_says_what_it_needs(model):
    shown = call("inspect", model)
    assert "needs          packets" in shown.out
    assert "kitnet" in shown.out


def test_flows_are_refused_where_packets_are_needed(office, model, tmp_path):
    table = tmp_path / "flows.parquet"
    assert call("flows", office.incident, "-o", table).code == 0
    refused = call("detect", table, "-m", model)
    assert refused.code == 2
    assert "give it the capture itself" in refused.err
    refused = call("learn", table, "-o", tmp_path / "m.oddflow", "--detector", "kitnet")
    assert refused.code == 2
    assert "this detector learns packets" in refused.err


def test_portable_features_do_not_go_with_packets(office, tmp_path):
    refused = call("learn", office.baseline, "-o", tmp_path / "m.oddflow", "--detector", "kitnet", "--portable")
    assert refused.code == 2
    assert "leave --portable out" in refused.err


def test_too_few_flows_are_refused_however_many_packets_they_have():
    rows = gathered(400)
    rows.owners, rows.flows = rows.times_ns % 7, 7
    with pytest.raises(UsageError, match="7 flows are too few"):
        learn(rows, detector="kitnet")


def test_a_flow_is_calibrated_by_its_worst_packet():
    rows = gathered(400)
    rows.owners, rows.flows = (rows.times_ns // 10**10), 40
    archive = learn(rows, detector="kitnet")
    assert 40 <= archive.manifest.calibration.rows <= 43  # a flow that crosses from quarter to quarter counts twice
