"""Versions that are compared on stored flows, in a process that may do little."""

import re
import time

import pytest

from oddflow.models.format import read_sealed, write_sealed
from oddflow.server.access.access import access_of
from oddflow.server.access.identity import Role
from oddflow.server.comparisons.comparisons import Comparisons, Refused, _link, _progress
from oddflow.server.confined import process as confined
from oddflow.server.confined.job import ANSWER, PROGRESS
from oddflow.server.filling import NAME
from oddflow.server.web.app import make_app
from tests.server.conftest import TestClient

PATH = f"/api/v1/models/{NAME}/versions"


@pytest.fixture(scope="module")
def number(service, example_model, tmp_path_factory):
    """A second version: the same model with another note is another file."""
    archive = read_sealed(example_model)
    other = tmp_path_factory.mktemp("other") / "other.oddflow"
    write_sealed(other, type(archive)(archive.manifest.model_copy(update={"note": "another"}), archive.parts))
    told = {"fingerprint": "0", "detector": "robust-pca", "signer": ""}
    return service.registry.add(other.read_bytes(), told, name=NAME).number


@pytest.fixture(scope="module")
def admin(client):
    one = client(Role.ADMIN)
    yield one
    one.app.state.comparisons.close()


def ended(ask):
    """What became of it."""
    for _ in range(1_200):
        told = ask()
        if told["state"] in {"done", "failed"}:
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def test_a_version_is_compared_on_stored_flows_and_can_be_promoted(admin, service, number):
    asked = admin.post(f"{PATH}/{number}/shadow", json={"source": NAME, "hours": 48})
    assert (asked.status_code, asked.json()["against"]) == (202, f"{NAME}@1")
    again = admin.post(f"{PATH}/{number}/shadow", json={"source": NAME})
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)
    told = ended(lambda: admin.get(f"{PATH}/{number}/shadow").json())
    assert (told["state"], told["problem"]) == ("done", "")
    found = told["result"]["noted"]
    assert found["flows"] == service.flows.usage().flows > 1_000
    assert found["alerts"][0] == found["alerts"][1] == found["both"] > 0, "it is the same model"
    assert told["result"]["remarks"][-1].startswith("both are the same model")
    (event,) = service.registry.named(NAME).version(number).shadows
    assert (event.by, event.found) == ("admin", found)
    assert event.reason == f"the last 48 hours of {NAME}"
    assert service.store.audit.page(action="model.shadow").items[0].object == f"{NAME}@{number}"
    assert list(service.settings.comparisons_folder.iterdir()) == []
    assert admin.post(f"/api/v1/models/{NAME}/promote", json={"version": number}).status_code == 200
    refused = admin.post(f"{PATH}/{number}/shadow", json={"source": NAME})
    assert (refused.status_code, "the active version itself" in refused.json()["detail"]) == (409, True)
    admin.post(f"/api/v1/models/{NAME}/rollback", json={})


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        (99, {"source": NAME}, 404),
        (2, {"source": "nobody"}, 404),
        (2, {"source": NAME, "hours": 0}, 422),
        (2, {"source": NAME, "hours": 745}, 422),
        (2, {"source": NAME, "more": 1}, 422),
        (1, {"source": NAME}, 409),
    ],
)
def test_what_cannot_be_compared_is_refused(admin, number, version, body, status):
    assert number == 2
    assert admin.post(f"{PATH}/{version}/shadow", json=body).status_code == status


def test_viewers_see_it_and_ask_for_none(client, number):
    viewer = client(Role.VIEWER)
    assert viewer.post(f"{PATH}/{number}/shadow", json={"source": NAME}).status_code == 403
    assert viewer.get(f"{PATH}/1/shadow").status_code == 404


def changed(service, part, **values):
    section = getattr(service.settings, part).model_copy(update=values)
    return service.settings.model_copy(update={part: section})


