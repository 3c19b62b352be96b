"""The application: API, pages and live stream over one service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, FastAPI

from oddflow import __version__
from oddflow.server.access import routes as access
from oddflow.server.access.middleware import add_middleware
from oddflow.server.comparisons.comparisons import Comparisons
from oddflow.server.uploads.uploads import Uploads
from oddflow.server.web import api, live, metrics, openapi, pages
from oddflow.server.web.explanations import Explanations
from oddflow.server.web.feed import Feed
from oddflow.server.web.live import Live
from oddflow.server.web.problems import add_problems
from oddflow.server.web.service import Service

PARTS = (access, live, metrics, openapi)


def make_app(service: Service) -> FastAPI:
    """The application of a service.

    Args:
        service: What it answers from; closing it is the caller's.
    """
    app = FastAPI(
        title="Oddflow",
        version=__version__,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        openapi_url=None,  # `openapi` gives it to those who are logged in
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.explanations = Explanations(service.settings, service.registry)
    app.state.live = Live(Feed(service.store, lambda: service.status().model_dump_json()))
    app.state.comparisons = Comparisons(service.settings, service.registry)
    app.state.uploads = Uploads(service.settings, service.store, service.registry)
    add_problems(app)
    add_middleware(app, service.settings)
    for router in (*(part.router for part in PARTS), *_routers(api), *_routers(pages)):
        app.include_router(router)
    openapi.describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.uploads.begin()
    yield
    app.state.live.close()
    app.state.uploads.close()
    app.state.comparisons.close()
    app.state.explanations.close()


def _routers(package: object) -> list[APIRouter]:
    """Those of the modules of a package that have one: a noun each."""
    names = sorted(found.name for found in iter_modules(package.__path__))  # type: ignore[attr-defined]
    modules = [import_module(f"{package.__name__}.{name}") for name in names]  # type: ignore[attr-defined]
    return [module.router for module in modules if hasattr(module, "router")]
