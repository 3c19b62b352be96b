"""--no-payload, --pseudonymise and keys, from the command line."""

import json

import pyarrow.parquet as pq
import pytest

from .call import call, fixed_key, refused
from .captures import SCANNED, SCANNER

CLEAR = ("10.0.0.", "fd00::", "intranet", "printer")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return fixed_key(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture(scope="module")
def keyed(office, key, tmp_path_factory):
    """A model and alerts under pseudonyms."""
    folder = tmp_path_factory.mktemp("keyed")
    words = ("--pseudonymise", key)
    learnt = call("learn", office.baseline, "-o", folder / "m.oddflow", "--detector", "robust-pca", *words)
    assert learnt.code == 0, learnt
    found = call("detect", office.incident, "-m", folder / "m.oddflow", "-o", folder / "a.jsonl", "--json", *words)
    assert found.code == 0, found
    return folder


def alerts(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_new_key_is_never_printed(tmp_path):
    made = call("keys", "new", tmp_path / "key")
    content = (tmp_path / "key").read_bytes()
    assert content.hex() not in made.out + made.err
    assert "without it no pseudonym leads back" in made.err


def test_addresses_and_networks_are_mapped_there_and_back(key):
    there = call("keys", "map", key, "10.0.0.66", "10.0.0.0/8", "fd00::5", "--json").json
    back = call("keys", "map", key, "--back", *there.values(), "--json").json
    assert list(back.values()) == list(there)
    assert there["10.0.0.66"].split(".")[0] == there["10.0.0.0/8"].split(".")[0]
    assert "10.0.0.66  " in call("keys", "map", key, "10.0.0.66").out


def test_what_is_no_address_is_refused(key):
    refused(call("keys", "map", key, "intranet"), "intranet", "10.0.0.0/8")


def test_a_table_under_pseudonyms_holds_no_address_name_or_byte(office, key, tmp_path):
    path = tmp_path / "x.parquet"
    assert call("flows", office.incident, "-o", path, "--pseudonymise", key).code == 0
    table = pq.read_table(path)
    assert table["payload"].null_count == table.num_rows > 0
    told = " ".join(str(value) for name in table.schema.names if name[:2] not in {"le", "ga"}
                    for value in set(table[name].to_pylist()) if isinstance(value, str))  # fmt: skip
    assert not [clear for clear in CLEAR if clear in told]
    assert "10.0.0." not in call("flows", office.incident, "--pseudonymise", key).out


def test_a_model_under_pseudonyms_finds_what_one_without_does(office, keyed, key):
    plain, found = alerts(office.alerts), alerts(keyed / "a.jsonl")
    assert len(found) == len(plain)
    assert max(a["score"] for a in found) == pytest.approx(max(a["score"] for a in plain), rel=1e-3)
    mapped = call("keys", "map", key, SCANNER, SCANNED, "--json").json
    assert (found[0]["src_ip"], found[0]["dst_ip"]) == (mapped[SCANNER], mapped[SCANNED])


def test_alerts_reports_and_models_tell_nothing(office, keyed, key, tmp_path):
    report, alert_file = tmp_path / "r.html", tmp_path / "a.jsonl"
    words = ("-m", office.model, "--pseudonymise", key, "--report", report, "-o", alert_file)
    assert call("detect", office.incident, *words).code == 0
    told = [report.read_text(), alert_file.read_text(), (keyed / "a.jsonl").read_text()]
    told.append(call("inspect", keyed / "m.oddflow", "--json").out)
    for text in told:
        assert not [clear for clear in (*CLEAR, "incident.pcap", "baseline.pcap") if clear in text]
    assert {alert["payload"] for alert in alerts(alert_file)} == {""}


def test_a_model_without_pseudonyms_serves_flows_under_them(office, key):
    words = ("detect", office.incident, "-m", office.model, "--truth", office.truth, "--json")
    plain, keyed = call(*words).json, call(*words, "--pseudonymise", key).json
    # the names of incidents are made of addresses, and so are others
    assert [len(one["truth"]["incidents"].pop("of_attack")["port scan"]) for one in (plain, keyed)] == [1, 1]
    assert keyed["truth"] == plain["truth"]
    # groups are not watched there: no host would be known
    groups = int(next(note for note in plain["remarks"] if note.startswith("groups")).rpartition("; ")[2].split()[0])
    assert sum(row["flows"] for row in keyed["rows"]) == sum(row["flows"] for row in plain["rows"]) - groups


def test_a_model_under_pseudonyms_refuses_flows_without(office, keyed):
    refused(call("detect", office.incident, "-m", keyed / "m.oddflow"), "under pseudonyms of the key", "under none")


def test_a_model_under_pseudonyms_refuses_another_key(office, keyed, tmp_path):
    call("keys", "new", tmp_path / "other")
    words = ("detect", office.incident, "-m", keyed / "m.oddflow", "--pseudonymise", tmp_path / "other")
    refused(call(*words), "under pseudonyms of the key", "those of")


def test_sources_under_pseudonyms_and_without_are_not_mixed(office, key, tmp_path):
    table = tmp_path / "x.parquet"
    call("flows", office.baseline, "-o", table, "--pseudonymise", key)
    words = ("learn", table, office.baseline, "-o", tmp_path / "m.oddflow", "--portable", "--detector", "robust-pca")
    refused(call(*words), "pseudonyms of different keys")


def test_what_is_said_of_an_alert_names_the_key_that_its_packets_need(keyed):
    first = alerts(keyed / "a.jsonl")[0]["id"]
    said = call("explain", keyed / "a.jsonl", first).out
    assert f"{first}.pcap --source CAPTURE.pcap --pseudonymise KEYFILE" in said


def test_packets_of_an_alert_under_pseudonyms_need_its_key(office, keyed, key, tmp_path):
    path, target = keyed / "a.jsonl", tmp_path / "x.pcap"
    first = alerts(path)[0]["id"]
    refused(call("extract", path, first, "-w", target), "under pseudonyms", "--pseudonymise")
    refused(call("extract", path, first, "-w", target, "--pseudonymise", key), "--source")
    words = ("extract", path, first, "-w", target, "--source", office.incident, "--json")
    found = call(*words, "--pseudonymise", key).json
    assert found["packets"] == found["expected"] > 0
    call("keys", "new", tmp_path / "other")
    refused(call(*words, "--pseudonymise", tmp_path / "other"), "and the alert's is")


def test_packets_of_pings_are_found_among_several_captures(office, key, tmp_path):
    alert_file, target = tmp_path / "a.jsonl", tmp_path / "x.pcap"
    words = ("--merge", "-m", office.model, "--pseudonymise", key, "--false-alarm-rate", "0.5", "-o", alert_file)
    assert call("detect", office.incident, office.lossy, *words).code == 0
    ping = next(alert for alert in alerts(alert_file) if alert["protocol"] == 1)
    assert len(ping["captures"]) == 2
    where = ("--source", office.incident, "--source", office.lossy)
    found = call("extract", alert_file, ping["id"], "-w", target, *where, "--pseudonymise", key, "--json").json
    assert found["packets"] == found["expected"]


def test_a_model_learnt_without_payload_asks_for_none(office, tmp_path):
    model, found = tmp_path / "m.oddflow", tmp_path / "a.jsonl"
    assert call("learn", office.baseline, "-o", model, "--detector", "robust-pca", "--no-payload").code == 0
    manifest = call("inspect", model, "--json").json
    assert "payload_entropy" not in json.dumps(manifest)
    assert call("detect", office.incident, "-m", model, "-o", found).code == 0
    assert {alert["payload"] for alert in alerts(found)} == {""}
    assert {alert["payload_bytes"] > 0 for alert in alerts(found)} <= {True, False}


def test_a_model_that_looks_at_payload_refuses_to_go_without(office):
    words = ("detect", office.incident, "-m", office.model, "--no-payload")
    refused(call(*words), "--no-payload keeps none", "learn --no-payload")


@pytest.mark.parametrize("words", [("--no-payload",), ("--pseudonymise",), ("--no-payload", "--pseudonymise")])
def test_without_a_model_detection_keeps_its_promise(office, key, words, tmp_path):
    words = [*words, key] if words[-1] == "--pseudonymise" else words
    found = tmp_path / "a.jsonl"
    assert call("detect", "-", "-o", found, *words, stdin=office.incident.read_bytes()).code == 0
    assert alerts(found)
    assert {alert["payload"] for alert in alerts(found)} == {""}
    if key in words:
        assert "10.0.0." not in found.read_text()


def test_rows_of_one_service_stay_apart_without_payload(office, tmp_path):
    model = tmp_path / "m.oddflow"
    call("learn", office.baseline, "-o", model, "--detector", "robust-pca", "--no-payload")
    words = ("detect", office.incident, "--json", "--false-alarm-rate", "0.5")
    ports = {(row["top"]["src_ip"], row["top"]["dst_port"]) for row in call(*words, "-m", model).json["rows"]}
    assert len({port for source, port in ports if source == "10.0.0.2"}) > 1


def test_a_key_that_others_may_read_is_refused(office, tmp_path):
    call("keys", "new", tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    refused(call("flows", office.incident, "--pseudonymise", tmp_path / "key"), "chmod 600")
