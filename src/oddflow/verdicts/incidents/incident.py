"""An incident: alerts that belong to one story, with its stages, its hosts and how grave it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from oddflow.schema import protocol_name
from oddflow.verdicts.alert import Alert, utc

LISTED_KNOWN = 6


class Severity(StrEnum):
    """How grave an incident is, in a word; `severity.py` has the formula."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing that was done: alerts of one kind between the same hosts.

    Attributes:
        title: What was done, as a clause: "10.0.0.1 tried 1,000 ports of 10.0.0.2".
        category: Which kind of attack it is likeliest; empty where nothing tells.
        probability: How likely it is that, 0 to 1.
        techniques: MITRE ATT&CK technique ids.
        first_ns, last_ns: From the first packet to the last, ns since 1970 UTC.
        alerts: How many.
        sources: Who began it, the busiest first; at most `LISTED_HOSTS` of them.
        targets: Whom it went to, the same way.
        source_count, target_count: How many there are; more than are listed where it is a sweep or a flood.
        port_count: How many different ports were tried.
        protocol: Its number.
        port: The service, where data were exchanged with one; None where the ports say nothing.
        size_bytes: What both sides sent.
        reason: The commonest leading reason, in a sentence.
        score: The highest of its alerts.
        truths: How many of its alerts are of which attack of the ground truth, "" for benign ones; empty without one.
    """

    title: str
    category: str
    probability: float
    techniques: tuple[str, ...]
    first_ns: int
    last_ns: int
    alerts: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    source_count: int
    target_count: int
    port_count: int
    protocol: int
    port: int | None
    size_bytes: int
    reason: str
    score: float
    truths: tuple[tuple[str, int], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The stage for JSON; the truth is told elsewhere."""
        return {
            "title": self.title,
            "category": self.category,
            "category_probability": round(self.probability, 4),
            "techniques": list(self.techniques),
            "first": utc(self.first_ns),
            "last": utc(self.last_ns),
            "alerts": self.alerts,
            "sources": list(self.sources),
            "source_count": self.source_count,
            "targets": list(self.targets),
            "target_count": self.target_count,
            "port_count": self.port_count,
            "protocol": protocol_name(self.protocol),
            "port": self.port,
            "size_bytes": self.size_bytes,
            "reason": self.reason,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that belong together.

    Attributes:
        id: From the first alert's flow, so that the same traffic gives the same id from a file and live.
        title: Who did what to whom, stage after stage, in a sentence.
        severity: How grave it is.
        points: The same as a number, 0 to 100.
        first_ns, last_ns: From the first packet to the last, ns since 1970 UTC.
        hosts: All that take part, the busiest first; at most `LISTED_HOSTS` a stage.
        category: Of its gravest stage; empty where nothing tells.
        category_probability: How likely it is that.
        techniques: MITRE ATT&CK technique ids, in the order in which they were seen.
        alerts: How many.
        alert_ids: Their ids, the first ones of each stage.
        stages: What was done, in the order in which it began; at most `LISTED_STAGES`, those with the most alerts.
        stage_count: How many there are.
        evidence: Leading reasons, the commonest first.
        top: The highest-scoring alerts.
        links: Who spoke to whom, with how many alerts.
        score: The highest of its alerts.
    """

    id: str
    title: str
    severity: Severity
    points: int
    first_ns: int
    last_ns: int
    hosts: tuple[str, ...]
    category: str
    category_probability: float
    techniques: tuple[str, ...]
    alerts: int
    alert_ids: tuple[str, ...]
    stages: tuple[Stage, ...]
    stage_count: int
    evidence: tuple[str, ...]
    top: tuple[Alert, ...]
    links: tuple[tuple[str, str, int], ...]
    score: float
    labels: tuple[str, ...] = ()
    """What the source itself says of its flows, the commonest first."""

    truths: tuple[tuple[str, int], ...] = ()
    """How many alerts are of which attack of the ground truth, "" for benign ones; empty where there is no truth."""

    @property
    def known(self) -> tuple[str, ...]:
        """What lists say of the ends of its top alerts, and what these are called and where they are; a few of them."""
        listed = dict.fromkeys(text for alert in self.top for text in alert.intelligence)
        named = dict.fromkeys(text for alert in self.top for text in alert.known)
        return (*listed, *named)[:LISTED_KNOWN]

    @property
    def likeliest(self) -> str:
        """Which kind of attack it likeliest is, in words with its probability; empty where nothing tells."""
        return f"{self.category.replace('_', ' ')}, {self.category_probability:.0%}" if self.category else ""

    def as_dict(self) -> dict[str, Any]:
        """The incident for JSON: times as ISO 8601, the top flows by their ids."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": self.severity.value,
            "points": self.points,
            "first": utc(self.first_ns),
            "last": utc(self.last_ns),
            "hosts": list(self.hosts),
            "category": self.category,
            "category_probability": round(self.category_probability, 4),
            "techniques": list(self.techniques),
            "alerts": self.alerts,
            "alert_ids": list(self.alert_ids),
            "stages": [stage.as_dict() for stage in self.stages],
            "stage_count": self.stage_count,
            "evidence": list(self.evidence),
            "top": [alert.id for alert in self.top],
            "links": [{"src": src, "dst": dst, "alerts": alerts} for src, dst, alerts in self.links],
            "score": self.score,
            "labels": list(self.labels),
        }
