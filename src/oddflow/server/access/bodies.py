"""Bodies of requests: bounded in size and in the time that they may take to come."""

import asyncio
from http import HTTPStatus

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oddflow.server.access.refusal import Refused, answer

MOST_BYTES = 256 << 10
MOST_S = 30.0
MOST_TARGET = 8_192
"""Of path and query together."""
UPLOADS = ("/api/v1/uploads", "/uploads", "/upload")


class Bodies:
    """ASGI middleware: what is too large gets 413, what trickles in 408.

    Args:
        app: What comes after.
        most_bytes, most_s: Of every request but uploads.
        uploads_bytes, uploads_s: Of uploads.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_bytes: int = MOST_BYTES,
        most_s: float = MOST_S,
        uploads_bytes: int,
        uploads_s: float,
    ) -> None:
        self.app = app
        self.most = (most_bytes, most_s)
        self.most_of_uploads = (uploads_bytes, uploads_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts what comes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        upload = scope["method"] == "POST" and scope["path"].rstrip("/") in UPLOADS
        most_bytes, most_s = self.most_of_uploads if upload else self.most
        begun = False

        async def send_watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            _check_announced(connection, most_bytes)
            body = _Body(receive, most_bytes, most_s)
            await self.app(scope, body.receive, send_watched)
        except Refused as refused:
            if begun:
                raise
            await answer(connection, refused)(scope, receive, send)


class _Body:
    """What is received, counted; the time begins with the first wait for it."""

    def __init__(self, receive: Receive, most_bytes: int, most_s: float) -> None:
        self._receive = receive
        self._left = most_bytes
        self._most = most_bytes
        self._most_s = most_s
        self._until_s: float | None = None
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()  # a disconnection is waited for as long as it takes
        now_s = asyncio.get_running_loop().time()
        self._until_s = self._until_s or now_s + self._most_s
        try:
            async with asyncio.timeout_at(self._until_s):
                message = await self._receive()
        except TimeoutError:
            refused = f"the request did not come within {self._most_s:.0f} s"
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, refused, headers={"Connection": "close"}) from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_large(self._most)
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _check_announced(connection: HTTPConnection, most_bytes: int) -> None:
    if len(connection.scope.get("raw_path") or b"") + len(connection.scope.get("query_string", b"")) > MOST_TARGET:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"the address is longer than {MOST_TARGET} bytes")
    announced = connection.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 18:
        raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
    if int(announced) > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the request is larger than {most_bytes:,} bytes",
        headers={"Connection": "close"},
    )
