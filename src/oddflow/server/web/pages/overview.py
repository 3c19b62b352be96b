"""The first page: is all well, what waits, what went by, what the budget is, how the service is."""

import time
from typing import Any

from fastapi import APIRouter, Request, Response

from oddflow.errors import StoreDown
from oddflow.server.access.guard import Person
from oddflow.server.status import Status
from oddflow.server.store.incidents import IncidentFilter
from oddflow.server.web.incidents.line import line_of
from oddflow.server.web.overview.budget_use import budget_uses
from oddflow.server.web.overview.health import STYLES, Latency, parts
from oddflow.server.web.overview.rates import Hour
from oddflow.server.web.overview.standing import Standing
from oddflow.server.web.rendering import page, troubles
from oddflow.server.web.service import Service, service_of

router = APIRouter(include_in_schema=False)
LISTED = 6
ACTIVE = IncidentFilter(state="active", order="gravest")


@router.get("/")
def overview(request: Request, who: Person) -> Response:
    """The whole page; it is shown without what is in the store where that cannot be reached."""
    service = service_of(request)
    status = service.status()
    now_s = time.time()
    told: dict[str, Any] = {"status": status, "styles": STYLES, "sources": service.settings.sources}
    try:
        shown = told | _now(service, status, now_s) | _rates(service, now_s) | _budget(service, status, now_s)
    except StoreDown as error:
        return page(request, "overview_down.html", who, why=str(error), **told, **_health(status))
    return page(request, "overview.html", who, **shown, **_health(status))


@router.get("/fragments/overview/now")
def now(request: Request, who: Person) -> Response:
    """The sentence and the gravest incidents."""
    service = service_of(request)
    return page(request, "overview_now.html", who, **_now(service, service.status(), time.time()))


@router.get("/fragments/overview/rates")
def rates(request: Request, who: Person) -> Response:
    """The charts of the last hour."""
    return page(request, "overview_rates.html", who, **_rates(service_of(request), time.time()))


@router.get("/fragments/overview/budget")
def budget(request: Request, who: Person) -> Response:
    """The budget of false alarms."""
    service = service_of(request)
    return page(request, "overview_budget.html", who, **_budget(service, service.status(), time.time()))


@router.get("/fragments/overview/health")
def health(request: Request, who: Person) -> Response:
    """Processes, losses, latency."""
    status = service_of(request).status()
    return page(request, "overview_health.html", who, status=status, styles=STYLES, **_health(status))


@router.get("/fragments/troubles")
def what_is_wrong(request: Request, who: Person) -> Response:
    """What every page says loudly."""
    return page(request, "troubles.html", who)


def _now(service: Service, status: Status, now_s: float) -> dict[str, Any]:
    active = service.store.incidents.by_severity(ACTIVE)
    found = service.store.incidents.page(ACTIVE, None, LISTED).items if active else []
    judged = Hour.of(service.store, now_s).judged
    return {
        "standing": Standing.of(status, len(troubles(status)), active, judged),
        "active": active,
        "lines": [line_of(one) for one in found],
        "left": max(0, sum(active.values()) - len(found)),
    }


def _rates(service: Service, now_s: float) -> dict[str, Any]:
    return {"hour": Hour.of(service.store, now_s)}


def _budget(service: Service, status: Status, now_s: float) -> dict[str, Any]:
    return {"uses": budget_uses(service.settings, status.sources, service.store, now_s)}


def _health(status: Status) -> dict[str, Any]:
    return {"parts": parts(status), "latency": Latency.of(status.sources)}
