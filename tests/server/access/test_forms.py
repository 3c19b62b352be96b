"""The forms at the door: each is really sent."""

from tests.server.access.conftest import PASSWORD, Door


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