def test_models_that_look_at_bytes_which_are_not_kept_are_refused_in_words(service, number):
    asked = Comparisons(changed(service, "flows", payload=False), service.registry)
    with pytest.raises(
        Refused, match=r"first bytes of flows, and the flow store keeps none \(\[flows\] payload is fal"
    ):
        asked.ask(NAME, number, NAME, 24, "ada")


def test_nothing_stored_is_said_so(service, number, tmp_path):
    asked = Comparisons(changed(service, "service", state=tmp_path), service.registry)
    with pytest.raises(Refused, match=f"no flows of {NAME} of the last 24 hours"):
        asked.ask(NAME, number, NAME, 24, "ada")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"problem": "they want flows cut in different ways"}', "cut in different ways"),
        ('{"result": {"flows": -1}}', "thrown away"),
        ("[" * 100_000, "thrown away"),
        ("x" * (1 << 20), "without an answer"),
    ],
)
def test_what_a_process_answers_is_checked_before_it_is_noted(service, number, tmp_path, monkeypatch, answer, words):
    before = service.registry.named(NAME).version(number).shadows
    (tmp_path / "said").write_text(answer)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncp {tmp_path}/said {ANSWER}\n")
    program.chmod(0o700)
    monkeypatch.setattr(confined.sys, "executable", str(program))
    asked = Comparisons(service.settings, service.registry)
    asked.ask(NAME, number, NAME, 48, "ada")
    told = ended(lambda: {"state": asked.of(NAME, number).state})
    assert told["state"] == "failed"
    assert words in asked.of(NAME, number).problem
    assert service.registry.named(NAME).version(number).shadows == before
    asked.close()


@pytest.fixture
def visitor(service, number):
    """An admin's session at an application whose comparisons do nothing."""
    app = make_app(service)
    account = service.store.accounts.add("visitor", Role.ADMIN, now_s=time.time())
    client = TestClient(app, base_url="http://127.0.0.1:8470", follow_redirects=False)
    client.cookies.set(
        "oddflow", access_of(app).enter(account, old="", browser="", ip="", agent="")[0], domain="127.0.0.1"
    )
    yield client
    client.close()
    app.state.explanations.close()


def test_the_page_asks_shows_how_far_it_is_and_why_it_failed(visitor, number, monkeypatch):
    monkeypatch.setattr(Comparisons, "_run", lambda self: None)
    page, accept = f"/models/{NAME}", {"Accept": "text/html"}
    told = visitor.get(page, headers=accept).text
    assert f"Compare with {NAME}@1" in told
    assert "/fragments/models" not in told
    csrf = re.search(r'data-csrf="([^"]+)"', told)[1]
    form = {"csrf": csrf, "source": NAME, "hours": "48"}
    sent = visitor.post(f"{page}/{number}/shadow", data=form, headers=accept)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{page}?said=comparing#version-{number}")
    assert f'data-from="/fragments/models/{NAME}"' in visitor.get(page, headers=accept).text
    key, asked = (NAME, number), visitor.app.state.comparisons
    asked._say(key, state="running", progress=0.42)
    part = visitor.get(f"/fragments/models/{NAME}", headers=accept).text
    assert 'value="0.420"' in part
    assert "<html" not in part
    asked._say(key, state="failed", problem="it took <too> long")
    assert "it took &lt;too&gt; long." in visitor.get(page, headers=accept).text
    refused = visitor.post(f"{page}/{number}/shadow", data=form | {"source": "nobody"}, headers=accept)
    assert (refused.status_code, "There is no source" in refused.text) == (422, True)


def test_parts_stay_while_the_store_deletes_them(tmp_path):
    part, link = tmp_path / "part", tmp_path / "link"
    part.write_bytes(b"flows")
    _link(str(part), link)
    part.unlink()
    assert link.read_bytes() == b"flows"


@pytest.mark.parametrize(("text", "share"), [("5 10", 0.5), ("", 0), ("x", 0), ("1 0", 0), ("9 3", 1), ("1 2 3", 0)])
def test_progress_is_a_share_whatever_the_process_writes(tmp_path, text, share):
    (tmp_path / PROGRESS).write_text(text)
    assert _progress(tmp_path) == share
