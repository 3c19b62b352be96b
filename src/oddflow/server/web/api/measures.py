"""Measures: what each source did, by the minute."""

from enum import StrEnum
from time import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.server.access.guard import Viewer
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import Problem
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.times import Time

router = APIRouter(prefix="/api/v1/measures", tags=["measures"])

MOST_STEPS = 2_000
MINUTE_S = 60
HOUR_S = 3_600


class Measure(StrEnum):
    """What is measured: counts in each step, and how things were at its end."""

    PACKETS = "packets"
    BYTES = "bytes"
    FLOWS = "flows"
    JUDGED = "judged"
    ALERTS = "alerts"
    INCIDENTS = "incidents"
    LOST = "lost"
    SHED = "shed"
    OPEN_FLOWS = "open_flows"
    QUEUED_FLOWS = "queued_flows"
    WAITING_ALERTS = "waiting_alerts"
    LATENCY_P50_S = "latency_p50_s"
    LATENCY_P99_S = "latency_p99_s"
    DRIFT = "drift"


class SeriesWishes(BaseModel):
    """Which measures, of when."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[list[Measure], Field(min_length=1, max_length=16)] = [Measure.FLOWS, Measure.ALERTS]
    source: Annotated[str | None, Field(max_length=63)] = None
    sensor: Annotated[str | None, Field(max_length=63)] = None
    since: Annotated[Time | None, Field(description="An hour before `until` unless given.")] = None
    until: Annotated[Time | None, Field(description="Now unless given.")] = None
    step_s: Annotated[int, Field(ge=MINUTE_S, le=366 * 24 * HOUR_S, description="Seconds a point.")] = MINUTE_S


class Series(BaseModel):
    """One measure of one source: [seconds since 1970, value] of each step that anything was measured in."""

    source: str
    name: Measure
    points: list[tuple[float, float]]


class SeriesList(BaseModel):
    """All that were asked for."""

    since_s: float
    until_s: float
    step_s: int
    items: list[Series]


@router.get("", responses=problems(), summary="Series of measures")
def measures(request: Request, who: Viewer, wishes: Annotated[SeriesWishes, Query()]) -> SeriesList:  # noqa: ARG001
    """Counts are of each step; the rest is as it was. At most 2,000 steps; ask for a longer `step_s` for more time."""
    until_s = wishes.until.timestamp() if wishes.until else time()
    since_s = wishes.since.timestamp() if wishes.since else until_s - HOUR_S
    step_s = wishes.step_s
    if since_s > until_s:
        raise Problem(422, "since is later than until; swap them")
    if (until_s - since_s) / step_s > MOST_STEPS:
        raise Problem(422, f"that is more than {MOST_STEPS:,} steps; give a longer step_s or a shorter time")
    found = service_of(request).store.measures.series(
        list(dict.fromkeys(name.value for name in wishes.name)),
        source=wishes.source,
        sensor=wishes.sensor,
        since_s=since_s,
        until_s=until_s,
        step_s=step_s,
    )
    items = [
        Series(source=source, name=Measure(name), points=[(float(at), float(value)) for at, value in points])
        for source, each in sorted(found.items())
        for name, points in each.items()
    ]
    return SeriesList(since_s=since_s, until_s=until_s, step_s=step_s, items=items)
