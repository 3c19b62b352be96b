"""`flows` and `detect` with --ray: the same words, the same results."""

import importlib.util
import json

import pyarrow.parquet as pq
import pytest

from oddflow import api
from tests.cli.call import call, refused
from tests.cluster.captures import conversations, write_files

pytest.importorskip("ray", reason="ray is an extra")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three captures, one after the other."""
    return write_files(tmp_path_factory.mktemp("commands") / "in", conversations(31, 1200), 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """What is normal in the office."""
    path = tmp_path_factory.mktemp("model") / "office.oddflow"
    api.learn(api.examples() / "office-baseline.pcap.zst", output=path, detector="robust-pca")
    return path


def test_flows_go_to_a_folder_that_is_kept_up_to_date(ray_here, folder, tmp_path):
    first = call("flows", folder, "--ray", "local", "-o", tmp_path / "flows", "--json").json
    again = call("flows", folder, "--ray", "local", "-o", tmp_path / "flows", "--json").json
    plain = call("flows", folder, "--json").json
    assert first["flows"] == again["flows"] == plain["flows"] > 100
    assert first["ledger"] == again["ledger"] == plain["ledger"]
    assert [source["done"] for source in (*first["sources"], *again["sources"])] == ["new", "unchanged"]
    assert call("flows", tmp_path / "flows", "--json").json["flows"] == plain["flows"]


def test_a_table_is_the_same_file(ray_here, folder, tmp_path):
    for words in ((), ("--ray", "local", "--workers", "2")):
        assert call("flows", folder, *words, "-o", tmp_path / f"{len(words)}.csv", "--statistics").code == 0
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "4.csv").read_bytes()


def test_what_is_told_at_the_end(ray_here, folder, tmp_path):
    told = call("flows", folder, "--ray", "local", "-o", tmp_path / "flows").err
    assert "1 source new" in told
    assert f"in {tmp_path / 'flows'}" in told
    assert "metered 1,166 + lost 34" in told


def test_detect_comes_to_the_same_alerts(ray_here, model, tmp_path):
    incident = api.examples() / "office-incident.pcap.zst"
    outcomes = []
    for name, words in (("plain", ()), ("ray", ("--ray", "local"))):
        outcome = call("detect", incident, "-m", model, "-o", tmp_path / f"{name}.jsonl", "--json", *words)
        outcomes.append(outcome.json)
    assert (tmp_path / "plain.jsonl").read_bytes() == (tmp_path / "ray.jsonl").read_bytes() != b""
    assert json.dumps(outcomes[0]) == json.dumps(outcomes[1])


def test_pseudonyms_and_payload_are_kept_from_parts(ray_here, folder, tmp_path):
    assert call("flows", folder, "--ray", "local", "--no-payload", "-o", tmp_path / "flows").code == 0
    tables = [pq.read_table(path, partitioning=None) for path in (tmp_path / "flows").rglob("*.parquet")]
    assert tables
    assert all(table["payload"].null_count == table.num_rows for table in tables)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("flows", "a.pcap", "--ray", "local", "--follow"), "--ray reads files to their end"),
        (("flows", "-i", "lo", "--ray", "local"), "--ray reads files to their end"),
        (("flows", "-", "--ray", "local", "-o", "x"), "can be read only once"),
        (("flows", "absent.pcap", "--ray", "local", "-o", "x"), "absent.pcap does not exist"),
        (("detect", "a.pcap", "--ray", "local"), "without a model"),
        (("detect", "a.pcap", "-m", "m", "--workers", "2"), "--workers goes with --ray"),
    ],
)
def test_what_makes_no_sense_is_refused(ray_here, words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(call(*words), expected)


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else known(name))
    refused(call("flows", "a.pcap", "--ray", "local"), "--ray needs ray", "pip install 'oddflow[cluster]'")
