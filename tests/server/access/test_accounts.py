"""Accounts, tokens, sessions and the trail over the API."""

import pytest

from oddflow.errors import UsageError
from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from tests.server.access.conftest import PASSWORD, Door


def test_an_admin_makes_an_account_and_its_owner_the_password(door: Door) -> None:
    admin = door.logged_in("root", Role.ADMIN)
    made = admin.post("/api/v1/accounts", json={"name": "Ada", "role": "analyst"})
    assert made.status_code == 201
    body = made.json()
    assert body["account"] | {"created": "", "id": 0} == {
        "id": 0, "name": "ada", "role": "analyst", "disabled": False, "has_password": False, "must_change": False,
        "failed": 0, "locked_until": None, "created": "", "last_login": None,
    }  # fmt: skip
    path = body["link"].removeprefix("http://127.0.0.1:8470")
    ada = door.client()
    assert ada.post(path, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert ada.get("/api/v1/session").json()["role"] == "analyst"
    assert [entry[1:] for entry in door.trail()][-2:] == [("account.password", "ada"), ("account.add", "ada")]


def test_nobody_logs_in_before_the_link_was_used(door: Door) -> None:
    admin = door.logged_in("root", Role.ADMIN)
    admin.post("/api/v1/accounts", json={"name": "ada"})
    for password in ("", PASSWORD, "of an account that does not exist"):
        assert door.client().post("/login", data={"name": "ada", "password": password}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/api/v1/accounts", {"name": "eve", "role": "viewer", "password": PASSWORD}),
        ("POST", "/api/v1/accounts", {"name": "eve", "id": 1}),
        ("POST", "/api/v1/accounts", {"name": "eve", "role": "root"}),
        ("POST", "/api/v1/accounts", {"name": "root"}),
        ("POST", "/api/v1/accounts", {"name": "<b>eve</b>"}),
        ("POST", "/api/v1/accounts", {"name": "еve"}),  # its first letter is Cyrillic
        ("PATCH", "/api/v1/accounts/1", {"password_hash": "x"}),
        ("PATCH", "/api/v1/accounts/1", {"name": "eve"}),
        ("PATCH", "/api/v1/accounts/1", {"role": "viewer"}),
        ("PATCH", "/api/v1/accounts/1", {"disabled": True}),
        ("POST", "/api/v1/tokens", {"name": "t", "scopes": ["read"], "user_id": 1}),
        ("POST", "/api/v1/tokens", {"name": "t", "scopes": ["everything"]}),
        ("POST", "/api/v1/tokens", {"name": "t", "scopes": []}),
        ("POST", "/api/v1/tokens", {"name": "t", "scopes": ["read"], "days": 400}),
        ("POST", "/api/v1/tokens", {"name": "t\0", "scopes": ["read"]}),
    ],
)
def test_what_may_not_be_said_changes_nothing(
    quiet_door: Door, method: str, path: str, sent: dict[str, object]
) -> None:
    admin = quiet_door.logged_in("root", Role.ADMIN)
    before = quiet_door.store.accounts.all(), quiet_door.store.tokens.of(), quiet_door.trail()
    assert admin.request(method, path, json=sent).status_code == 422
    assert (quiet_door.store.accounts.all(), quiet_door.store.tokens.of(), quiet_door.trail()) == before


@pytest.mark.parametrize("sent", [{"role": "admin"}, {"scopes": ["write"]}, {"scopes": ["read", "models"]}])
def test_a_token_gives_nobody_more_than_he_has(door: Door, sent: dict[str, object]) -> None:
    client = door.logged_in("ada")
    assert client.post("/api/v1/tokens", json={"name": "t", "scopes": ["read"]} | sent).status_code == 422
    assert door.store.tokens.of() == []


def test_a_token_is_shown_once_used_and_revoked(door: Door) -> None:
    client = door.logged_in("ada")
    made = client.post("/api/v1/tokens", json={"name": "grafana", "scopes": ["metrics"], "days": 1}).json()
    program = door.client(headers={"Authorization": f"Bearer {made['secret']}"})
    assert program.get("/metrics").status_code == 200
    assert program.get("/api/v1/things").status_code == 403
    listed = client.get("/api/v1/tokens")
    assert made["secret"] not in listed.text
    assert [(one["name"], one["good"], one["last_used"] is None) for one in listed.json()["items"]] == [
        ("grafana", True, False)
    ]
    token = f"/api/v1/tokens/{made['token']['id']}"
    assert door.logged_in("eve").delete(token).status_code == 404
    assert program.get("/metrics").status_code == 200
    assert client.delete(token).status_code == 204
    assert program.get("/metrics").status_code == 401
    assert door.trail("token.revoke") == [("ada", "token.revoke", str(made["token"]["id"]))]


