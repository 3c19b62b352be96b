"""Detectors of bytes and of packets, from capture to alert."""

import json
from importlib.util import find_spec

import pytest

from .call import call, refused
from .captures import SCANNER


def learnt(office, place, *words):
    outcome = call("learn", office.baseline, "-o", place, *words)
    assert outcome.code == 0, outcome
    return place


def reasons(office, model, place):
    found = call("detect", office.incident, "-m", model, "-o", place)
    assert found.code == 0, found
    alerts = [json.loads(line) for line in place.read_text().splitlines()]
    return [alert["reasons"][0]["text"] for alert in alerts if alert["src_ip"] == SCANNER]


@pytest.fixture(scope="module")
def chain(office, tmp_path_factory):
    return learnt(office, tmp_path_factory.mktemp("chain") / "chain.oddflow", "--detector", "packet-markov-chain")


def test_packets_that_never_followed_each_other_are_found_and_named(office, chain, tmp_path):
    found = reasons(office, chain, tmp_path / "a.jsonl")
    assert found
    assert any("packet" in text for text in found)


def test_a_model_of_packets_says_what_it_needs_and_refuses_logs(office, chain, tmp_path):
    assert "lengths, gaps_us" in call("inspect", chain).out
    csv = tmp_path / "flows.csv"
    assert call("flows", office.incident, "-o", csv).code == 0
    refused(call("detect", csv, "-m", chain), "lengths")


def test_a_model_of_packets_learns_the_same_from_a_table(office, chain, tmp_path):
    table = tmp_path / "flows.parquet"
    assert call("flows", office.baseline, "-o", table).code == 0
    again = tmp_path / "again.oddflow"
    assert call("learn", table, "-o", again, "--detector", "packet-markov-chain").code == 0
    first, second = (json.loads(call("inspect", model, "--json").out)["parts"] for model in (chain, again))
    assert first["graph.onnx"] == second["graph.onnx"]


@pytest.mark.skipif(find_spec("torch") is None, reason="images need torch")
@pytest.mark.parametrize("payload", ["session", "flow-frames"])
def test_bytes_of_each_kind_are_learnt_sealed_and_scored(office, payload, tmp_path):
    options = ("--option", "epochs=1", "--option", "width=2", "--payload", payload)
    model = learnt(office, tmp_path / "x.oddflow", "--detector", "convolutional-autoencoder", *options)
    manifest = json.loads(call("inspect", model, "--json").out)
    assert manifest["feature_schema_version"] == "image-1"
    assert manifest["meter"]["payload"] == payload
    assert manifest["options"]["epochs"] == 1
    found = call("detect", office.incident, "-m", model, "--json")
    assert found.code == 0, found
    refused(call("detect", office.incident, "-m", model, "--no-payload"), "--no-payload")


def test_words_that_do_not_go_together_are_refused(office, tmp_path):
    learn = ("learn", office.baseline, "-o", tmp_path / "x.oddflow", "--detector", "packet-markov-chain")
    refused(call(*learn, "--portable"), "learns from the first packets", "--portable")
    refused(call(*learn, "--option", "depth=3"), "has no option 'depth'", "unseen")
    refused(call(*learn, "--option", "unseen=many"), "cannot be 'many'", "like 0.1")
    refused(call(*learn, "--option", "unseen=nan"), "from 1e-06 to 1e+06")
    refused(call(*learn, "--option", "seed=1"), "has no option 'seed'")
    refused(call("learn", office.baseline, "-o", tmp_path / "x.oddflow", "--detector", "magic"), "no detector 'magic'")
