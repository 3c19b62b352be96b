"""One thing that a person said of an alert, and which other alerts it speaks of."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from oddflow.amounts import count
from oddflow.errors import UsageError
from oddflow.schema import protocol_name
from oddflow.verdicts.alert import Alert

MARGIN = 0.5
"""A rule hides alerts up to half as odd again as the one that it was made of."""

Address = Annotated[str, Field(max_length=64)]
Word = Annotated[str, Field(max_length=64)]


class Verdict(StrEnum):
    """What a person says that an alert is."""

    BENIGN = "benign"
    MALICIOUS = "malicious"


class Scope(StrEnum):
    """How far a verdict reaches.

    FLOW: this source to this service of this host, whatever its own port. SERVICE: this service of this host, whoever
    asks. HOST: all that this source does. ALWAYS: this service anywhere, where the strongest reason is the same.
    """

    FLOW = "flow"
    SERVICE = "service"
    HOST = "host"
    ALWAYS = "always"


Key = tuple[Scope, str, str, int, int, str]


def key_of(scope: Scope, alert: Alert) -> Key:
    """What alerts have in common that a rule of this scope takes for alike."""
    service = (alert.protocol, alert.dst_port)
    if scope is Scope.FLOW:
        return scope, alert.src_ip, alert.dst_ip, *service, ""
    if scope is Scope.SERVICE:
        return scope, "", alert.dst_ip, *service, ""
    if scope is Scope.HOST:
        return scope, alert.src_ip, "", 0, 0, ""
    return scope, "", "", *service, alert.reasons[0].feature if alert.reasons else ""


class Rule(BaseModel):
    """A verdict with its reach; everything in it may be hostile.

    Attributes:
        id: Names it, for messages and for taking it back.
        src_ip, dst_ip, protocol, dst_port, feature: What alike alerts share, as far as the scope looks at it.
        alert_id, score: Of the alert that it was made of.
        most_score: A benign rule hides nothing that is odder.
        categories: A benign rule hides alerts of these kinds of attack alone; "" is of no kind.
        pseudonyms: The fingerprint of the key that the addresses are under; "" where they are as they were.
        made, expires: When it was said, and until when it holds; None for good.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    verdict: Verdict
    scope: Scope
    src_ip: Address
    dst_ip: Address
    protocol: Annotated[int, Field(ge=0, le=255)]
    dst_port: Annotated[int, Field(ge=0, le=65_535)]
    feature: Annotated[str, Field(max_length=4_096)]
    alert_id: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    score: float
    most_score: float
    categories: Annotated[list[Word], Field(max_length=64)] = []
    pseudonyms: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")] = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    made: AwareDatetime
    expires: AwareDatetime | None = None

    @classmethod
    def of(
        cls,
        alert: Alert,
        verdict: Verdict,
        scope: Scope,
        *,
        made: datetime,
        reason: str = "",
        expires: datetime | None = None,
        up_to: float | None = None,
        kinds: Iterable[str] = (),
    ) -> "Rule":
        """The rule that an alert makes.

        Args:
            alert: What the verdict is of.
            verdict: What it is.
            scope: How far it reaches.
            made: Now.
            reason: Why, in a person's words.
            expires: Until when it holds.
            up_to: Hide what is as odd as this, too.
            kinds: Hide these kinds of attack, too.
        """
        usual = alert.score + MARGIN * abs(alert.score)
        _, src_ip, dst_ip, protocol, dst_port, feature = key_of(scope, alert)
        identity = f"{verdict} {scope} {alert.id} {alert.pseudonyms}"
        return cls(
            id=hashlib.sha256(identity.encode()).hexdigest()[:12],
            verdict=verdict,
            scope=scope,
            src_ip=src_ip,
            dst_ip=dst_ip,
            protocol=protocol,
            dst_port=dst_port,
            feature=feature,
            alert_id=alert.id,
            score=alert.score,
            most_score=usual if up_to is None else max(usual, up_to),
            categories=sorted({alert.category, *kinds}),
            pseudonyms=alert.pseudonyms,
            reason=reason,
            made=made,
            expires=expires,
        )

    @property
    def key(self) -> Key:
        """See `key_of`."""
        return self.scope, self.src_ip, self.dst_ip, self.protocol, self.dst_port, self.feature

    def holds_at(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    def speaks_of(self, alert: Alert) -> bool:
        """Whether an alert is in its reach, however odd."""
        return self.pseudonyms == alert.pseudonyms and key_of(self.scope, alert) == self.key

    def would_hide(self, alert: Alert) -> bool:
        """Whether an alert in its reach is no odder, and of no other kind, than what it was made of."""
        is_alike = alert.score <= self.most_score and alert.category in self.categories
        return self.verdict is Verdict.BENIGN and is_alike

    @property
    def reach(self) -> str:
        """What it speaks of, in words."""
        protocol = protocol_name(self.protocol)
        service = f"{protocol} port {self.dst_port}" if self.dst_port else protocol
        if self.scope is Scope.FLOW:
            return f"{self.src_ip} to {self.dst_ip}, {service}"
        if self.scope is Scope.SERVICE:
            return f"any host to {self.dst_ip}, {service}"
        if self.scope is Scope.HOST:
            return f"all that {self.src_ip} does"
        return f"{service} anywhere" + (f", odd by {self.feature.replace('_', ' ')}" if self.feature else "")

    @property
    def told(self) -> str:
        """The rule in one line, with why it was made."""
        return f"{self.verdict}: {self.reach}" + (f" ({self.reason})" if self.reason else "")


_LASTS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MOST_LASTING = timedelta(days=36_500)


def expiry(text: str, now: datetime) -> datetime:
    """When a rule ends that holds for "12h", "30d" or "2w".

    >>> expiry("2w", datetime(2026, 1, 1, tzinfo=UTC)).isoformat()
    '2026-01-15T00:00:00+00:00'

    Raises:
        UsageError: It says something else.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([hdw])", text.strip())
    lasts = int(found[1]) * _LASTS[found[2]] if found else None
    if lasts is None or lasts > MOST_LASTING:
        raise UsageError(f"--expires is {text!r}; expected hours, days or weeks, like 12h, 30d or 2w")
    return (now + lasts).astimezone(UTC)


def summary(rules: Sequence[Rule]) -> str:
    """How many there are of each verdict.

    >>> summary([])
    'no rules'
    """
    benign = sum(rule.verdict is Verdict.BENIGN for rule in rules)
    if not rules:
        return "no rules"
    return f"{count(len(rules), 'rule')}, {benign:,} benign and {len(rules) - benign:,} malicious"
