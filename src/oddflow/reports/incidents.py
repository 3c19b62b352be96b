"""Incidents as the page shows them: the story, its stages over time, who spoke to whom, and the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from oddflow.reports.hosts import hosts_chart
from oddflow.reports.stages import stages_chart
from oddflow.reports.words import duration, moment
from oddflow.schema import protocol_name
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.incidents.incident import Incident, Stage

DETAILED = 50
LISTED = 200
LISTED_ROWS = 12


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage: what was done, when, and how it is told."""

    title: str
    likeliest: str
    first: str
    span: str
    alerts: int
    reason: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident of the page's list; `stages` and what follows are empty where it has no details."""

    id: str
    title: str
    severity: str
    points: int
    first: str
    span: str
    alerts: int
    likeliest: str
    techniques: tuple[str, ...]
    evidence: tuple[str, ...]
    labels: tuple[str, ...]
    hosts: tuple[str, ...]
    truth: str | None
    attack: bool
    detailed: bool
    stages: tuple[StageView, ...]
    stages_left: int
    time_line: Markup
    graph: Markup
    rows: tuple[int, ...]
    rows_left: int


def incident_views(detection: Detection) -> list[IncidentView]:
    """The incidents that the page lists, the gravest first."""
    ranks: dict[str, list[int]] = {}
    for row in detection.rows:
        for an_id in {alert.incident for alert in row.alerts}:
            ranks.setdefault(an_id, []).append(int(row.rank))
    return [
        incident_view(incident, ranks.get(incident.id, []), detailed=place < DETAILED)
        for place, incident in enumerate(detection.incidents[:LISTED])
    ]


def incident_view(incident: Incident, ranks: Sequence[int] = (), *, detailed: bool = True) -> IncidentView:
    """One incident; `ranks` are of the rows that hold its alerts."""
    names = [name for name, alerts in sorted(incident.truths, key=lambda one: -one[1]) if name and alerts]
    return IncidentView(
        id=incident.id,
        title=incident.title,
        severity=incident.severity.value,
        points=incident.points,
        first=moment(incident.first_ns),
        span=duration(incident.last_ns - incident.first_ns),
        alerts=incident.alerts,
        likeliest=incident.likeliest,
        techniques=incident.techniques,
        evidence=incident.evidence,
        labels=incident.labels,
        hosts=incident.hosts,
        truth=(", ".join(names) or "benign") if incident.truths else None,
        attack=bool(names),
        detailed=detailed,
        stages=tuple(_stage(stage) for stage in incident.stages) if detailed else (),
        stages_left=incident.stage_count - len(incident.stages),
        time_line=stages_chart(incident) if detailed else Markup(""),
        graph=hosts_chart(incident.links) if detailed else Markup(""),
        rows=tuple(ranks[:LISTED_ROWS]),
        rows_left=max(0, len(ranks) - LISTED_ROWS),
    )


def _stage(stage: Stage) -> StageView:
    category = stage.category.replace("_", " ")
    return StageView(
        title=stage.title,
        likeliest=f"{category}, {stage.probability:.0%}" if category else protocol_name(stage.protocol),
        first=moment(stage.first_ns),
        span=duration(stage.last_ns - stage.first_ns),
        alerts=stage.alerts,
        reason=stage.reason,
    )
