"""The application: API, pages and live stream over one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI

from oddflow import __version__
from oddflow.server.web import api, pages
from oddflow.server.web.problems import add_problems
from oddflow.server.web.service import Service

DESCRIPTION = """\
What a running Oddflow knows, and what can be told to it.

Errors are `application/problem+json` (RFC 9457). Lists have `items` and `next`; `?after=` with the value of `next` gives
the next page. Times are ISO 8601 in UTC. See docs/api.md for tokens, streaming and the rule of versions.
"""


def make_app(service: Service) -> FastAPI:
    """The application of a service.

    Args:
        service: What it answers from; closing it is the caller's.
    """
    app = FastAPI(
        title="Oddflow",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
    )
    app.state.service = service
    add_problems(app)
    for router in (*_routers(api), *_routers(pages)):
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
    yield


def _routers(package: object) -> list[APIRouter]:
    """Those of the modules of a package that have one: a noun each."""
    names = sorted(found.name for found in iter_modules(package.__path__))  # type: ignore[attr-defined]
    modules = [import_module(f"{package.__name__}.{name}") for name in names]  # type: ignore[attr-defined]
    return [module.router for module in modules if hasattr(module, "router")]
