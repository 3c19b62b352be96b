import json

import pytest

from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.incidents import IncidentFilter
from oddflow.verdicts.feedback.rule import Verdict


def state_of(service, one):
    found = service.store.incidents.get(one.incident.id)
    return found.state, found.verdict, found.assignee


def test_the_list_has_what_is_asked_for(viewer, service):
    told = viewer.page("/incidents")
    assert told.count("data-item") == service.store.incidents.count()
    assert "5 incidents: 1 critical, 2 high, 1 medium, 1 low" in told
    assert viewer.page("/incidents?severity=critical").count("data-item") == 1
    assert viewer.page("/incidents?host=10.20.0.12&state=all").count("data-item") == 1
    assert "No incident fits" in viewer.page("/incidents?text=nothing")
    assert "Nothing waits" in viewer.page("/incidents?state=taken")


def test_the_live_part_asks_for_the_very_same_list(viewer):
    told = viewer.page("/incidents?text=probed+%26+998&severity=high")
    assert 'data-from="/fragments/incidents?severity=high&amp;text=probed+%26+998"' in told


@pytest.mark.parametrize("wrong", ["state=gone", "order=size", "severity=worst", f"text={'x' * 201}"])
def test_a_wish_that_is_none_is_told(viewer, wrong):
    assert "That does not fit" in viewer.page(f"/incidents?{wrong}", 422)


def test_an_address_that_no_page_has_is_told_in_plain_words(viewer):
    assert "There is no such page" in viewer.page("/incidents/not-one", 404)


def test_an_incident_tells_its_story_and_its_evidence(viewer, guessing):
    told = viewer.page(f"/incidents/{guessing.incident.id}")
    assert guessing.incident.title in told
    assert "T1110 Brute Force" in told
    assert "40 alerts" in told
    assert "since%20" in told or "since+20" in told
    assert "Say what it is" not in told, "a viewer is not asked"


def test_all_alerts_of_an_incident_are_one_file(viewer, guessing):
    answer = viewer.client.get(f"/incidents/{guessing.incident.id}/alerts.jsonl")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == guessing.incident.alerts
    assert "attachment" in answer.headers["content-disposition"]


def test_it_is_taken_noted_closed_and_opened_again(analyst, service, guessing):
    place = f"/incidents/{guessing.incident.id}"
    assert analyst.send(f"{place}/take").headers["location"] == f"{place}?said=taken"
    assert state_of(service, guessing) == ("taken", "", "visitor-analyst")
    analyst.send(f"{place}/notes", text="  asked the <owner>  ")
    analyst.send(f"{place}/notes", text="   ")
    told = analyst.page(f"{place}?said=noted")
    assert "asked the &lt;owner&gt;" in told
    assert "Your note is kept." in told
    assert len(service.store.incidents.get(guessing.incident.id).notes) == 1
    analyst.send(f"{place}/close", why="owner knows")
    assert "Closed: owner knows" in analyst.page(place)
    analyst.send(f"{place}/reopen")
    assert state_of(service, guessing) == ("open", "", "")


def test_what_a_page_says_after_a_form_is_of_a_list(analyst, guessing):
    told = analyst.page(f"/incidents/{guessing.incident.id}?said=Your+password+is+wanted")
    assert "password is wanted" not in told


def test_a_benign_verdict_hides_what_it_said_it_would_and_is_taken_back(analyst, service, guessing):
    place = f"/incidents/{guessing.incident.id}"
    assert "hides 40 of 40 here" in analyst.page(f"{place}/judge")
    answer = analyst.send(f"{place}/verdict", verdict="benign", scope="flow", reason="drill", lasts="7")
    assert answer.headers["location"] == f"{place}?said=benign"
    (stored,) = service.store.feedback.rules()
    assert stored.rule.expires is not None
    assert stored.rule.reason == "drill"
    alerts = [one.alert for one in service.store.alerts.page(AlertFilter(incident=guessing.incident.id)).items]
    assert all(stored.rule.would_hide(alert) and stored.rule.speaks_of(alert) for alert in alerts)
    assert state_of(service, guessing)[:2] == ("closed", "benign")
    assert "Closed: benign: drill" in analyst.page(place)
    analyst.send(f"{place}/undo")
    assert service.store.feedback.rules() == []
    assert state_of(service, guessing)[:2] == ("open", "")


def test_a_verdict_too_narrow_for_a_scan_is_refused_with_a_way_out(analyst, service):
    scan = service.store.incidents.page(IncidentFilter(text="probed 998 ports")).items[0].incident
    answer = analyst.send(f"/incidents/{scan.id}/verdict", verdict="benign", scope="flow")
    assert answer.status_code == 422
    assert "choose a wider one" in answer.text
    assert service.store.feedback.rules() == []
    assert 'value="flow" disabled' in analyst.page(f"/incidents/{scan.id}/judge")


def test_one_alert_is_judged_by_itself(analyst, service, guessing):
    alert = guessing.incident.top[0]
    answer = analyst.send(f"/alerts/{alert.id}/verdict", verdict="malicious", scope="host")
    assert answer.headers["location"] == f"/alerts/{alert.id}?said=malicious"
    (stored,) = service.store.feedback.rules()
    assert (stored.rule.verdict, stored.rule.src_ip) == (Verdict.MALICIOUS, alert.src_ip)
    service.store.feedback.remove(stored.rule.id, "x")


def test_a_viewer_changes_nothing(viewer, service, guessing):
    place = f"/incidents/{guessing.incident.id}"
    for path in ("take", "close", "reopen", "notes", "verdict", "undo"):
        assert viewer.send(f"{place}/{path}", verdict="benign", text="x").status_code == 403
    assert state_of(service, guessing)[0] == "open"


def test_a_form_without_the_session_s_own_text_changes_nothing(analyst, service, guessing):
    answer = analyst.client.post(f"/incidents/{guessing.incident.id}/take", data={"csrf": "guess"})
    assert answer.status_code == 403
    assert state_of(service, guessing)[0] == "open"


def test_an_alert_tells_all_that_is_kept_and_what_its_model_says(viewer, guessing):
    alert = guessing.incident.top[0]
    told = viewer.page(f"/alerts/{alert.id}?explain=true")
    assert alert.community_id in told
    assert "What would make it normal" in told
    assert "Nearest normal flows" in told
    assert "packets.pcap" not in told, "its capture is not in the source's folder"


def test_packets_come_from_the_folder_of_the_source_alone(analyst, guessing):
    answer = analyst.client.get(f"/alerts/{guessing.incident.top[0].id}/packets.pcap")
    assert answer.status_code == 404
