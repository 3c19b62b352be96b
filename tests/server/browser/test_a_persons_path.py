"""What a person does: sees an attack come, reads why, calls it benign, sees it quiet."""

from dataclasses import replace

from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.incidents import IncidentFilter
from oddflow.server.store.store import Store
from oddflow.verdicts.feedback.feedback import Feedback
from tests.server.browser.conftest import LIVE, READY


def attack_of(store: Store):
    """The password guessing of the example, with its alerts."""
    incident = store.incidents.page(IncidentFilter(text="password guessing")).items[0].incident
    alerts = store.alerts.page(AlertFilter(incident=incident.id), None, 500).items
    return incident, [one.alert for one in alerts]


def test_a_live_attack_is_seen_understood_and_made_quiet(watcher, site):
    store = watcher.site.store
    watcher.open("/")
    watcher.until(LIVE)
    assert "All is quiet" in watcher.text

    incident, alerts = attack_of(site.store)
    store.alerts.put("example", "office", alerts, [incident])
    watcher.until("return document.querySelector('.incident-lines .story')", within_s=5)
    watcher.until("return document.querySelector('.standing').textContent.includes('1 incident waits')")
    assert "fresh" in watcher.one(".incident-lines li").get_attribute("class")

    watcher.one(".incident-lines .story").click()
    assert incident.title in watcher.one("h1").text
    watcher.one(".rows summary").click()
    watcher.until("return document.querySelector('.rows .reasons')")
    watcher.until("return document.querySelector('.rows .explained .ledger')")
    assert "What would make it normal" in watcher.text

    watcher.one("#say").click()
    assert "Called benign, it hides 40 of 40 here" in watcher.text
    watcher.one("#reason").send_keys("an agreed test")
    watcher.one("#benign").click()
    watcher.until("return document.getElementById('verdict')")
    assert "Called benign" in watcher.text
    assert "an agreed test" in watcher.text
    rules = Feedback(one.rule for one in store.feedback.rules())
    assert all(rules.hiding(replace(alert, id="ab" + alert.id)) for alert in alerts)
    assert [entry.action for entry in store.audit.page(None, 5).items if entry.action.startswith("incident")] == [
        "incident.verdict"
    ]

    watcher.open("/")
    assert "All is quiet" in watcher.text
    watcher.open(f"/incidents/{incident.id}")
    watcher.one("#undo").click()
    watcher.until("return !document.getElementById('verdict') && document.readyState === 'complete'")
    assert store.feedback.rules() == []
    assert store.incidents.get(incident.id).state == "open"
    assert watcher.complaints() == []


def test_what_is_wrong_is_said_loudly_while_it_lasts(watcher):
    well = watcher.site.status
    watcher.open("/incidents")
    watcher.until(LIVE)
    assert not watcher.all(".troubles")
    watcher.site.status = well.model_copy(update={"problems": ["the disk is full: make room"]})
    watcher.until("return document.querySelector('.troubles')?.textContent.includes('The disk is full')")
    watcher.site.status = well
    watcher.until("return !document.querySelector('.troubles')")


def test_what_a_person_types_is_not_swept_away(watcher, site):
    incident, alerts = attack_of(site.store)
    store = watcher.site.store
    store.alerts.put("example", "office", alerts, [incident])
    watcher.open(f"/incidents/{incident.id}")
    watcher.until(LIVE)
    watcher.one("#note").send_keys("half a tho")
    store.incidents.take(incident.id, "somebody")
    watcher.one("#note").send_keys("ught")
    assert watcher.one("#note").get_attribute("value") == "half a thought"
    watcher.one(".jot button").click()
    watcher.until(READY)
    watcher.until("return document.querySelector('.jotted')?.textContent.includes('half a thought')")
    assert "taken by somebody" in watcher.text
