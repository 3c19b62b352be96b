"""Alerts: flows that do not fit."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import UsageError
from oddflow.server.access.guard import Analyst, Viewer, record
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.alerts import StoredAlert
from oddflow.server.web.answers import problems
from oddflow.server.web.incidents.packets import packets_of
from oddflow.server.web.problems import Problem, not_found
from oddflow.server.web.service import Service, service_of
from oddflow.server.web.shapes.alert import AlertBrief, AlertShape
from oddflow.server.web.shapes.pages import After, Limit, Page, following
from oddflow.server.web.shapes.times import Time, ns_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

AlertId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", description="The alert's id.")]


class PacketsResponse(Response):
    """A pcap file."""

    media_type = "application/vnd.tcpdump.pcap"


class AlertWishes(BaseModel):
    """Which alerts a list has."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[str | None, Field(max_length=63, description="Of this source.")] = None
    sensor: Annotated[str | None, Field(max_length=63, description="Of this sensor.")] = None
    since: Annotated[Time | None, Field(description="That began then or later.")] = None
    until: Annotated[Time | None, Field(description="That began before.")] = None
    min_score: Annotated[float | None, Field(ge=-1e30, le=1e30)] = None
    category: Annotated[str | None, Field(max_length=64, examples=["reconnaissance"])] = None
    host: Annotated[str | None, Field(max_length=64, description="With this address at either end.")] = None
    incident: Annotated[str | None, Field(pattern="^[0-9a-f]{1,64}$")] = None
    verdict: Annotated[
        Literal["none", "benign", "malicious"] | None, Field(description="Of which a person said this; none: nothing.")
    ] = None
    text: Annotated[str, Field(max_length=200, description="With these words in them.")] = ""
    order: Literal["newest", "score"] = "newest"
    limit: Limit = 50
    after: After = None

    def filter(self) -> AlertFilter:
        """As the store asks for it."""
        return AlertFilter(
            source=self.source,
            sensor=self.sensor,
            since_ns=ns_of(self.since),
            until_ns=ns_of(self.until),
            min_score=self.min_score,
            category=self.category,
            host=self.host,
            incident=self.incident,
            verdict="" if self.verdict == "none" else self.verdict,
            text=self.text,
            order=self.order,
        )


@router.get("", responses=problems(404), summary="List alerts")
def alerts(request: Request, who: Viewer, wishes: Annotated[AlertWishes, Query()]) -> Page[AlertBrief]:  # noqa: ARG001
    """Alerts, the newest first unless asked otherwise."""
    found = following(
        wishes.after, lambda: service_of(request).store.alerts.page(wishes.filter(), wishes.after, wishes.limit)
    )
    return Page(items=[AlertBrief.of(one) for one in found.items], next=found.after)


@router.get("/{alert_id}", responses=problems(404), summary="One alert in full")
def alert(request: Request, who: Viewer, alert_id: AlertId) -> AlertShape:  # noqa: ARG001
    """All that is kept of it: reasons, packet lengths, the first bytes."""
    return AlertShape.of(found_alert(service_of(request), alert_id))


@router.get("/{alert_id}/packets", response_class=PacketsResponse, responses=problems(404), summary="Its packets")
def packets(request: Request, who: Analyst, alert_id: AlertId) -> Response:
    """Both directions of its flow as a pcap file; 404 where its source keeps no capture, and why."""
    service = service_of(request)
    stored = found_alert(service, alert_id)
    try:
        content = packets_of(stored.alert, stored.source, service.settings)
    except UsageError as error:
        raise Problem(404, str(error)) from None
    record(request, who, "alert.packets", alert_id)
    headers = {"Content-Disposition": f'attachment; filename="alert-{alert_id}.pcap"', "Cache-Control": "no-store"}
    return PacketsResponse(content, headers=headers)


def found_alert(service: Service, alert_id: str) -> StoredAlert:
    """One alert.

    Raises:
        Problem: There is none such.
    """
    stored = service.store.alerts.get(alert_id)
    if stored is None:
        raise not_found("alert", alert_id)
    return stored
