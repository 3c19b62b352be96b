"""Incidents: what alerts are together, and what people make of them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.server.access.guard import Analyst, Viewer, record
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.incidents import IncidentFilter, StoredIncident
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import not_found
from oddflow.server.web.service import Service, service_of
from oddflow.server.web.shapes.alert import AlertBrief
from oddflow.server.web.shapes.incident import IncidentBrief, IncidentShape, IncidentState
from oddflow.server.web.shapes.pages import After, Limit, Page, following
from oddflow.server.web.shapes.times import Time, ns_of
from oddflow.verdicts.incidents.incident import Severity

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

IncidentId = Annotated[str, Path(pattern="^[0-9a-f]{1,64}$", description="The incident's id.")]
Words = Annotated[str, Field(max_length=4_000)]


class IncidentWishes(BaseModel):
    """Which incidents a list has."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[str | None, Field(max_length=63, description="Of this source.")] = None
    sensor: Annotated[str | None, Field(max_length=63, description="Of this sensor.")] = None
    severity: Annotated[Severity | None, Field(description="This grave.")] = None
    state: Annotated[IncidentState | Literal["active"] | None, Field(description="active: not closed.")] = None
    verdict: Annotated[
        Literal["none", "benign", "malicious"] | None, Field(description="Of which a person said this; none: nothing.")
    ] = None
    since: Annotated[Time | None, Field(description="That went on then or later.")] = None
    until: Annotated[Time | None, Field(description="That began before.")] = None
    host: Annotated[str | None, Field(max_length=64, description="That this address takes part in.")] = None
    text: Annotated[str, Field(max_length=200, description="With these words in them.")] = ""
    order: Literal["newest", "gravest"] = "newest"
    limit: Limit = 50
    after: After = None

    def filter(self) -> IncidentFilter:
        """As the store asks for it."""
        return IncidentFilter(
            source=self.source,
            sensor=self.sensor,
            severity=self.severity.value if self.severity else None,
            state=self.state,
            verdict="" if self.verdict == "none" else self.verdict,
            since_ns=ns_of(self.since),
            until_ns=ns_of(self.until),
            host=self.host,
            text=self.text,
            order=self.order,
        )


class Closing(BaseModel):
    """Why an incident is closed."""

    model_config = ConfigDict(extra="forbid")
    why: Words = ""


class Noting(BaseModel):
    """What to write down."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"\S", examples=["The printer was replaced."])]


class Judging(BaseModel):
    """What an incident is; empty takes it back."""

    model_config = ConfigDict(extra="forbid")
    verdict: Literal["", "benign", "malicious"]


@router.get("", responses=problems(404), summary="List incidents")
def incidents(request: Request, who: Viewer, wishes: Annotated[IncidentWishes, Query()]) -> Page[IncidentBrief]:  # noqa: ARG001
    """Incidents, those that went on last first unless asked otherwise."""
    found = following(
        wishes.after, lambda: service_of(request).store.incidents.page(wishes.filter(), wishes.after, wishes.limit)
    )
    return Page(items=[IncidentBrief.of(one) for one in found.items], next=found.after)


@router.get("/{incident_id}", responses=problems(404), summary="One incident in full")
def incident(request: Request, who: Viewer, incident_id: IncidentId) -> IncidentShape:  # noqa: ARG001
    """Its stages, hosts and links, evidence, and what people noted."""
    return IncidentShape.of(found_incident(service_of(request), incident_id))


@router.get("/{incident_id}/alerts", responses=problems(404), summary="The alerts of an incident")
def incident_alerts(
    request: Request,
    who: Viewer,  # noqa: ARG001
    incident_id: IncidentId,
    order: Literal["newest", "score"] = "score",
    limit: Limit = 50,
    after: After = None,
) -> Page[AlertBrief]:
    """The oddest first unless asked otherwise."""
    service = service_of(request)
    found_incident(service, incident_id)
    wanted = AlertFilter(incident=incident_id, order=order)
    found = following(after, lambda: service.store.alerts.page(wanted, after, limit))
    return Page(items=[AlertBrief.of(one) for one in found.items], next=found.after)


@router.post("/{incident_id}/take", responses=problems(404), summary="Take an incident")
def take(request: Request, who: Analyst, incident_id: IncidentId) -> IncidentShape:
    """Whoever asks looks after it from now on; a closed one is open again."""
    service = service_of(request)
    found_incident(service, incident_id)
    service.store.incidents.take(incident_id, who.name)
    record(request, who, "incident.take", incident_id)
    return IncidentShape.of(found_incident(service, incident_id))


@router.post("/{incident_id}/reopen", responses=problems(404), summary="Reopen an incident")
def reopen(request: Request, who: Analyst, incident_id: IncidentId) -> IncidentShape:
    """It is nobody's, and not dealt with."""
    service = service_of(request)
    found_incident(service, incident_id)
    service.store.incidents.reopen(incident_id)
    record(request, who, "incident.reopen", incident_id)
    return IncidentShape.of(found_incident(service, incident_id))


@router.post("/{incident_id}/close", responses=problems(404), summary="Close an incident")
def close(request: Request, who: Analyst, incident_id: IncidentId, closing: Closing) -> IncidentShape:
    """Nothing is left to do about it."""
    service = service_of(request)
    found_incident(service, incident_id)
    service.store.incidents.close(incident_id, who.name, closing.why)
    record(request, who, "incident.close", incident_id, why=closing.why)
    return IncidentShape.of(found_incident(service, incident_id))


@router.post("/{incident_id}/notes", responses=problems(404), status_code=201, summary="Write a note")
def note(request: Request, who: Analyst, incident_id: IncidentId, noting: Noting) -> IncidentShape:
    """For whoever looks at it next."""
    service = service_of(request)
    found_incident(service, incident_id)
    service.store.incidents.note(incident_id, who.name, noting.text)
    record(request, who, "incident.note", incident_id, text=noting.text)
    return IncidentShape.of(found_incident(service, incident_id))


@router.put("/{incident_id}/verdict", responses=problems(404), summary="Say what an incident is")
def verdict(request: Request, who: Analyst, incident_id: IncidentId, judging: Judging) -> IncidentShape:
    """Benign or malicious, for the record; rules that hide alike alerts are made under /feedback."""
    service = service_of(request)
    found_incident(service, incident_id)
    service.store.incidents.set_verdict(incident_id, judging.verdict)
    record(request, who, "incident.verdict", incident_id, verdict=judging.verdict)
    return IncidentShape.of(found_incident(service, incident_id))


def found_incident(service: Service, incident_id: str) -> StoredIncident:
    """One incident.

    Raises:
        Problem: There is none such.
    """
    stored = service.store.incidents.get(incident_id)
    if stored is None:
        raise not_found("incident", incident_id)
    return stored
