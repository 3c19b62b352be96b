"""An incident in a line of a list."""

from dataclasses import dataclass

from oddflow.reports.words import duration, listed
from oddflow.server.store.incidents import StoredIncident
from oddflow.verdicts.techniques import named

HOSTS = 3
STATES = {"open": "open", "taken": "taken", "closed": "closed"}


@dataclass(frozen=True, slots=True)
class Line:
    """All that a list shows of an incident; times in ns, the rest in words."""

    id: str
    title: str
    severity: str
    points: int
    state: str
    verdict: str
    assignee: str
    source: str
    sensor: str
    first_ns: int
    last_ns: int
    span: str
    alerts: int
    likeliest: str
    techniques: tuple[str, ...]
    hosts: str


def line_of(stored: StoredIncident) -> Line:
    """The line of an incident."""
    one = stored.incident
    return Line(
        id=one.id,
        title=one.title,
        severity=one.severity.value,
        points=one.points,
        state=STATES.get(stored.state, stored.state),
        verdict=stored.verdict,
        assignee=stored.assignee,
        source=stored.source,
        sensor=stored.sensor,
        first_ns=one.first_ns,
        last_ns=one.last_ns,
        span=duration(one.last_ns - one.first_ns),
        alerts=one.alerts,
        likeliest=one.likeliest,
        techniques=tuple(named((each,)) for each in one.techniques),
        hosts=listed(one.hosts, HOSTS),
    )
