"""What a request is told that may not go on: RFC 9457 for programs, a redirect for people."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from fastapi import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

TITLES = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    408: "Too slow",
    413: "Too large",
    421: "Wrong host",
    429: "Too many requests",
    503: "Not now",
}
PROGRAMS = ("/api/", "/metrics", "/healthz", "/openapi.json")
"""Paths that programs ask for, whatever they say they accept."""


class Refused(HTTPException):
    """A request may not go on.

    Args:
        status: Of HTTP.
        detail: What is wrong and what to do; never which part of a log-in was wrong, nor what exists.
        headers: Sent along.
        instead: Where a person's browser is sent, in place of all that.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, instead: str | None = None
    ) -> None:
        super().__init__(status, detail, headers=headers)
        self.instead = instead


def answer(connection: HTTPConnection, refused: Refused) -> Response:
    """The response: a redirect or a page where a person's browser asked for one, problem+json otherwise."""
    title = TITLES.get(refused.status_code, "Refused")
    if for_person(connection):
        if refused.instead:
            return RedirectResponse(refused.instead, 303)
        from oddflow.server.web.rendering import page  # noqa: PLC0415  (pages know who asks, which is told here)

        return page(
            Request(connection.scope), "problem.html", None, status_code=refused.status_code, headers=refused.headers,
            problem_title=title, problem_detail=str(refused.detail),
        )  # fmt: skip
    body = {
        "type": "about:blank",
        "title": title,
        "status": refused.status_code,
        "detail": refused.detail,
    }
    return Response(
        json.dumps(body), refused.status_code, headers=refused.headers, media_type="application/problem+json"
    )


def for_person(connection: HTTPConnection) -> bool:
    """Whether a browser asks for a page that a person will read."""
    headers = connection.headers
    if connection.scope["path"].startswith(PROGRAMS) or headers.get("sec-fetch-mode", "navigate") != "navigate":
        return False
    return "text/html" in headers.get("accept", "")


def log_in_first(connection: HTTPConnection) -> Refused:
    """Nobody is known: a person logs in and comes back."""
    path = connection.scope["path"]
    query = connection.scope.get("query_string", b"").decode("latin-1")
    back = path + (f"?{query}" if query else "")
    wanted = f"/login?next={quote(back, safe='/')}" if connection.scope["method"] == "GET" and path != "/" else "/login"
    return Refused(
        401,
        "log in, or send a token: Authorization: Bearer oddflow_…",
        headers={"WWW-Authenticate": 'Bearer realm="oddflow"'},
        instead=wanted,
    )


def safe_next(wanted: str | None) -> str:
    """Where to go after the log-in: a path of this service, or its first page.

    >>> safe_next("/incidents?state=open"), safe_next("//evil.example/"), safe_next("https://evil.example")
    ('/incidents?state=open', '/', '/')
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or len(wanted) > 2_000:
        return "/"
    return wanted if wanted.isascii() and wanted.isprintable() and "\\" not in wanted else "/"