def test_only_an_admin_sees_everybody_s_tokens(door: Door) -> None:
    door.program("ada", Role.VIEWER, Scope.READ)
    assert door.logged_in("eve").get("/api/v1/tokens?everybody=true").status_code == 403
    assert door.logged_in("eve").get("/api/v1/tokens").json()["items"] == []
    admin = door.logged_in("root", Role.ADMIN)
    assert [one["owner"] for one in admin.get("/api/v1/tokens?everybody=true").json()["items"]] == ["ada"]


def test_a_disabled_account_is_out_at_once_and_stays_out_when_it_is_enabled(door: Door) -> None:
    admin, ada = door.logged_in("root", Role.ADMIN), door.logged_in("ada")
    path = f"/api/v1/accounts/{door.store.accounts.by_name('ada').id}"  # type: ignore[union-attr]
    assert admin.patch(path, json={"disabled": True}).status_code == 200
    assert ada.get("/api/v1/things").status_code == 401
    assert door.client().post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 401
    assert admin.post(f"{path}/link").status_code == 422
    assert admin.patch(path, json={"disabled": False}).status_code == 200
    assert ada.get("/api/v1/things").status_code == 401
    assert door.client().post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 303


def test_an_admin_unlocks_and_logs_out(door: Door) -> None:
    admin, ada = door.logged_in("root", Role.ADMIN), door.logged_in("ada")
    account = door.store.accounts.by_name("ada")
    for _ in range(9):
        door.store.accounts.failed(account.id, door.clock())  # type: ignore[union-attr]
    path = f"/api/v1/accounts/{account.id}"  # type: ignore[union-attr]
    assert admin.get("/api/v1/accounts").json()["items"][0]["locked_until"] is not None
    assert admin.patch(path, json={"unlock": True}).json()["locked_until"] is None
    assert admin.delete(f"{path}/sessions").status_code == 204
    assert ada.get("/api/v1/things").status_code == 401
    assert admin.get("/api/v1/things").status_code == 200


def test_the_last_admin_stays_one(door: Door) -> None:
    root, eve = door.account("root", Role.ADMIN), door.account("eve", Role.ADMIN)
    door.store.accounts.change(eve.id, role=Role.VIEWER)
    for change in ({"role": Role.ANALYST}, {"disabled": True}):
        with pytest.raises(UsageError, match="last admin"):
            door.store.accounts.change(root.id, **change)  # type: ignore[arg-type]
    assert door.store.accounts.get(root.id) == root


def test_each_sees_and_ends_his_own_sessions(door: Door) -> None:
    here, there, eve = door.logged_in("ada"), door.logged_in("ada"), door.logged_in("eve")
    listed = here.get("/api/v1/sessions").json()["items"]
    assert sorted(one["current"] for one in listed) == [False, True]
    other = next(one["id"] for one in listed if not one["current"])
    assert eve.delete(f"/api/v1/sessions/{other}").status_code == 404
    assert here.delete(f"/api/v1/sessions/{other}").status_code == 204
    assert [client.get("/api/v1/things").status_code for client in (here, there)] == [200, 401]
    assert here.delete("/api/v1/sessions").status_code == 204
    assert [client.get("/api/v1/things").status_code for client in (here, eve)] == [401, 200]


def test_the_trail_is_read_page_by_page(door: Door) -> None:
    admin = door.logged_in("root", Role.ADMIN)
    for name in ("ada", "bob", "eve"):
        admin.post("/api/v1/accounts", json={"name": name})
    first = admin.get("/api/v1/audit", params={"limit": 2, "action": "account.add"}).json()
    rest = admin.get("/api/v1/audit", params={"limit": 2, "action": "account.add", "after": first["next"]}).json()
    assert [one["object"] for one in first["items"] + rest["items"]] == ["eve", "bob", "ada"]
    assert rest["next"] is None
    assert {(one["who"], one["role"], one["ip"]) for one in first["items"]} == {("root", "admin", "testclient")}


def test_a_change_that_fails_leaves_nothing_in_the_trail(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = door.logged_in("root", Role.ADMIN)

    def broken(*given: object) -> None:
        raise UsageError("the trail cannot be written")

    monkeypatch.setattr(door.store.audit, "add", broken)
    assert admin.post("/api/v1/accounts", json={"name": "ada"}).status_code == 422
    assert door.store.accounts.by_name("ada") is None
