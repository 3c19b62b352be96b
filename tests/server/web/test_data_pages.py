"""Pages of hosts, flows, models, sources, uploads and settings: what each role sees and may do."""

import re
import time
from datetime import UTC, datetime

import pytest

from oddflow.server.access.identity import Role
from oddflow.server.filling import NAME
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.uploads.result import UploadResult
from oddflow.server.web.upload_views import sentence
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict
from tests.server.web.conftest import Visitor

ATTACKER = "10.20.0.103"


@pytest.fixture
def admin(visit) -> Visitor:
    """Somebody who may all."""
    return visit(Role.ADMIN)


@pytest.mark.parametrize(
    "path",
    [
        "/hosts", f"/hosts/{ATTACKER}", "/hosts/192.0.2.254", "/flows", "/models", f"/models/{NAME}",
        f"/models/{NAME}/1",
        "/sources", f"/sources/{NAME}", f"/sources/{NAME}?span=7d", "/fragments/sources", f"/fragments/sources/{NAME}",
        "/upload", "/fragments/uploads", "/settings", "/settings/service", "/settings/feedback",
    ],
)  # fmt: skip
def test_a_viewer_reads(viewer, path):
    assert "</" in viewer.page(path)


@pytest.mark.parametrize("path", ["/settings/people", "/settings/trail"])
def test_accounts_and_trail_are_for_admins(viewer, analyst, admin, path):
    viewer.page(path, 403)
    analyst.page(path, 403)
    assert "<h1>" in admin.page(path)
    assert path not in viewer.page("/settings")


def test_what_one_may_not_do_is_not_offered_and_not_done(viewer, admin):
    assert "Sending takes the role analyst" in viewer.page("/upload")
    assert "/promote" not in viewer.page(f"/models/{NAME}")
    assert viewer.send(f"/models/{NAME}/promote", version="1").status_code == 403
    assert viewer.send("/settings/people", name="eve", role="admin").status_code == 403
    told = admin.send(f"/models/{NAME}/promote", version="1")
    assert told.status_code == 422
    assert "is active already" in told.text


@pytest.mark.parametrize(
    "path", ["/models/none", f"/models/{NAME}/99", "/sources/none", "/upload/0123456789abcdef", "/models/..%2f..%2fx"]
)
def test_what_is_not_there(viewer, path):
    viewer.page(path, 404)


def test_a_wrong_question_is_pointed_at_and_kept(viewer):
    told = viewer.page("/flows?q=score+%3E+%22%3Cscript%3E%22", 422)
    assert "^ expected a number" in told
    assert "<script>&#34;" not in told.replace("&lt;script&gt;", "")
    assert 'value="score &gt; &#34;&lt;script&gt;&#34;"' in told


def test_flows_have_the_columns_that_were_picked(viewer):
    told = viewer.page("/flows?q=alert+limit+5&c=score&c=from&c=nonsense")
    assert re.findall(r'<th scope="col".*?>([A-Z][a-z]+)<', told) == ["From", "Score"]
    assert told.count("<tr data-item>") == 5
    assert "/api/v1/flows/download?q=alert+limit+5&amp;format=csv" in told


def test_hosts_are_found_by_network(viewer):
    told = viewer.page("/hosts?text=10.20.0.103/32")
    assert told.count("<tr data-item>") == 1
    assert f'href="/hosts/{ATTACKER}"' in told
    assert "No host fits" in viewer.page("/hosts?text=203.0.113.254/32")
    assert "is no network" in viewer.page("/hosts?text=x/y", 422)


def test_a_host_has_its_incidents_services_and_peers(viewer):
    told = viewer.page(f"/hosts/{ATTACKER}")
    assert f"{ATTACKER} probed" in told
    assert "dns (udp/53)" in told
    assert "/flows?q=ip%20%3D%2010.20.0.103%20last%2024h" in told


def test_a_source_tells_where_its_packets_went(viewer, service, monkeypatch):
    status = service.status()
    lossy = status.sources[0].model_copy(
        update={
            "lost": {"not IP <b>": 500}, "shed": {"payload pictures": 7}, "drift": ["more udp than learnt"],
            "problems": ["the ring was full; give it more memory (ring_mib)"],
        }
    )  # fmt: skip
    told_now = status.model_copy(update={"sources": [lossy]})
    monkeypatch.setattr(type(service), "status", lambda self: told_now)
    told = viewer.page(f"/sources/{NAME}")
    assert "not IP &lt;b&gt;" in told
    assert "+ 500 not used" in told
    assert "left out: payload pictures" in told
    assert "More udp than learnt" in told
    assert "The ring was full" in told


