"""What the API answers and changes, over a service that was filled from the examples."""

import io

import pyarrow.parquet as parquet
import pytest

from oddflow.server.access.identity import Role
from oddflow.server.store.alert_filter import AlertFilter

API = "/api/v1"


@pytest.fixture(scope="module")
def admin(client):
    return client(Role.ADMIN)


@pytest.fixture(scope="module")
def viewer(client):
    return client(Role.VIEWER)


@pytest.fixture(scope="module")
def oddest(admin):
    return admin.get(f"{API}/alerts", params={"order": "score", "limit": 1}).json()["items"][0]


def every(one, path, **params):
    items, after = [], None
    while True:
        page = one.get(f"{API}/{path}", params=params | ({"after": after} if after else {})).json()
        items += page["items"]
        if (after := page["next"]) is None:
            return items


@pytest.mark.parametrize("order", ["newest", "score"])
def test_pages_of_alerts_hold_each_once_and_in_order(viewer, service, order):
    items = every(viewer, "alerts", limit=50, order=order, host="10.20.0.103")
    assert len({item["id"] for item in items}) == len(items) == service.store.alerts.count(AlertFilter(host="10.20.0.103"))
    by = [item["start" if order == "newest" else "score"] for item in items]
    assert by == sorted(by, reverse=True)


@pytest.mark.parametrize(
    ("wishes", "holds"),
    [
        ({"host": "10.20.0.103"}, lambda one: "10.20.0.103" in {one["src_ip"], one["dst_ip"]}),
        ({"min_score": 5}, lambda one: one["score"] >= 5),
        ({"source": "office"}, lambda one: one["origin"] == "office"),
        ({"verdict": "none"}, lambda one: one["verdict"] == ""),
        ({"text": "web.office.example"}, lambda one: "web.office.example" in {one["src_name"], one["dst_name"]}),
    ],
)
def test_filters_of_alerts_keep_what_they_say(viewer, wishes, holds):
    items = viewer.get(f"{API}/alerts", params=wishes | {"limit": 100}).json()["items"]
    assert items and all(map(holds, items))


def test_an_incident_has_its_alerts_and_its_hosts(viewer):
    brief = viewer.get(f"{API}/incidents", params={"order": "gravest"}).json()["items"][0]
    whole = viewer.get(f"{API}/incidents/{brief['id']}").json()
    alerts = every(viewer, f"incidents/{brief['id']}/alerts", limit=500)
    assert len(alerts) == whole["alerts"] == sum(stage["alerts"] for stage in whole["stages"])
    assert {alert["incident"] for alert in alerts} == {brief["id"]}
    assert {link["src"] for link in whole["links"]} <= set(whole["hosts"])


def test_an_explanation_is_that_of_the_command(viewer, oddest, service):
    from oddflow.models.sealed import SealedModel
    from oddflow.verdicts.explaining.explaining import explain

    told = viewer.get(f"{API}/explanations/{oddest['id']}").json()
    version = service.registry.find("office")
    alert = service.store.alerts.get(oddest["id"]).alert
    expected = explain(alert, SealedModel.load(service.registry.place_of(version))).as_dict()["explanation"]
    assert told["score"] == pytest.approx(oddest["score"], rel=1e-3)
    assert [one["text"] for one in told["because"]] == [one["text"] for one in expected["because"]]
    assert told["counterfactual"]["text"] == expected["counterfactual"]["text"]


def test_a_group_of_flows_is_explained_by_itself(viewer, filled_state):
    group = next(one for one in filled_state[1].alerts if one.kind == "collective")
    answer = viewer.get(f"{API}/explanations/{group.id}")
    assert answer.status_code == 409
    assert "group of flows" in answer.json()["detail"]


def test_what_people_do_with_an_incident_is_kept_and_in_the_trail(client, service):
    analyst = client(Role.ANALYST)
    name = analyst.get(f"{API}/incidents").json()["items"][-1]["id"]
    assert analyst.post(f"{API}/incidents/{name}/take").json()["assignee"] == "analyst"
    assert analyst.post(f"{API}/incidents/{name}/notes", json={"text": "seen"}).status_code == 201
    assert analyst.put(f"{API}/incidents/{name}/verdict", json={"verdict": "benign"}).json()["verdict"] == "benign"
    closed = analyst.post(f"{API}/incidents/{name}/close", json={"why": "a printer"}).json()
    assert (closed["state"], closed["why"], [note["text"] for note in closed["notes"]]) == ("closed", "a printer", ["seen"])
    assert analyst.post(f"{API}/incidents/{name}/reopen").json()["state"] == "open"
    done = [entry.action for entry in service.store.audit.page().items if entry.object == name]
    expected = ["reopen", "close", "verdict", "note", "take"]
    assert done == [f"incident.{what}" for what in expected]


def test_a_rule_is_previewed_then_kept_then_taken_back(client, oddest, service):
    analyst = client(Role.ANALYST)
    said = {"alert": oddest["id"], "verdict": "benign", "scope": "host"}
    seen = analyst.post(f"{API}/feedback/preview", json=said).json()
    assert seen["alerts"] == service.store.alerts.count() and seen["hides"] >= 1
    refused = analyst.post(f"{API}/feedback/rules", json=said)
    assert (refused.status_code, bool(seen["warnings"])) == (409, True)
    assert seen["warnings"][0] in refused.json()["detail"]
    rule = analyst.post(f"{API}/feedback/rules", json=said | {"accept": True, "lasts": "2w"}).json()
    assert rule["by"] == "analyst" and rule["expires"]
    assert analyst.get(f"{API}/alerts/{oddest['id']}").json()["verdict"] == "benign"
    assert analyst.delete(f"{API}/feedback/rules/{rule['id']}").status_code == 204
    assert analyst.get(f"{API}/feedback/rules").json()["items"] == []
    assert analyst.get(f"{API}/alerts/{oddest['id']}").json()["verdict"] == ""


