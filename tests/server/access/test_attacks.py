"""What attackers try at the door besides, each really sent."""

import asyncio

import pytest
from starlette.types import Message

from oddflow.server.access.bodies import MOST_BYTES, Bodies
from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.settings.settings import Settings
from oddflow.server.store.store import Store
from tests.server.access.conftest import PASSWORD, Door, door_of

STRICT = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=()",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize(
    "path", ["/", "/login", "/api/v1/things", "/api/v1/broken", "/first/nothing", "/metrics", "/no"]
)
@pytest.mark.parametrize("known", [False, True])
def test_every_answer_is_strict(door: Door, path: str, known: bool) -> None:
    client = door.logged_in("ada") if known else door.client()
    client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    answer = client.get(path)
    for header, start in STRICT.items():
        assert answer.headers[header].startswith(start), (path, answer.status_code, header)
    assert "secret words" not in answer.text


def test_a_route_that_nobody_guards_is_still_closed(door: Door) -> None:
    assert door.client().get("/forgotten").status_code == 401
    assert door.logged_in("ada").get("/forgotten").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8470", "localhost.evil.example", "", "localhost@evil", "a b"]
)
def test_names_that_are_not_ours_are_refused(door: Door, host: str) -> None:
    client = door.logged_in("ada")
    assert client.get("/api/v1/things", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:8470", "[::1]:8470", "192.0.2.1"])
def test_names_that_are_ours_are_answered(door: Door, host: str) -> None:
    program = door.program("ada", Role.VIEWER, Scope.READ)
    assert program.get("/api/v1/things", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "csrf", ["", "guess", "{other}"], ids=["none", "a guess", "another's"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["header", "form"])
def test_a_change_takes_the_session_s_own_text(door: Door, csrf: str, place: str) -> None:
    client = door.logged_in("ada", Role.ANALYST)
    own = client.headers.pop("X-CSRF-Token")
    other = door.logged_in("eve", Role.ANALYST).headers["X-CSRF-Token"]
    sent = csrf.format(other=other)

    def post(text: str) -> int:
        if place == "header":
            return client.post("/api/v1/things", headers={"X-CSRF-Token": text}).status_code
        return client.post("/things", data={"csrf": text, "text": "a note"}).status_code

    assert post(sent) == 403
    assert post(own) == 200


def test_a_form_with_files_is_not_read_for_its_text(door: Door) -> None:
    client = door.logged_in("ada", Role.ANALYST)
    own = client.headers.pop("X-CSRF-Token")
    assert client.post("/api/v1/things", data={"csrf": own}, files={"a": b"b"}).status_code == 403
    assert client.post("/things", data={"csrf": own, "text": "a note"}, files={"a": b"b"}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    ["https://localhost:8470", "http://localhost:8471", "http://localhost", "null", "file://", "http://127.0.0.1:8470"],
)
def test_another_origin_changes_nothing_though_it_knows_the_text(door: Door, origin: str) -> None:
    client = door.logged_in("ada", Role.ANALYST)
    assert client.post("/api/v1/things", headers={"Origin": origin}).status_code == 403
    assert client.post("/api/v1/things", headers={"Origin": "http://localhost:8470"}).status_code == 200


def test_a_cookie_that_was_changed_or_doubled_is_no_cookie(door: Door) -> None:
    client = door.logged_in("ada")
    secret = client.cookies["oddflow"]
    client.cookies.clear()
    for sent in (secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.lower(), secret + "A", "", "A" * 5_000):
        assert client.get("/api/v1/things", headers={"Cookie": f"oddflow={sent}"}).status_code == 401, sent
    assert client.get("/api/v1/things", headers={"Cookie": f"oddflow={secret}; oddflow=b"}).status_code == 401
    assert client.get("/api/v1/things", headers={"Cookie": f"oddflow={secret}"}).status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic YWRhOmFkYQ==", "Bearer", "Bearer {token} x", "bearer x{token}", "Token {token}"]
)
def test_only_a_whole_token_is_a_token(door: Door, header: str) -> None:
    program = door.program("ada", Role.VIEWER, Scope.READ)
    token = program.headers.pop("Authorization").removeprefix("Bearer ")
    assert program.get("/api/v1/things", headers={"Authorization": header.format(token=token)}).status_code == 401


def test_a_wrong_token_is_not_made_good_by_a_cookie(door: Door) -> None:
    client = door.logged_in("ada", Role.ANALYST)
    assert client.post("/api/v1/things", headers={"Authorization": "Bearer oddflow_x"}).status_code == 401


def test_a_token_never_may_more_than_its_owner_now(door: Door) -> None:
    program = door.program("ada", Role.ANALYST, Scope.READ, Scope.WRITE)
    assert program.post("/api/v1/things").status_code == 200
    door.account("root", Role.ADMIN)
    door.store.accounts.change(door.store.accounts.by_name("ada").id, role=Role.VIEWER)  # type: ignore[union-attr]
    assert program.post("/api/v1/things").status_code == 403
    assert program.get("/api/v1/things").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/0/..%2f..%2fservice.py",
     "/static/0/%2fetc%2fpasswd", "/static/0/style.css%00.py", "/static//etc/passwd"],
)  # fmt: skip
def test_static_files_are_those_of_the_list_alone(door: Door, path: str) -> None:
    answer = door.client().get(path)
    assert answer.status_code in {401, 404}
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/LOGIN/../api/v1/things", "/login/../api/v1/things", "/first/../api/v1/things", "/static/../metrics",
     "//api/v1/things", "/api/v1/things/", "/API/V1/things", "/api/v1/things%00", "/first/%2e%2e/metrics"],
)  # fmt: skip
def test_no_way_of_writing_an_address_leads_around_the_gate(door: Door, path: str) -> None:
    door.account("ada")
    raw = door.client().build_request("GET", "http://localhost:8470/").url.copy_with(raw_path=path.encode())
    answer = door.client().get(raw)
    assert answer.status_code in {401, 404, 405}, answer.text
    assert "ada" not in answer.text


