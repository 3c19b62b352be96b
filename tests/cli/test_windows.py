"""Windows and rates, from capture to alert."""

import json

import pytest

from .call import call, refused
from .captures import SCANNER


def learnt(office, place, *words):
    outcome = call("learn", office.baseline, "-o", place, *words)
    assert outcome.code == 0, outcome
    return json.loads(call("inspect", place, "--json").out)


def alerts(office, model, place, source=None, rate="0.01"):
    found = call("detect", source or office.incident, "-m", model, "-o", place, "--false-alarm-rate", rate)
    assert found.code == 0, found
    return [json.loads(line) for line in place.read_text().splitlines()]


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ((), "windows-1"),
        (("--portable",), "windows-portable-1"),
        (("--no-payload",), "windows-no-payload-1"),
    ],
)
def test_a_model_of_windows_says_so_and_finds_the_scan(office, tmp_path, words, version):
    model = tmp_path / "x.oddflow"
    manifest = learnt(office, model, "--windows", "--detector", "robust-pca", *words)
    assert manifest["feature_schema_version"] == version
    assert set(manifest["context"]["windows_told"]) <= {"new", "day", "week"}
    assert "host_port_entropy" in {feature["name"] for feature in manifest["features"]}
    assert SCANNER in {alert["src_ip"] for alert in alerts(office, model, tmp_path / "a.jsonl")}


def test_entropies_of_windows_alone_are_all_reasons(office, tmp_path):
    model = tmp_path / "x.oddflow"
    manifest = learnt(office, model, "--windows", "--detector", "entropy", "--option", "of=windows")
    told = {feature["name"] for feature in manifest["features"] if feature["unit"] == "bits"}
    found = alerts(office, model, tmp_path / "a.jsonl", rate="0.3")
    named = {reason["feature"] for alert in found if alert["kind"] != "collective" for reason in alert["reasons"]}
    assert named
    assert named <= told


def test_entropies_of_windows_need_windows(office, tmp_path):
    learn = ("learn", office.baseline, "-o", tmp_path / "x.oddflow")
    refused(call(*learn, "--detector", "entropy", "--option", "of=windows"), "learn with --windows")
    refused(call(*learn, "--detector", "packet-markov-chain", "--windows"), "leave --windows out")
    refused(call(*learn, "--detector", "traffic-rate", "--windows"), "leave --windows out")


def test_a_model_of_rates_judges_a_capture_and_its_log_alike(office, tmp_path):
    model, csv = tmp_path / "x.oddflow", tmp_path / "flows.csv"
    manifest = learnt(office, model, "--detector", "traffic-rate", "--option", "view=fft", "--portable")
    assert manifest["feature_schema_version"] == "rates-1"
    assert call("flows", office.incident, "-o", csv).code == 0
    told = [alerts(office, model, tmp_path / "a.jsonl", source, "0.2") for source in (office.incident, csv)]
    assert SCANNER in {alert["src_ip"] for alert in told[0]}
    assert [alert["score"] for alert in told[0]] == [alert["score"] for alert in told[1]]
    texts = [alert["reasons"][0]["text"] for alert in told[0] if alert["kind"] != "collective"]
    assert all("s before" in text or "that of this flow" in text for text in texts)
