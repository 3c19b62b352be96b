"""The pages of hosts: all that were seen, and one of them: what is normal for it, what changed."""

import time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup
from pydantic import BaseModel, Field, field_validator

from oddflow.errors import UsageError
from oddflow.features.homes import PRIVATE
from oddflow.server.access.guard import Viewer
from oddflow.server.flowstore.host_list import HostPage, HostQuestion
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.incidents import IncidentFilter
from oddflow.server.web import host_views
from oddflow.server.web.drawing.spark import sparkline
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of

router = APIRouter(include_in_schema=False)

SHOWN = 50
ALERTS_SHOWN, INCIDENTS_SHOWN = 10, 5
HOUR_S = 3_600
SPANS = {"24h": ("day", 24), "7d": ("week", 168), "30d": ("30 days", 720)}
"""By the value of ?span=: in words, and how many hours."""
ORDERS = {
    "alerts": "most alerts",
    "score": "highest score",
    "bytes": "most bytes",
    "flows": "most flows",
    "last": "seen last",
    "first": "seen first of late",
    "host": "address",
}
ASCENDING = {"host"}


class HostWishes(BaseModel):
    """Which hosts, in what order."""

    text: Annotated[str, Field(max_length=80)] = ""
    order: Annotated[str, Field(max_length=20)] = "alerts"
    span: Annotated[str, Field(max_length=4)] = "24h"
    home: bool = False
    start: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    @field_validator("order")
    @classmethod
    def _known_order(cls, value: str) -> str:
        return value if value in ORDERS else "alerts"

    @field_validator("span")
    @classmethod
    def _known_span(cls, value: str) -> str:
        return value if value in SPANS else "24h"

    def address(self, start: int = 0) -> str:
        """The address of another page of the same hosts."""
        told = self.model_dump(exclude_defaults=True) | {"start": start}
        return f"/hosts?{urlencode(told)}"

    def question(self, home: tuple[str, ...]) -> HostQuestion:
        """What it asks of the flow store."""
        return HostQuestion(
            inside=home if self.home else (), text=self.text.strip(), order=self.order,
            descending=self.order not in ASCENDING, limit=SHOWN, offset=self.start,
        )  # fmt: skip


@router.get("/hosts")
def hosts(request: Request, who: Viewer, wishes: Annotated[HostWishes, Query()]) -> Response:
    """All hosts that were seen."""
    service = service_of(request)
    until_s = time.time()
    fault, found = "", HostPage((), 0)
    try:
        found = service.flows.hosts(until_s - SPANS[wishes.span][1] * HOUR_S, until_s, wishes.question(_home(service)))
    except UsageError as error:
        fault = str(error)
    courses = service.flows.courses([one.host for one in found.hosts], until_s - 24 * HOUR_S, until_s)
    before, after = max(0, wishes.start - SHOWN), wishes.start + SHOWN
    return page(
        request, "hosts.html", who, status_code=422 if fault else 200, fault_words=fault, wishes=wishes,
        rows=[(one, _spark(one.host, courses[one.host])) for one in found.hosts], total=found.total, orders=ORDERS,
        spans=SPANS, before=wishes.address(before) if wishes.start else "",
        after=wishes.address(after) if after < found.total else "",
        threshold=min((source.threshold for source in service.status().sources if source.threshold), default=None),
    )  # fmt: skip


def _spark(host: str, flows: list[int]) -> Markup:
    return sparkline(flows, f"Flows of {host} by the hour, last day") if any(flows) else Markup("")


@router.get("/hosts/{host}")
def host(request: Request, who: Viewer, host: str, span: Annotated[str, Query(max_length=4)] = "7d") -> Response:
    """One host."""
    service = service_of(request)
    span = span if span in SPANS else "7d"
    until_s = time.time()
    try:
        picture = service.flows.host(host, until_s - SPANS[span][1] * HOUR_S, until_s)
    except UsageError as error:
        return page(request, "host_unknown.html", who, status_code=422, fault_words=str(error), host=host[:80])
    alerts = service.store.alerts.page(AlertFilter(host=picture.host, order="score"), None, ALERTS_SHOWN)
    incidents = service.store.incidents.page(IncidentFilter(host=picture.host), None, INCIDENTS_SHOWN)
    return page(
        request, "host.html", who, picture=picture, views=host_views, span=span, spans=SPANS,
        volume=host_views.volume(picture), alerts=alerts.items, more_alerts=alerts.after is not None,
        incidents=incidents.items, more_incidents=incidents.after is not None,
        using=[one for one in picture.services if not one.serves],
        serving=[one for one in picture.services if one.serves],
    )  # fmt: skip


def _home(service: Service) -> tuple[str, ...]:
    """Networks of one's own, as the sources have them."""
    told = tuple(dict.fromkeys(network for source in service.settings.sources for network in source.home_networks))
    return told or PRIVATE
