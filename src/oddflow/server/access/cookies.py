"""The cookies of a session and of a browser that is known."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION = "oddflow"
BROWSER = "oddflow-browser"
BROWSER_DAYS = 180


def cookie_name(base: str, secure: bool) -> str:
    """Under TLS `__Host-` has browsers refuse one that another host or plain HTTP set (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{base}" if secure else base


def read_cookie(connection: HTTPConnection, base: str) -> str:
    """What a cookie of ours holds; empty where there is none, or more than one: one of them would be another's."""
    wanted = cookie_name(base, _secure(connection))
    found = []
    for header in connection.headers.getlist("cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                found.append(value.strip().strip('"'))
    return found[0] if len(found) == 1 else ""


def set_cookie(response: Response, connection: HTTPConnection, base: str, value: str, *, seconds: int | None) -> None:
    """Gives a cookie to a browser: no script reads it, no other site's page sends it.

    Args:
        response: To send it with.
        connection: The request.
        base: Its name.
        value: What it holds.
        seconds: How long the browser keeps it; until it is closed where None.
    """
    secure = _secure(connection)
    response.set_cookie(
        cookie_name(base, secure), value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict"
    )


def drop_cookie(response: Response, connection: HTTPConnection, base: str) -> None:
    """Takes a cookie from a browser."""
    secure = _secure(connection)
    response.delete_cookie(cookie_name(base, secure), path="/", secure=secure, httponly=True, samesite="strict")


def _secure(connection: HTTPConnection) -> bool:
    return connection.scope.get("scheme") == "https"
