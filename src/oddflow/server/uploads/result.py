"""What judging a capture brought, as its process writes it and as it is checked before anybody believes it."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from oddflow.schema import protocol_name
from oddflow.verdicts.alert import Alert, utc
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.incidents.incident import Incident, Severity

MOST_LISTED = 100
MOST_BYTES = 4 << 20

Text = Annotated[str, Field(max_length=2_000)]
Words = Annotated[str, Field(max_length=256)]
Address = Annotated[str, Field(max_length=64)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Share = Annotated[float, Field(ge=0, le=1)]
Identifier = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
Techniques = Annotated[list[Annotated[str, Field(max_length=16)]], Field(max_length=64)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class FoundAlert(_Told):
    """One of the flows that do not fit."""

    id: Identifier
    start: datetime
    end: datetime
    src_ip: Address
    src_port: Annotated[int, Field(ge=0, le=65_535)]
    dst_ip: Address
    dst_port: Annotated[int, Field(ge=0, le=65_535)]
    protocol: Words
    packets: Count
    size_bytes: Count
    score: float
    rarity: Text
    headline: Text
    category: Words
    incident: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")]

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """From an alert."""
        return cls(
            id=alert.id,
            start=datetime.fromisoformat(utc(alert.start_ns)),
            end=datetime.fromisoformat(utc(alert.end_ns)),
            src_ip=alert.src_ip,
            src_port=alert.src_port,
            dst_ip=alert.dst_ip,
            dst_port=alert.dst_port,
            protocol=protocol_name(alert.protocol),
            packets=alert.packets,
            size_bytes=alert.size_bytes,
            score=alert.score,
            rarity=alert.rarity[:2_000],
            headline=(alert.reasons[0].text if alert.reasons else alert.rarity)[:2_000],
            category=alert.category[:256],
            incident=alert.incident,
        )


class FoundIncident(_Told):
    """What alerts are together."""

    id: Identifier
    title: Text
    severity: Severity
    points: Annotated[int, Field(ge=0, le=100)]
    first: datetime
    last: datetime
    hosts: Annotated[list[Address], Field(max_length=MOST_LISTED)]
    category: Words
    techniques: Techniques
    alerts: Count

    @classmethod
    def of(cls, incident: Incident) -> Self:
        """From an incident."""
        return cls(
            id=incident.id,
            title=incident.title[:2_000],
            severity=incident.severity,
            points=incident.points,
            first=datetime.fromisoformat(utc(incident.first_ns)),
            last=datetime.fromisoformat(utc(incident.last_ns)),
            hosts=list(incident.hosts[:MOST_LISTED]),
            category=incident.category[:256],
            techniques=list(incident.techniques[:64]),
            alerts=incident.alerts,
        )


class UploadResult(_Told):
    """The verdict on a capture."""

    unit: Words
    packets: Annotated[Count, Field(description="Packets or records that came in: metered and lost.")]
    metered: Count
    losses: Annotated[dict[Text, Count], Field(max_length=1_000, description="What was not metered, by reason.")]
    damages: Annotated[list[Text], Field(max_length=64, description="What was lost without a count.")]
    flows: Count
    alerts: Annotated[Count, Field(description="Flows over the threshold.")]
    incidents: Count
    model: Annotated[Text, Field(description="What judged; empty where the capture was judged by itself.")]
    threshold: float
    budget: Text
    remarks: Annotated[list[Text], Field(max_length=64)]
    top_incidents: Annotated[list[FoundIncident], Field(max_length=MOST_LISTED, description="The gravest first.")]
    top_alerts: Annotated[list[FoundAlert], Field(max_length=MOST_LISTED, description="The oddest first.")]

    @classmethod
    def of(cls, found: Detection, model: str) -> Self:
        """From what was detected."""
        ledger = found.ledger
        oddest = sorted((alert for row in found.rows for alert in row.alerts), key=lambda alert: -alert.score)
        return cls(
            unit=ledger.unit,
            packets=ledger.total,
            metered=ledger.metered,
            losses={name[:2_000]: number for name, number in ledger.reasons.most_common(1_000)},
            damages=[text[:2_000] for text in ledger.damages[:64]],
            flows=found.flows,
            alerts=found.alerts,
            incidents=len(found.incidents),
            model=model,
            threshold=found.threshold.score,
            budget=found.threshold.budget[:2_000],
            remarks=[text[:2_000] for text in found.remarks[:64]],
            top_incidents=[FoundIncident.of(one) for one in found.incidents[:MOST_LISTED]],
            top_alerts=[FoundAlert.of(one) for one in oddest[:MOST_LISTED]],
        )


class Answer(_Told):
    """What the process says: a verdict, or why there is none."""

    problem: Text = ""
    result: UploadResult | None = None
