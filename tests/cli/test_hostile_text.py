"""What a stranger wrote (file names, alerts, truth) never acts on the terminal; `call` looks for control characters."""

import json

import pytest

from .call import call

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e[red]x[/red][/]"


@pytest.mark.parametrize("command", ["flows", "learn", "detect", "inspect"])
def test_names_of_missing_files(command, tmp_path):
    more = ["-o", tmp_path / "x"] if command == "learn" else []
    assert call(command, tmp_path / ESCAPES, *more).code == 2


def test_names_of_files_that_are_there(office, tmp_path):
    place = tmp_path / ESCAPES.replace("/", "")
    place.write_bytes(office.incident.read_bytes())
    alerts = tmp_path / f"{place.name}.jsonl"
    assert call("flows", place).code == 0
    assert call("detect", place, "-m", office.model, "-o", alerts).code == 0
    an_id = json.loads(alerts.read_text().splitlines()[0])["id"]
    assert call("explain", alerts, an_id).code == 0
    assert call("extract", alerts, an_id, "-w", tmp_path / f"{place.name}.out").code == 0
    model = tmp_path / f"{place.name}.oddflow"
    assert call("learn", place, "-o", model, "--detector", "robust-pca").code == 0
    assert call("inspect", model).code == 0


def hostile(office, tmp_path, **changes):
    record = json.loads(office.alerts.read_text().splitlines()[0]) | changes
    path = tmp_path / "alerts.jsonl"
    path.write_text(json.dumps(record) + "\n")
    return path, record["id"]


@pytest.mark.parametrize("field", ["src_ip", "dst_ip", "community_id", "rarity", "source", "wireshark_filter", "truth"])
def test_words_of_an_alert(field, office, tmp_path):
    path, an_id = hostile(office, tmp_path, **{field: ESCAPES})
    outcome = call("explain", path, an_id)
    assert outcome.code == 0
    assert call("extract", path, an_id, "-w", tmp_path / "x.pcap").code in {0, 2}


def test_reasons_of_an_alert(office, tmp_path):
    reason = {"feature": ESCAPES, "value": 1, "normal_low": 1, "normal_high": 1, "share": 0.5, "text": ESCAPES}
    outcome = call("explain", *hostile(office, tmp_path, reasons=[reason] * 3))
    assert outcome.code == 0
    assert "[red]x[/red]" in outcome.out


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "; rm -rf ~"},
        {"id": "../../x"},
        {"score": float("nan")},
        {"score": "high"},
        {"packets": -1},
        {"packets": 10**400},
        {"first_packet": 10**30},
        {"src_port": 70_000},
        {"protocol": 256},
        {"lengths": [10**9]},
        {"payload": "zz"},
        {"start": "yesterday"},
        {"end": "0001-01-01T00:00:00+14:00"},
        {"reasons": [{"feature": "x", "value": 1, "normal_low": 1, "normal_high": 1, "share": 1e12, "text": ""}]},
        {
            "reasons": [
                {"feature": "x", "value": 1, "normal_low": 1, "normal_high": 1, "share": float("nan"), "text": ""}
            ]
        },
    ],
    ids=str,
)
def test_values_that_no_alert_has(changes, office, tmp_path):
    path, an_id = hostile(office, tmp_path, **changes)
    outcome = call("explain", path, an_id[:12])
    assert outcome.code == 2
    assert f"{path}, line 1" in outcome.message
    assert "detect -o" in outcome.message


@pytest.mark.parametrize("ends", [("10.0.0.1", "fd00::1"), ("nowhere", "10.0.0.1"), ("10.0.0.1", "")])
def test_addresses_that_are_none(ends, office, tmp_path):
    path, an_id = hostile(office, tmp_path, src_ip=ends[0], dst_ip=ends[1])
    outcome = call("extract", path, an_id, "-w", tmp_path / "x.pcap")
    assert outcome.code == 2
    assert "damaged" in outcome.message


def test_a_command_to_copy_is_quoted(office, tmp_path):
    path = tmp_path / "$(reboot) x.jsonl"
    path.write_bytes(office.alerts.read_bytes())
    an_id = office.alerts.read_text().split('"')[3]
    assert f"oddflow extract '{path}' {an_id}" in call("explain", path, an_id).out


def test_names_of_attacks_in_a_truth(office, tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text(office.truth.read_text().replace("port scan", ESCAPES))
    assert call("detect", office.incident, "-m", office.model, "--truth", path).code == 0
