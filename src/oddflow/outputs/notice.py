"""What is told: an alert or an incident, as all formats need it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from typing import Any, Protocol, runtime_checkable

from oddflow.schema import protocol_name
from oddflow.verdicts.alert import Alert

HIGH_PROBABILITY, MEDIUM_PROBABILITY = 0.9, 0.5


class Severity(IntEnum):
    """How much it matters, in three steps; each format has its own scale for them."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Told(Protocol):
    """What outputs take: anything with an id that can say itself as JSON values."""

    @property
    def id(self) -> str:
        """Stable: the same when it is told again."""

    def as_dict(self) -> dict[str, Any]:
        """Itself as JSON values."""


SEVERITIES = {step.name.lower(): step for step in Severity}
"""Of incidents; what is graver than high is high here."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert or incident, ready to be put in words. Times are ns since 1970 UTC.

    Attributes:
        id: Stable: receivers know by it what they were told before.
        kind: "alert" or "incident".
        title: What happened, in one sentence.
        severity: How much it matters.
        start_ns, end_ns: When it happened.
        body: All of it, as JSON values.
        src_ip, dst_ip: Between whom; empty where it is about many.
        protocol: IP protocol number; None where it is about several.
        reasons: Why, in sentences, the strongest first.
        hosts: All addresses it is about.
        techniques: MITRE ATT&CK ids.
        alert_ids: Of an incident, those of its alerts.
    """

    id: str
    kind: str
    title: str
    severity: Severity
    start_ns: int
    end_ns: int
    body: dict[str, Any]
    src_ip: str = ""
    src_port: int = 0
    dst_ip: str = ""
    dst_port: int = 0
    src_name: str = ""
    dst_name: str = ""
    src_country: str = ""
    dst_country: str = ""
    protocol: int | None = None
    community_id: str = ""
    record_id: str = ""
    score: float | None = None
    rarity: str = ""
    packets: int = 0
    size_bytes: int = 0
    reasons: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    category: str = ""
    probability: float = 0.0
    techniques: tuple[str, ...] = ()
    intelligence: tuple[str, ...] = ()
    source: str = ""
    pseudonyms: str = ""
    alert_ids: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What kind of thing it is, the same for alike ones: what receivers group by."""
        return f"{self.category.replace('_', ' ')} {self.kind}" if self.category else f"unusual {self.kind}"

    @property
    def transport(self) -> str:
        """The protocol's name in lower case; empty where there is none."""
        return "" if self.protocol is None else protocol_name(self.protocol)


@runtime_checkable
class Story(Protocol):
    """An incident, as far as it is told: alerts that belong together."""

    @property
    def id(self) -> str:
        """Stable: the same while it grows."""

    @property
    def title(self) -> str:
        """Who did what to whom."""

    @property
    def severity(self) -> str:
        """low, medium, high or critical."""

    @property
    def first_ns(self) -> int:
        """From its first packet, ns since 1970 UTC."""

    @property
    def last_ns(self) -> int:
        """To its last."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """All that take part."""

    @property
    def category(self) -> str:
        """Which kind of attack it is likeliest."""

    @property
    def category_probability(self) -> float:
        """How likely it is that."""

    @property
    def techniques(self) -> tuple[str, ...]:
        """MITRE ATT&CK ids."""

    @property
    def alert_ids(self) -> tuple[str, ...]:
        """Ids of its alerts."""

    def as_dict(self) -> dict[str, Any]:
        """Itself as JSON values."""


def kind_of(item: Told) -> str:
    """What a thing is told as."""
    return "alert" if isinstance(item, Alert) else "incident"


def notice_of(item: Told) -> Notice:
    """An alert or an incident as it is told."""
    if isinstance(item, Alert):
        return _of_alert(item)
    if isinstance(item, Story):
        return _of_incident(item)
    raise TypeError(f"{type(item).__name__} cannot be told; expected an alert or an incident")


def _of_incident(story: Story) -> Notice:
    return Notice(
        id=story.id,
        kind="incident",
        title=_text(story.title),
        severity=SEVERITIES.get(str(story.severity), Severity.HIGH),
        start_ns=story.first_ns,
        end_ns=story.last_ns,
        body=story.as_dict(),
        reasons=(_text(story.title),),
        hosts=_texts(story.hosts),
        category=_text(story.category),
        probability=story.category_probability,
        techniques=_texts(story.techniques),
        alert_ids=_texts(story.alert_ids),
    )


def _text(text: str) -> str:
    """As UTF-8 can say it: a file's name may hold bytes that are no text."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_text(text) for text in texts)


def _of_alert(alert: Alert) -> Notice:
    first = alert.reasons[0].text if alert.reasons else alert.rarity
    return Notice(
        id=alert.id,
        kind="alert",
        title=_text(first),
        severity=_severity(alert),
        start_ns=alert.start_ns,
        end_ns=alert.end_ns,
        body=alert.as_dict(),
        src_ip=_text(alert.src_ip),
        src_port=alert.src_port,
        dst_ip=_text(alert.dst_ip),
        dst_port=alert.dst_port,
        src_name=_text(alert.src_name),
        dst_name=_text(alert.dst_name),
        src_country=alert.src_country,
        dst_country=alert.dst_country,
        protocol=alert.protocol,
        community_id=_text(alert.community_id),
        record_id=_text(alert.record_id),
        score=alert.score,
        rarity=_text(alert.rarity),
        packets=alert.packets,
        size_bytes=alert.size_bytes,
        reasons=_texts(reason.text for reason in alert.reasons),
        hosts=_texts((alert.src_ip, alert.dst_ip)),
        category=_text(alert.category),
        probability=alert.category_probability,
        techniques=_texts(alert.techniques),
        intelligence=_texts(alert.intelligence),
        source=_text(alert.source),
        pseudonyms=alert.pseudonyms,
    )


def _severity(alert: Alert) -> Severity:
    """High where a list names one of its ends, or its kind is all but sure; medium where its kind is likely."""
    if alert.intelligence or alert.category_probability >= HIGH_PROBABILITY:
        return Severity.HIGH
    return Severity.MEDIUM if alert.category_probability >= MEDIUM_PROBABILITY else Severity.LOW


def is_address(text: str) -> bool:
    """Whether a text is an IP address, as receivers demand of fields that hold some."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
