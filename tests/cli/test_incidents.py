"""Incidents in the terminal, in JSON, in the alerts file and in the report."""

import json

import pytest

from .call import call
from .captures import SCANNED, SCANNER


@pytest.fixture(scope="module")
def told(office):
    return call("detect", office.incident, "-m", office.model, "--truth", office.truth)


def test_the_scan_is_one_incident_and_comes_first(told, office):
    words = " ".join(told.out.split())
    assert f"{SCANNER} probed" in words
    assert "severity first, UTC what was done, and why it is odd" in words
    found = call("detect", office.incident, "-m", office.model, "--truth", office.truth, "--json").json
    first = found["incidents"][0]
    assert first["title"].startswith(f"{SCANNER} probed")
    assert (first["category"], first["hosts"]) == ("probe", [SCANNER, SCANNED])
    assert found["truth"]["incidents"] == {
        "of_attack": {"port scan": [first["id"]]},
        "false": len(found["incidents"]) - 1,
        "split": 0,
        "merged": 0,
    }
    assert f"incident {first['id']}" in words


def test_the_truth_is_told_of_incidents(told):
    assert "0 attacks split, 0 incidents of several attacks" in told.out


def test_rows_of_flows_are_shown_where_they_are_asked_for(told, office):
    assert "source → destination, and why" not in told.out
    asked = call("detect", office.incident, "-m", office.model, "--rows", "1")
    assert "source → destination, and why" in asked.out


def test_every_alert_names_its_incident(office):
    found = call("detect", office.incident, "-m", office.model, "--json").json
    lines = [json.loads(line) for line in office.alerts.read_text().splitlines()]
    counts = {one["id"]: one["alerts"] for one in found["incidents"]}
    assert {an_id: sum(line["incident"] == an_id for line in lines) for an_id in counts} == counts


def test_without_a_model_there_are_incidents_too(office):
    found = call("detect", office.incident, "--json").json
    assert found["incidents"][0]["title"].startswith(f"{SCANNER} probed")
