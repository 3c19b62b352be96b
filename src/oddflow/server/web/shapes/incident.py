"""Incidents as the API tells them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from oddflow.server.store.incidents import Note, StoredIncident
from oddflow.server.web.shapes.alert import Said
from oddflow.server.web.shapes.times import moment
from oddflow.verdicts.alert import utc
from oddflow.verdicts.incidents.incident import Severity

IncidentState = Literal["open", "taken", "closed"]


class StageShape(BaseModel):
    """One thing that was done: alerts of one kind between the same hosts."""

    title: Annotated[str, Field(examples=["10.0.0.1 tried 1,000 ports of 10.0.0.2"])]
    category: str
    category_probability: float
    techniques: list[str]
    first: datetime
    last: datetime
    alerts: int
    sources: list[str]
    source_count: int
    targets: list[str]
    target_count: int
    port_count: int
    protocol: str
    port: int | None
    size_bytes: int
    reason: str
    score: float


class LinkShape(BaseModel):
    """Who spoke to whom, with how many alerts."""

    src: str
    dst: str
    alerts: int


class NoteShape(BaseModel):
    """What a person wrote down."""

    at: datetime | None
    by: str
    text: str

    @classmethod
    def of(cls, note: Note) -> Self:
        """From the store."""
        return cls(at=moment(note.at_s), by=note.user, text=note.text)


class IncidentBrief(BaseModel):
    """An incident in a list."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    seq: Annotated[int, Field(description="Grows with each change that is stored.")]
    sensor: str
    origin: Annotated[str, Field(description="The source of this service that it came from.", examples=["office"])]
    stored: datetime
    title: str
    severity: Severity
    points: Annotated[int, Field(ge=0, le=100, description="How grave it is.")]
    first: datetime
    last: datetime
    hosts: list[str]
    category: str
    category_probability: float
    techniques: list[str]
    alerts: int
    stage_count: int
    score: float
    state: IncidentState
    assignee: str
    verdict: Said

    @classmethod
    def of(cls, stored: StoredIncident) -> Self:
        """From the store."""
        return cls.model_validate(_told(stored))


class IncidentShape(IncidentBrief):
    """All that is kept of an incident but its alerts, which are a list of their own."""

    stages: list[StageShape]
    evidence: Annotated[list[str], Field(description="Leading reasons, the commonest first.")]
    top: Annotated[list[str], Field(description="Ids of the highest-scoring alerts.")]
    links: list[LinkShape]
    labels: list[str]
    known: Annotated[list[str], Field(description="What lists, DNS and GeoIP say of its hosts.")]
    notes: list[NoteShape]
    why: Annotated[str, Field(description="Why it was closed.")]

    @classmethod
    def of(cls, stored: StoredIncident) -> Self:
        """From the store."""
        notes = [NoteShape.of(note) for note in stored.notes]
        more = {"known": list(stored.incident.known), "notes": notes, "why": stored.why}
        return cls.model_validate(_told(stored) | more)


def _told(stored: StoredIncident) -> dict[str, Any]:
    return stored.incident.as_dict() | {
        "seq": stored.seq,
        "sensor": stored.sensor,
        "origin": stored.source,
        "stored": utc(stored.stored_ns),
        "state": stored.state,
        "assignee": stored.assignee or "",
        "verdict": stored.verdict,
    }
