"""The forms at the door: each is really sent."""

import re

import pytest
from sqlalchemy import select

from oddflow.server.access.first import first_link
from oddflow.server.access.identity import Role
from oddflow.server.access.limits import FREE_TRIES, LONGEST_WAIT_S
from oddflow.server.settings.settings import Settings
from oddflow.server.store.tables import links, sessions, tokens, users
from tests.server.access.conftest import PASSWORD, Door, TestClient

NEW = "another row of plain words"


def log_in(client: TestClient, name: str, password: str = PASSWORD, **more: str) -> object:
    return client.post("/login", data={"name": name, "password": password, **more})


def test_who_logs_in_comes_in_and_goes_out(door: Door) -> None:
    door.account("ada")
    client = door.client()
    answer = client.post("/login", data={"name": " Ada ", "password": PASSWORD, "next": "/incidents?state=open"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?state=open")
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("oddflow="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/api/v1/things").json() == "ada"
    csrf = client.get("/api/v1/session").json()["csrf"]
    assert client.post("/logout", data={"csrf": csrf}).headers["location"] == "/login"
    assert client.get("/api/v1/things").status_code == 401
    assert [action for _, action, _ in door.trail()] == ["session.end", "session.begin"]


def test_a_wrong_name_and_a_wrong_password_look_alike(door: Door) -> None:
    door.account("ada")
    answers = [log_in(door.client(), name, "not the password") for name in ("ada", "eve")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text.replace('value="ada"', "") == answers[1].text.replace('value="eve"', "")
    assert [entry for entry in door.trail() if entry[1] == "session.refused"] == [
        ("", "session.refused", "(no such account)"),
        ("", "session.refused", "ada"),
    ]


def test_an_unknown_name_takes_the_work_of_a_known_one(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.account("ada")
    looked_at = []
    right = door.access.passwords.right
    monkeypatch.setattr(door.access.passwords, "right", lambda *given: looked_at.append(given) or right(*given))
    for name in ("ada", "eve"):
        log_in(door.client(), name, "not the password")
    assert len(looked_at) == 2


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_failures_lock_a_name_for_longer_and_longer_and_it_ends(door: Door, name: str) -> None:
    door.account("ada")
    answers = []
    for _ in range(24):
        door.clock.now_s += 6  # so that the address itself is not too fast
        answer = log_in(door.client(), name, "not the password")
        wait_s = int(answer.headers.get("retry-after", "0"))
        answers.append((answer.status_code, wait_s))
        if wait_s:
            assert log_in(door.client(), name).status_code == 429  # nor is the right one looked at
            door.clock.now_s += wait_s
    assert answers[: FREE_TRIES + 1] == [(401, 0)] * FREE_TRIES + [(429, 9)]
    waits = [wait_s for status, wait_s in answers if status == 429]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S - 6
    assert log_in(door.client(), name).status_code == (303 if name == "ada" else 401)


def test_a_locked_name_does_not_lock_its_owner_s_browser(door: Door) -> None:
    door.account("ada", Role.ADMIN)
    owner = door.client()
    assert log_in(owner, "ada").status_code == 303
    owner.cookies.delete("oddflow")
    for _ in range(40):
        door.clock.now_s += 60
        log_in(door.client(), "ada", "guess")
    assert log_in(door.client(), "ada").status_code == 429
    assert log_in(owner, "ada").status_code == 303


def test_another_s_browser_does_not_help_to_guess(door: Door) -> None:
    door.account("ada", Role.ADMIN)
    door.account("eve")
    eve = door.client()
    log_in(eve, "eve")
    statuses = []
    for _ in range(FREE_TRIES + 2):
        door.clock.now_s += 6
        statuses.append(log_in(eve, "ada", "guess").status_code)
    assert statuses[-1] == 429


def test_one_address_cannot_try_many_names(door: Door) -> None:
    client = door.client()
    statuses = [log_in(client, f"name{number}", "guess").status_code for number in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    door.clock.now_s += 6
    assert log_in(client, "ada", "guess").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example",
     "\\\\evil.example", "/%0d%0aX: y\r\nSet-Cookie: a=b", "/" + "a" * 3_000],
)  # fmt: skip
def test_a_log_in_leads_to_no_other_site(quiet_door: Door, wanted: str) -> None:
    client = quiet_door.logged_in("ada")
    for answer in (log_in(quiet_door.client(), "ada", next=wanted), client.get("/login", params={"next": wanted})):
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "a=b" not in str(answer.headers.get_list("set-cookie"))


def test_what_was_asked_for_is_come_back_to(door: Door) -> None:
    answer = door.client().get("/incidents?state=open&text=a b", headers={"Accept": "text/html"})
    assert answer.headers["location"] == "/login?next=/incidents%3Fstate%3Dopen%26text%3Da%2520b"


def test_a_cookie_from_before_the_log_in_is_good_for_nothing(door: Door) -> None:
    door.account("ada")
    client = door.client()
    client.cookies.set("oddflow", "chosen-by-eve", domain="localhost.local")
    answer = log_in(client, "ada")
    assert "chosen-by-eve" not in str(answer.headers)
    eve = door.client()
    eve.cookies.set("oddflow", "chosen-by-eve", domain="localhost.local")
    assert eve.get("/api/v1/things").status_code == 401


def test_a_second_log_in_ends_the_first_session_of_the_browser(door: Door) -> None:
    client = door.logged_in("ada")
    old = client.cookies["oddflow"]
    assert log_in(client, "ada").status_code == 303
    stolen = door.client()
    stolen.cookies.set("oddflow", old, domain="localhost.local")
    assert stolen.get("/api/v1/things").status_code == 401


@pytest.mark.parametrize("hours", [13.0, 24 * 14.5])
def test_sessions_end_by_themselves(door: Door, hours: float) -> None:
    client = door.logged_in("ada")
    step = 6.0 if hours > 24 else hours  # a session that is used ends too, only later
    statuses = []
    for _ in range(int(hours / step)):
        door.clock.now_s += step * 3_600
        statuses.append(client.get("/api/v1/things").status_code)
    assert statuses[-1] == 401
    assert statuses[:1] == [200 if hours > 24 else 401]


def test_the_first_link_makes_one_admin_once(door: Door) -> None:
    link = first_link(door.store, Settings(), now_s=door.clock())
    other = first_link(door.store, Settings(), now_s=door.clock())
    assert link.startswith("http://127.0.0.1:8470/first/")
    path, other_path = (re.sub("^http://[^/]+", "", one) for one in (link, other))
    client = door.client()
    assert 'name="name"' in client.get(path).text
    short = client.post(path, data={"name": "root", "password": "short", "again": "short"})
    assert short.status_code == 422
    assert client.post(path, data={"name": "root", "password": NEW, "again": NEW}).status_code == 303
    assert client.get("/api/v1/session").json()["role"] == "admin"
    for used in (path, other_path):
        assert door.client().get(used).status_code == 404
        assert door.client().post(used, data={"name": "eve", "password": NEW, "again": NEW}).status_code == 404
    assert [account.name for account in door.store.accounts.all()] == ["root"]
    assert first_link(door.store, Settings(), now_s=door.clock()) is None


def test_a_link_is_good_for_a_day(door: Door) -> None:
    path = "/first/" + door.store.links.add(None, now_s=door.clock())
    door.clock.now_s += 24 * 3_600 + 1
    assert door.client().post(path, data={"name": "root", "password": NEW}).status_code == 404


def test_links_are_kept_by_their_hash_alone(door: Door) -> None:
    secret = door.store.links.add(None, now_s=door.clock())
    session = door.logged_in("ada").cookies["oddflow"]
    token = door.program("ada", Role.VIEWER).headers["Authorization"].removeprefix("Bearer ")
    with door.store.database.reading() as connection:
        rows = [connection.execute(select(table)).all() for table in (links, sessions, tokens, users)]
    for kept in (secret, session, token, PASSWORD):
        assert kept not in str(rows)


def test_a_link_for_a_forgotten_password_ends_what_was(door: Door) -> None:
    thief = door.logged_in("ada")
    account = door.store.accounts.by_name("ada")
    path = "/first/" + door.store.links.add(account, now_s=door.clock())
    client = door.client()
    assert 'name="name"' not in client.get(path).text
    assert client.post(path, data={"name": "eve", "password": NEW, "again": NEW}).status_code == 303
    assert client.get("/api/v1/session").json()["name"] == "ada"
    assert thief.get("/api/v1/things").status_code == 401
    assert log_in(door.client(), "ada").status_code == 401


def test_a_changed_password_ends_all_other_sessions(door: Door) -> None:
    client, other = door.logged_in("ada"), door.logged_in("ada")
    answer = client.post("/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
    assert answer.status_code == 303
    assert client.get("/api/v1/things").status_code == 200
    assert other.get("/api/v1/things").status_code == 401
    assert [log_in(door.client(), "ada", one).status_code for one in (PASSWORD, NEW)] == [401, 303]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"current": "guess", "password": NEW, "again": NEW}, 403),
        ({"current": PASSWORD, "password": NEW, "again": NEW + "x"}, 422),
        ({"current": PASSWORD, "password": PASSWORD, "again": PASSWORD}, 422),
        ({"current": PASSWORD, "password": "adaadaadaada", "again": "adaadaadaada"}, 422),
        ({}, 422),
    ],
)
def test_a_password_is_not_changed_by_halves(door: Door, sent: dict[str, str], status: int) -> None:
    client = door.logged_in("ada")
    assert client.post("/password", data=sent).status_code == status
    assert log_in(door.client(), "ada").status_code == 303


def test_who_must_change_the_password_does_that_first(door: Door) -> None:
    client = door.logged_in("ada", Role.ADMIN)
    door.account("root", Role.ADMIN)
    door.store.accounts.change(door.store.accounts.by_name("ada").id, must_change=True)
    assert client.get("/api/v1/things").status_code == 403
    assert client.get("/", headers={"Accept": "text/html"}).headers["location"] == "/password"
    assert client.get("/password").status_code == 200
    assert client.post("/password", data={"current": PASSWORD, "password": NEW, "again": NEW}).status_code == 303
    assert client.get("/api/v1/things").status_code == 200


def test_files_in_a_form_are_refused(door: Door) -> None:
    answer = door.client().post("/login", data={"name": "ada"}, files={"password": b"x" * 100})
    assert answer.status_code == 400


def test_another_site_logs_nobody_in(door: Door) -> None:
    door.account("eve")
    for header in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = door.client().post("/login", data={"name": "eve", "password": PASSWORD}, headers=header)
        assert answer.status_code == 403
    own = {"Origin": "http://localhost:8470", "Sec-Fetch-Site": "same-origin"}
    answer = door.client().post("/login", data={"name": "eve", "password": PASSWORD}, headers=own)
    assert answer.status_code == 303