def test_bodies_are_bounded_as_announced_and_as_sent(door: Door) -> None:
    client = door.logged_in("ada", Role.ANALYST)

    def trickle() -> object:
        for _ in range(MOST_BYTES // 1_024 + 1):
            yield b"x" * 1_024

    assert client.post("/api/v1/things", content=b"x" * MOST_BYTES).json() == MOST_BYTES
    assert client.post("/api/v1/things", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert client.post("/api/v1/things", content=trickle()).status_code == 413  # type: ignore[arg-type]
    for announced in ("-1", "1e9", "9" * 40):
        headers = {"Content-Length": announced}
        assert client.post("/api/v1/things", content=b"", headers=headers).status_code in {400, 413}
    assert client.get("/api/v1/things?" + "a" * 9_000).status_code == 414


def test_a_body_that_never_ends_is_given_up() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        while (await receive())["more_body"]:  # type: ignore[operator]
            pass

    async def receive() -> Message:
        await asyncio.sleep(3_600)
        raise AssertionError

    answers: list[Message] = []

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": []}
    bounded = Bodies(app, most_s=0.01, uploads_bytes=1, uploads_s=1.0)
    asyncio.run(bounded(scope, receive, send))
    assert answers[0]["status"] == 408


def test_outsiders_knock_a_bounded_number_of_times(door: Door) -> None:
    client = door.client()
    statuses = [client.get("/api/v1/things").status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]
    assert client.get("/healthz").status_code != 429
    assert door.logged_in("ada").get("/api/v1/things").status_code == 200


def test_a_program_asks_no_faster_than_it_may(tmp_path: object) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    door = door_of(store, Settings.model_validate({"web": {"requests_per_s": 2}}))
    programs = [door.program(name, Role.VIEWER, Scope.READ) for name in ("ada", "bob")]
    assert [programs[0].get("/api/v1/things").status_code for _ in range(9)] == [200] * 8 + [429]
    assert programs[1].get("/api/v1/things").status_code == 200
    door.clock.now_s += 0.5
    assert programs[0].get("/api/v1/things").status_code == 200
    store.close()


def test_texts_of_others_are_shown_as_texts(door: Door) -> None:
    payload = '"><script>alert(1)</script>'
    answer = door.client().post("/login", data={"name": payload, "password": payload, "next": payload})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    shown = door.client().get("/login", params={"next": '/"><img src=x onerror=alert(1)>'})
    assert "<img" not in shown.text


def test_a_table_s_wildcards_are_no_wildcards(door: Door) -> None:
    door.account("ada")
    for name in ("%", "a%", "a_a", "ada' OR '1'='1", "ada\0", "ad\ud800a".encode("utf-8", "replace").decode()):
        door.clock.now_s += 60
        assert door.client().post("/login", data={"name": name, "password": PASSWORD}).status_code == 401
    client = door.logged_in("eve")
    for session in ("%", "_" * 16, "%" * 16, "0" * 16):
        assert client.delete(f"/api/v1/sessions/{session}").status_code in {404, 422}
    assert client.get("/api/v1/things").status_code == 200


def test_a_page_that_is_left_open_does_not_keep_a_session(door: Door) -> None:
    client = door.logged_in("ada")
    for _ in range(13):
        assert client.get("/fragments/now").status_code == 404
        door.clock.now_s += 3_500
    assert client.get("/fragments/now").status_code == 401
