"""The process that answers: API, pages and live stream on a socket that the supervisor opened."""

import asyncio
import ssl
import time
from contextlib import suppress

import uvicorn

from oddflow.errors import OddflowError
from oddflow.models.registry.registry import Registry
from oddflow.server.access.server_options import server_options
from oddflow.server.access.tls import server_context
from oddflow.server.flowstore.flow_store import FlowStore
from oddflow.server.settings.settings import Settings
from oddflow.server.status import State
from oddflow.server.store.store import Store
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
    store = _open(seat)
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


def _open(seat: Seat) -> Store | None:
    """The store, as soon as it can be reached; None where the end came first."""
    said = ""
    while not seat.stopping:
        seat.beat()
        try:
            return open_store(seat.shared.settings)
        except OddflowError as error:
            if str(error) != said:
                said = str(error)
                seat.log.warning("%s; it is tried again", error, extra={"event": "store"})
            time.sleep(RETRY_S)
    return None


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
