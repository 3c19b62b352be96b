"""`oddflow feedback`, and what `detect` and `watch` make of it."""

import json

import pytest

from .call import call
from .captures import SCANNER


@pytest.fixture
def rules(tmp_path):
    return tmp_path / "rules.jsonl"


def say(office, rules, an_id, *words):
    return call("feedback", an_id, *words, "--alerts", office.alerts, "--rules", rules)


def detect(office, rules, *words):
    found = call("detect", office.incident, "-m", office.model, "--feedback", rules, "--json", *words)
    assert found.code == 0, found
    return found.json


def test_a_benign_rule_hides_a_scan_once_a_person_insists(office, rules, an_id, tmp_path):
    refused = say(office, rules, an_id, "benign", "--scope", "host")
    assert refused.code == 2, refused
    assert "not accepted" in refused.message
    assert not rules.exists()
    made = say(office, rules, an_id, "benign", "--scope", "host", "--reason", "our scanner", "--yes", "--json")
    assert made.code == 0, made
    page = tmp_path / "page.html"
    found = detect(office, rules, "--show-suppressed", "--report", page)
    shown = [row["top"]["src_ip"] for row in found["rows"]]
    assert SCANNER not in shown
    (hidden,) = found["suppressed"]["rules"]
    assert hidden["rule"] == made.json["rule"]["id"]
    assert hidden["alerts"] == found["suppressed"]["alerts"] == sum(r["flows"] for r in found["suppressed"]["rows"])
    assert hidden["alerts"] > 100
    assert f"rule {hidden['rule']} hid {hidden['alerts']} alerts" in page.read_text()
    told = call("detect", office.incident, "-m", office.model, "--feedback", rules)
    assert f"feedback hid {hidden['alerts']} alerts; --show-suppressed shows them" in told.err


def test_watching_hides_the_same(office, rules, an_id, tmp_path):
    assert say(office, rules, an_id, "benign", "--scope", "host", "--yes").code == 0
    alerts = tmp_path / "watched.jsonl"
    watched = call(
        "watch", office.incident, "-m", office.model, "--feedback", rules, "-o", alerts, "--duration", 2,
        "--patience", 400,
    )  # fmt: skip
    assert watched.code == 0, watched
    assert " hid " in watched.err
    assert SCANNER not in alerts.read_text()


def test_malicious_marks_lower_the_threshold_for_alike_flows_alone(office, rules, an_id):
    assert say(office, rules, an_id, "malicious", "--scope", "host").code == 0
    usual = json.loads(office.detected.read_text())
    strict = ("--budget", "1/week")
    with_marks = detect(office, rules, *strict)
    assert with_marks["suppressed"]["alerts"] == 0
    scored = {a for row in with_marks["rows"] for a in row["ids"]}
    assert an_id in scored
    assert scored <= {a for row in usual["rows"] for a in row["ids"]}


def test_rules_are_listed_and_taken_back(office, rules, an_id):
    assert say(office, rules, an_id, "malicious", "--expires", "30d", "--reason", "seen \x1b[31mred").code == 0
    listed = call("feedback", "--list", "--rules", rules, "--json")
    (rule,) = listed.json["rules"]
    assert rule["verdict"] == "malicious"
    assert rule["holds"]
    assert "1 malicious" in call("feedback", "--list", "--rules", rules).err
    assert call("feedback", "--remove", rule["id"], "--rules", rules).code == 0
    assert call("feedback", "--list", "--rules", rules, "--json").json["rules"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected one of"),
        (["0123", "--list"], "expected one of"),
        (["{id}"], "benign or malicious"),
        (["{id}", "fine"], "'benign or malicious'|benign or malicious; fine"),
        (["{id}", "benign", "--scope", "world"], "--scope must be one of"),
        (["{id}", "benign", "--expires", "soon"], "--expires is 'soon'"),
        (["ffffffffffffffff", "benign"], "0 alerts"),
        (["--remove", "ff"], "is not there"),
        (["{id}", "benign", "--reason", "x" * 1_001], "--reason has 1,001"),
    ],
)
def test_calls_that_are_wrong_are_refused(office, rules, an_id, words, said):
    given = [word.format(id=an_id) for word in words]
    outcome = call("feedback", *given, "--alerts", office.alerts, "--rules", rules)
    assert outcome.code == 2, outcome
    assert said.rpartition("|")[2] in outcome.message


def test_rules_are_not_written_over_the_alerts(office, an_id):
    outcome = say(office, office.alerts, an_id, "malicious")
    assert outcome.code == 2
    assert "give the rules another name" in outcome.message


def test_feedback_goes_with_a_model(office, rules):
    rules.write_text("")
    outcome = call("detect", office.incident, "--feedback", rules)
    assert outcome.code == 2
    assert "give the model that made them" in outcome.message
