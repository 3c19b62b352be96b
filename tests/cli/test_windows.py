"""Windows and rates, from capture to alert."""

import json

import pytest

from .call import call, refused
from .captures import SCANNER


def learnt(office, place, *words):
    outcome = call("learn", office.baseline, "-o", place, *words)
    assert outcome.code == 0, outcome
    return json.loads(call("inspect", place, "--json").out)


def alerts(office, model, place):
    found = call("detect", office.incident, "-m", model, "-o", place)
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


def test_entropies_of_windows_alone_find_the_scan_and_are_its_reasons(office, tmp_path):
    model = tmp_path / "x.oddflow"
    learnt(office, model, "--windows", "--detector", "entropy", "--option", "of=windows")
    texts = [alert["reasons"][0]["text"] for alert in alerts(office, model, tmp_path / "a.jsonl")]
    assert texts
    assert all("bits" in text for text in texts)


def test_entropies_of_windows_need_windows(office, tmp_path):
    learn = ("learn", office.baseline, "-o", tmp_path / "x.oddflow")
    refused(call(*learn, "--detector", "entropy", "--option", "of=windows"), "learn with --windows")
    refused(call(*learn, "--detector", "packet-markov-chain", "--windows"), "leave --windows out")
    refused(call(*learn, "--detector", "traffic-rate", "--windows"), "leave --windows out")


@pytest.mark.parametrize("view", ["fft", "wavelet", "cusum"])
def test_rates_find_the_scan_in_a_capture_and_in_its_log(office, tmp_path, view):
    model = tmp_path / "x.oddflow"
    manifest = learnt(office, model, "--detector", "traffic-rate", "--option", f"view={view}")
    assert manifest["feature_schema_version"] == "rates-1"
    csv = tmp_path / "flows.csv"
    assert call("flows", office.incident, "-o", csv).code == 0
    for source in (office.incident, csv):
        found = call("detect", source, "-m", model, "-o", tmp_path / "a.jsonl", "--false-alarm-rate", "0.01")
        assert found.code == 0, found
        told = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        assert SCANNER in {alert["src_ip"] for alert in told}
        assert all(
            "s before" in alert["reasons"][0]["text"] or "this flow" in alert["reasons"][0]["text"] for alert in told
        )
