"""Alerts as the API tells them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from oddflow.schema import protocol_name
from oddflow.server.store.alerts import StoredAlert
from oddflow.verdicts.alert import utc

Said = Annotated[Literal["", "benign", "malicious"], Field(description="What a person said of it.")]


class ReasonShape(BaseModel):
    """Why a flow does not fit, by one feature; `share` is its part of the score."""

    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: Annotated[float, Field(ge=0, le=1)]
    text: Annotated[str, Field(examples=["398 different ports on one host in 9 s; normal here: at most 3"])]


class AlertBrief(BaseModel):
    """An alert in a list."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$", examples=["5f0a1c9be2d34477"])]
    seq: Annotated[int, Field(description="Grows with each change that is stored.")]
    sensor: str
    origin: Annotated[str, Field(description="The source of this service that it came from.", examples=["office"])]
    stored: datetime
    start: datetime
    end: datetime
    src_ip: str
    src_port: int
    src_name: str
    dst_ip: str
    dst_port: int
    dst_name: str
    protocol: Annotated[str, Field(examples=["TCP"])]
    packets: int
    size_bytes: int
    score: float
    threshold: float
    rarity: Annotated[str, Field(examples=["1 in 4,000 normal flows"])]
    p_value: float | None
    kind: Annotated[str, Field(description="point, contextual, collective, or empty where nobody said.")]
    category: Annotated[str, Field(description="Which kind of attack it is likeliest.", examples=["reconnaissance"])]
    category_probability: float
    techniques: Annotated[list[str], Field(description="MITRE ATT&CK ids.", examples=[["T1046"]])]
    incident: Annotated[str, Field(description="The id of its incident.")]
    headline: Annotated[str, Field(description="Its strongest reason.")]
    verdict: Said

    @classmethod
    def of(cls, stored: StoredAlert) -> Self:
        """From the store."""
        return cls.model_validate(_brief(stored))


class AlertShape(AlertBrief):
    """All that is kept of an alert."""

    reasons: list[ReasonShape]
    protocol_number: int
    community_id: str
    wireshark_filter: str
    lengths: Annotated[list[int], Field(description="IP lengths of the first packets; negative from the responder.")]
    gaps_us: Annotated[list[int], Field(description="Times between them, µs.")]
    payload: Annotated[str, Field(description="The first bytes of both sides, hexadecimal.")]
    payload_bytes: Annotated[int, Field(description="What both sides sent, kept or not.")]
    captured_in: Annotated[str, Field(description="The capture, log or interface that it was read from.")]
    captures: list[str]
    first_packet: int
    record_id: str
    label: str
    truth: str | None
    pseudonyms: Annotated[str, Field(description="The fingerprint of the key that addresses are under; else empty.")]
    src_country: str
    dst_country: str
    intelligence: Annotated[list[str], Field(description="Which threat-intelligence lists name one of its ends.")]
    p_low: float | None
    p_high: float | None
    context_p_value: float | None

    @classmethod
    def of(cls, stored: StoredAlert) -> Self:
        """From the store."""
        alert = stored.alert
        told = alert.as_dict() | {"captured_in": alert.source, "protocol_number": alert.protocol}
        return cls.model_validate(told | _brief(stored))


def _brief(stored: StoredAlert) -> dict[str, Any]:
    alert = stored.alert
    names = (
        "id", "src_ip", "src_port", "src_name", "dst_ip", "dst_port", "dst_name", "packets", "size_bytes", "score",
        "threshold", "rarity", "p_value", "kind", "category", "category_probability", "techniques", "incident",
    )  # fmt: skip
    told = {name: getattr(alert, name) for name in names}
    return told | {
        "seq": stored.seq,
        "sensor": stored.sensor,
        "origin": stored.source,
        "stored": utc(stored.stored_ns),
        "start": utc(alert.start_ns),
        "end": utc(alert.end_ns),
        "protocol": protocol_name(alert.protocol),
        "headline": alert.reasons[0].text if alert.reasons else alert.rarity,
        "verdict": stored.verdict,
    }
