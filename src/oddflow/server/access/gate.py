"""The gate before all routes: who asks, how often, and that nobody unknown comes further than the log-in.

It stands before the application reads anything of a request, so a route that someone forgot to guard is still closed
to outsiders, and no body of theirs is parsed.
"""

import math

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from oddflow.errors import OddflowError
from oddflow.server.access.access import Access, access_of
from oddflow.server.access.cookies import SESSION, read_cookie
from oddflow.server.access.identity import Identity
from oddflow.server.access.refusal import Refused, answer, log_in_first

OPEN = ("/login", "/healthz", "/favicon.ico", "/robots.txt")
"""What anybody may ask for."""
OPEN_FOLDERS = ("/static/", "/first/")
BY_PAGES = ("/fragments/", "/api/v1/live")
"""What pages ask for by themselves, for as long as they are open."""
MOST_SECRET = 256


class Gate:
    """ASGI middleware; puts the caller in `request.state.who`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets in, or refuses."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            await self._look(connection)
        except Refused as refused:
            await answer(connection, refused)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _look(self, connection: HTTPConnection) -> None:
        access = access_of(connection.app)
        address = connection.client.host if connection.client else ""
        path = connection.scope["path"]
        if path.startswith("/static/") or path == "/healthz":
            connection.state.who = None
            return
        try:
            who = await identify(connection, access)
        except OddflowError:  # which says where the store is, to a stranger
            raise Refused(
                503, "who asks cannot be looked up: the store does not answer; the service's log says why, and it is "
                "tried again", headers={"Retry-After": "5"},
            ) from None  # fmt: skip
        wait_s = access.wait_s(who, address)
        if wait_s:
            seconds = str(math.ceil(wait_s))
            raise Refused(429, f"too many requests; wait {seconds} s", headers={"Retry-After": seconds})
        connection.state.who = who
        if who is None and not is_open(path):
            raise log_in_first(connection)


async def identify(connection: HTTPConnection, access: Access) -> Identity | None:
    """Whoever makes a request: by its token where one is sent, else by its session's cookie."""
    kind, _, bearer = connection.headers.get("authorization", "").partition(" ")
    if kind:
        secret = bearer.strip()
        if kind.lower() != "bearer" or len(secret) > MOST_SECRET:
            return None
        return await run_in_threadpool(access.by_token, secret)
    secret = read_cookie(connection, SESSION)
    if not secret or len(secret) > MOST_SECRET:
        return None
    by_person = not connection.scope["path"].startswith(BY_PAGES)
    return await run_in_threadpool(access.by_session, secret, by_person=by_person)


def is_open(path: str) -> bool:
    """Whether anybody may ask for a path."""
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def identity_of(connection: HTTPConnection) -> Identity | None:
    """Whom the gate let in; None where nobody is known."""
    who: Identity | None = getattr(connection.state, "who", None)
    return who


async def still(connection: HTTPConnection) -> bool:
    """Whether whoever opened a long-lived response may still read it; ask now and then, and end it where not."""
    access = access_of(connection.app)
    try:
        now = await identify(connection, access)
    except OddflowError:
        return True  # the store is away; nobody was sent out by that
    before = identity_of(connection)
    return now is not None and before is not None and now.user_id == before.user_id and now.role >= before.role