def test_a_model_is_promoted_only_when_it_was_compared_and_rolled_back(admin, service, example_model, tmp_path):
    from oddflow.models.format import read_sealed, write_sealed

    archive = read_sealed(example_model)
    other = tmp_path / "other.oddflow"
    write_sealed(other, type(archive)(archive.manifest.model_copy(update={"note": "another"}), archive.parts))
    told = {"fingerprint": "0", "detector": "robust-pca", "signer": ""}
    number = service.registry.add(other.read_bytes(), told, name="office").number
    path = f"{API}/models/office"
    assert admin.get(f"{path}/versions/{number}").json()["manifest"]["note"] == "another"
    refused = admin.post(f"{path}/promote", json={"version": number})
    assert refused.status_code == 409 and "never seen beside" in refused.json()["detail"]
    done = admin.post(f"{path}/promote", json={"version": number, "force": True, "reason": "a test"}).json()
    assert (done["active"], done["events"][0]["by"]) == (number, "admin")
    assert admin.post(f"{path}/rollback", json={}).json()["active"] == 1
    assert admin.post(f"{path}/rollback", json={}).status_code == 409


def test_flows_are_searched_and_downloaded(viewer):
    question = {"q": "dst_port = 53 order by score desc", "limit": 5}
    found = viewer.get(f"{API}/flows", params=question).json()
    scores = [row["score"] for row in found["items"]]
    assert {row["dst_port"] for row in found["items"]} == {53}
    assert scores == sorted(scores, reverse=True)
    content = viewer.get(f"{API}/flows/download", params={"q": "dst_port = 53", "format": "parquet"})
    assert content.headers["content-disposition"] == 'attachment; filename="flows.parquet"'
    table = parquet.read_table(io.BytesIO(content.content))
    assert table.num_rows > 5 and set(table["dst_port"].to_pylist()) == {53}
    wrong = viewer.get(f"{API}/flows", params={"q": "dst_port ="})
    assert wrong.status_code == 422 and wrong.headers["content-type"] == "application/problem+json"


def test_hosts_are_those_of_the_flows(viewer):
    listed = viewer.get(f"{API}/hosts", params={"text": "10.20.0.", "order": "alerts", "limit": 3}).json()
    assert len(listed["items"]) == 3 < listed["total"]
    one = viewer.get(f"{API}/hosts/{listed['items'][0]['host']}").json()
    assert one["alerts"] >= listed["items"][0]["alerts"] > 0
    assert viewer.get(f"{API}/hosts/..%2f..").status_code in {404, 422}


def test_measures_add_up_to_what_was_judged(viewer, filled_state):
    wishes = {"name": ["flows", "alerts"], "step_s": 3600, "since": _before(filled_state, 26), "until": _after(filled_state)}
    series = {one["name"]: one["points"] for one in viewer.get(f"{API}/measures", params=wishes).json()["items"]}
    told = filled_state[1].told
    assert sum(value for _, value in series["flows"]) == told.flows
    assert sum(value for _, value in series["alerts"]) <= told.alerts  # alerts of groups are of no one flow


def _before(filled_state, hours):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(filled_state[1].told.told_s - hours * 3600, UTC).isoformat()


def _after(filled_state):
    return _before(filled_state, -1)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("alerts/0123", 404),
        ("alerts/..", 404),
        ("incidents/zz", 422),
        ("models/nobody", 404),
        ("sources/nobody", 404),
        ("explanations/0123", 404),
        ("alerts?after=1_zz.", 422),
        ("alerts?after=99x_0", 404),
        ("alerts?limit=0", 422),
        ("alerts?unknown=1", 422),
        ("measures?since=2000-01-01T00:00:00Z", 422),
        ("nothing", 404),
    ],
)
def test_what_is_wrong_is_a_problem(viewer, path, status):
    answer = viewer.get(f"{API}/{path}")
    told = answer.json()
    assert (answer.status_code, told["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(told["detail"]) > 10


def test_a_store_that_is_away_is_said_so_and_asked_for_again(viewer, service, monkeypatch):
    from oddflow.errors import StoreDown

    def down(*_args, **_named):
        raise StoreDown("the database cannot be reached; start it")

    monkeypatch.setattr(type(service.store.alerts), "page", down)
    answer = viewer.get(f"{API}/alerts")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.setattr(type(service.store), "check", down)
    ready = viewer.get(f"{API}/health")
    assert ready.status_code == 503 and ready.json()["problems"] == ["the database cannot be reached; start it"]


def test_a_fault_of_ours_tells_nothing_of_itself(viewer, service, monkeypatch):
    def broken(*_args):
        raise RuntimeError("a secret")

    monkeypatch.setattr(type(service.store.alerts), "get", broken)
    answer = viewer.get(f"{API}/alerts/0123")
    assert answer.status_code == 500 and "secret" not in answer.text


def test_all_methods_of_a_path_are_told(viewer):
    assert viewer.put(f"{API}/uploads").headers["allow"] == "GET, POST"
