"""The pages of sources: all of them with the processes and receivers, and one of them in full."""

import time

from fastapi import APIRouter, Request, Response

from oddflow.server.access.guard import Viewer
from oddflow.server.access.identity import Identity
from oddflow.server.settings.settings import SourceSection
from oddflow.server.status import SourceStatus, Status
from oddflow.server.web import source_views
from oddflow.server.web.drawing.spark import sparkline
from oddflow.server.web.problems import not_found
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of

router = APIRouter(include_in_schema=False)

SPARK_S, SPARK_STEP_S = 3_600, 60
NOTICES_SHOWN = 20


@router.get("/sources")
def sources(request: Request, who: Viewer) -> Response:
    """All sources, processes, receivers, and what was wrong of late."""
    return _all(request, who, "sources.html")


@router.get("/fragments/sources")
def sources_part(request: Request, who: Viewer) -> Response:
    """The part of it that changes."""
    return _all(request, who, "sources_part.html")


@router.get("/sources/{name}")
def source(request: Request, who: Viewer, name: str, span: str = "1h") -> Response:
    """One source."""
    return _one(request, who, name, span, "source.html")


@router.get("/fragments/sources/{name}")
def source_part(request: Request, who: Viewer, name: str, span: str = "1h") -> Response:
    """The part of it that changes."""
    return _one(request, who, name, span, "source_part.html")


def _all(request: Request, who: Identity, template: str) -> Response:
    service = service_of(request)
    status = service.status()
    since_s = _since(SPARK_S, SPARK_STEP_S)
    measured = service.store.measures.series(
        ["flows"], since_s=since_s, until_s=since_s + SPARK_S + SPARK_STEP_S, step_s=SPARK_STEP_S
    )
    rows = []
    for section, told in _paired(service, status):
        course = source_views.on_grid(
            measured.get(section.name, {}).get("flows", ()), since_s, SPARK_STEP_S, SPARK_S // SPARK_STEP_S
        )
        flows = [value or 0.0 for value in course]
        rows.append((section, told, sparkline(flows if any(flows) else (), "Flows each minute of the last hour")))
    return page(
        request, template, who, status=status, rows=rows, views=source_views,
        notices=service.store.notices.page(None, NOTICES_SHOWN).items,
        usage=service.flows.usage(), flows_settings=service.settings.flows,
    )  # fmt: skip


def _one(request: Request, who: Identity, name: str, span: str, template: str) -> Response:
    service = service_of(request)
    found = next(
        ((section, told) for section, told in _paired(service, service.status()) if section.name == name), None
    )
    if found is None:
        raise not_found("source", name)
    section, told = found
    chosen = span if span in source_views.SPANS else "1h"
    _, length_s, step_s = source_views.SPANS[chosen]
    since_s = _since(length_s, step_s)
    measured = service.store.measures.series(
        list(source_views.MEASURES), source=name, since_s=since_s, until_s=since_s + length_s + step_s, step_s=step_s
    )
    return page(
        request, template, who, section=section, source=told, span=chosen, spans=source_views.SPANS,
        views=source_views, rates=source_views.rates(measured.get(name, {}), since_s, chosen, told.unit),
    )  # fmt: skip


def _since(length_s: int, step_s: int) -> int:
    """Where the last whole steps of such a length begin; the running one is left out, for it is not full yet."""
    return int(time.time()) // step_s * step_s - length_s


def _paired(service: Service, status: Status) -> list[tuple[SourceSection, SourceStatus]]:
    """What was asked of each source, and how it is; one that has not told anything yet is starting."""
    telling = {told.name: told for told in status.sources}
    return [
        (section, telling.get(section.name) or SourceStatus(name=section.name, kind=section.kind, where=section.where))
        for section in service.settings.sources
    ]
