"""The process that answers: API, pages and live stream on a socket that the supervisor opened."""

import asyncio
import socket
import ssl
from contextlib import suppress

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from oddflow.errors import OddflowError
from oddflow.models.registry.registry import Registry
from oddflow.server.access.headers import SafeHeaders
from oddflow.server.access.server_options import server_options
from oddflow.server.access.tls import server_context
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.settings.settings import Settings
from oddflow.server.status import State
from oddflow.server.store.store import Store
from oddflow.server.web.problems import Problem
from oddflow.server.work.seat import Seat
from oddflow.server.work.stores import open_store
from oddflow.server.work.teller import Teller
from oddflow.server.work.telling import status_of

BEAT_S = 1.0
RETRY_S = 1.0
GRACE_S = 3
"""Requests that are being answered may take so long at the end; streams are cut then."""


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """TLS as the settings ask for it, read while keys may be; None for plain HTTP.

    Raises:
        UsageError: It cannot be, or plain HTTP could be listened in to.
    """
    return server_context(settings.web)


def load() -> None:
    """Reads all that it will need of the libraries, where it may not be let later."""
    import encodings.idna  # noqa: F401, PLC0415

    import uvicorn.lifespan.on  # noqa: PLC0415
    import uvicorn.loops.auto  # noqa: PLC0415
    import uvicorn.protocols.http.h11_impl  # noqa: F401, PLC0415

    import oddflow.server.web.app  # noqa: F401, PLC0415


def live(seat: Seat) -> int:
    """Answers until it is asked to end."""
    opened, context = seat.given
    settings = seat.shared.settings
    seat.on_end()
    store = asyncio.run(_store(seat, opened, context))
    if store is None:
        return 0
    from oddflow.server.web.app import make_app  # noqa: PLC0415  (slow to load, and only needed here)
    from oddflow.server.web.service import Service  # noqa: PLC0415

    flows = FlowStore(
        settings.flows_folder,
        keep_days=settings.flows.keep_days,
        keep_bytes=round(settings.flows.keep_gib * (1 << 30)),
    )
    service = Service(settings, store, flows, Registry(settings.registry_folder), lambda: status_of(seat.shared))
    config = uvicorn.Config(
        make_app(service),
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        **server_options(settings.web, context),
    )
    server = uvicorn.Server(config)
    try:
        asyncio.run(_serve(server, opened, seat))
    finally:
        flows.close()
        store.close()
    return 0


async def _store(seat: Seat, opened: socket.socket, context: ssl.SSLContext | None) -> Store | None:
    """The store, as soon as it can be reached; None where the end came first. Until then, askers are told to wait."""
    settings = seat.shared.settings
    try:
        return open_store(settings)
    except OddflowError as error:
        said = str(error)
        seat.log.warning("%s; it is tried again", error, extra={"event": "store"})
    options = server_options(settings.web, context)
    server = uvicorn.Server(
        uvicorn.Config(
            SafeHeaders(waiting), log_config=None, lifespan="off", timeout_graceful_shutdown=GRACE_S, **options
        )
    )
    teller = Teller(seat.shared.board, seat.slot)
    store: Store | None = None

    async def look() -> None:
        nonlocal said, store
        while store is None:
            seat.beat()
            teller.tell({"state": State.DEGRADED})
            await asyncio.sleep(RETRY_S)
            try:
                store = await asyncio.to_thread(open_store, settings)
            except OddflowError as error:
                if str(error) != said:
                    said = str(error)
                    seat.log.warning("%s; it is tried again", error, extra={"event": "store"})
        server.should_exit = True

    looking = asyncio.create_task(look())
    try:
        await server.serve(sockets=[opened.dup()])  # which it closes
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    if store is not None:
        seat.log.info("the store answers", extra={"event": "store"})
        if not store.accounts.has_admin():
            seat.log.warning(
                "nobody has an account yet: `oddflow accounts link CONFIG NAME --role admin` prints the first link",
                extra={"event": "first"},
            )
    return store


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    """What is answered while the store cannot be reached: that we live, and that all else has to wait."""
    if scope["path"] == "/healthz":
        answer = JSONResponse({"status": "ok"})
    else:
        answer = Problem(
            503, "the store does not answer yet; the service's log says why, and it is tried again",
            headers={"Retry-After": "5"},
        ).response()  # fmt: skip
    await answer(scope, receive, send)


async def _serve(server: uvicorn.Server, opened: object, seat: Seat) -> None:
    teller = Teller(seat.shared.board, seat.slot)

    async def beat() -> None:
        while True:
            seat.beat()
            teller.tell({"state": State.RUNNING})
            await asyncio.sleep(BEAT_S)

    beating = asyncio.create_task(beat())
    try:
        await server.serve(sockets=[opened])  # type: ignore[list-item]
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