def test_settings_show_what_the_file_gives_and_no_secret(admin):
    told = admin.page("/settings/service")
    given, defaults = told.split("<code>[web]</code>")
    assert "<code>state</code>" in given
    assert "defaults: the file says nothing here" in defaults
    assert "sqlite:///" in told


def test_somebody_is_invited_by_a_link_that_is_shown_once(admin):
    told = admin.send("/settings/people", name="Grace", role="analyst")
    (link,) = re.findall(r'<code id="link">([^<]+)</code>', told.text)
    assert "/first/" in link
    assert link not in admin.page("/settings/people")
    account = admin.service.store.accounts.by_name("grace")
    assert account.role is Role.ANALYST
    assert admin.send(f"/settings/people/{account.id}", disabled="true").status_code == 303
    assert admin.service.store.accounts.by_name("grace").disabled
    assert admin.send("/settings/people", name="grace").status_code == 422


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "x"}, "Tick at least one"),
        ({"name": "x", "scopes": "models"}, "takes"),
    ],
)
def test_a_token_that_cannot_be_made(analyst, fields, why):
    told = analyst.send("/settings/tokens", **fields)
    assert told.status_code == 422
    assert why in told.text


def test_others_browsers_are_logged_out(visit, service):
    visitor = visit(Role.VIEWER)
    account = service.store.accounts.by_name("visitor-viewer")
    service.store.sessions.begin(account.id, expires_s=time.time() + 60, ip="192.0.2.1", agent="x/1", now_s=time.time())
    assert "2 browsers" in visitor.page("/settings")
    assert visitor.send("/settings/sessions/end").status_code == 303
    assert "1 browser<" in visitor.page("/settings")


def test_a_rule_is_listed_with_what_it_speaks_of_and_taken_back(analyst, viewer, service):
    stored = service.store.alerts.page(AlertFilter(order="score")).items[0]
    made = Rule.of(stored.alert, Verdict.BENIGN, Scope.HOST, made=_now(), reason="a <b>test</b>")
    service.store.feedback.add(made, "ada")
    told = viewer.page("/settings/feedback")
    assert "a &lt;b&gt;test&lt;/b&gt;" in told
    assert f"all that {stored.alert.src_ip} does" in told
    assert viewer.send(f"/settings/feedback/{made.id}/remove").status_code == 403
    assert analyst.send(f"/settings/feedback/{made.id}/remove").status_code == 303
    assert service.store.feedback.rules() == []


def test_the_trail_is_filtered_and_gone_along(admin):
    told = admin.page("/settings/trail?action=account.add&check=true")
    assert "follow from one another" in told
    assert "Nothing is in the trail that fits" in admin.page("/settings/trail?by=nobody")


def test_a_capture_that_failed_says_why(viewer, service):
    sent = service.store.uploads.add("ada", "<b>.pcap", 12, "0" * 64)
    assert "appears here by itself" in viewer.page(f"/upload/{sent.id}")
    service.store.uploads.update(sent.id, state="failed", problem="it is no capture; send a pcap")
    told = viewer.page(f"/upload/{sent.id}")
    assert "It is no capture; send a pcap" in told
    assert "&lt;b&gt;.pcap" in told


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flows": 0}, "No flow was in it"),
        ({}, "Nothing odd: all 9 flows fit"),
        ({"alerts": 2}, "2 alerts among 9 flows; they do not belong together."),
        ({"alerts": 2, "incidents": 1}, "2 alerts among 9 flows, in 1 incident."),
    ],
)
def test_a_verdict_is_a_sentence(changed, words):
    result = UploadResult(
        unit="packets", packets=10, metered=10, losses={}, damages=[], flows=9, alerts=0, incidents=0, model="",
        threshold=1.0, budget="10 a day", remarks=[], top_incidents=[], top_alerts=[],
    )  # fmt: skip
    assert sentence(result.model_copy(update=changed)).startswith(words)


def _now():
    return datetime.now(UTC)
