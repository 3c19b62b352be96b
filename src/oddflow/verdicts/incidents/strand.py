"""A strand: alerts of one kind between the same hosts, summed up as they come, in bounded memory."""

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass, field

from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.rows import kind_of

MOST_HOSTS = 1_024
"""So many different hosts of each side are counted one by one; all others are counted together."""

MOST_REASONS = 32
MOST_LABELS = 8
TOP_ALERTS = 5
LISTED_IDS = 100

Key = tuple[str | None, str | None, int, int | None]
"""Source, target (None: many of them), protocol, and service where data were exchanged."""


def key_of(alert: Alert) -> Key:
    """The strand an alert belongs to: one source, one target, and the kind that rows of alerts are folded by."""
    src_ip, protocol, service = kind_of(alert)
    return src_ip, alert.dst_ip, protocol, service


def identity(alert: Alert) -> str:
    """Names a flow whatever it was read from: a live clock has ns, a file µs, and only a file numbers its packets."""
    ends = (alert.src_ip, alert.src_port, alert.dst_ip, alert.dst_port, alert.protocol)
    return hashlib.sha256(f"incident {ends} {alert.start_ns // 1_000}".encode()).hexdigest()[:12]


def oddest(entry: tuple[float, int, Alert]) -> tuple[float, int, str]:
    """By what the top alerts of several strands are compared: alerts themselves have no order."""
    score, _, alert = entry
    return score, -alert.start_ns, alert.id


class Hosts:
    """Counts hosts; of more than `MOST_HOSTS` different ones the later are counted together."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.others = 0

    def add(self, host: str) -> None:
        """One more alert of a host."""
        if host in self.counts or len(self.counts) < MOST_HOSTS:
            self.counts[host] += 1
        else:
            self.others += 1

    def absorb(self, other: "Hosts") -> None:
        """Adds what another one counted."""
        self.counts.update(other.counts)
        self.others += other.others

    def __len__(self) -> int:
        """How many different ones are known."""
        return len(self.counts)

    def __contains__(self, host: str | None) -> bool:
        """Whether a host is among them."""
        return host in self.counts

    def first(self, most: int) -> tuple[str, ...]:
        """The busiest."""
        return tuple(host for host, _ in self.counts.most_common(most))


@dataclass(slots=True)
class Strand:
    """What is known of the alerts of one key, without keeping them.

    Attributes:
        key: Whose they are.
        number: Counts strands in the order in which they began.
        id: The identity of the first alert.
        ports: Which destination ports were met, as the bits of a number.
        reasons: How often each feature was the leading reason, and the strongest of them.
        categories: The sum of the probabilities of each category.
        top: The highest-scoring alerts, as a heap.
    """

    key: Key
    number: int
    id: str
    first_ns: int
    last_ns: int
    alerts: int = 0
    size_bytes: int = 0
    score: float = 0.0
    with_data: int = 0
    ports: int = 0
    sources: Hosts = field(default_factory=Hosts)
    targets: Hosts = field(default_factory=Hosts)
    reasons: dict[str, tuple[int, Reason]] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=dict)
    techniques: Counter[str] = field(default_factory=Counter)
    top: list[tuple[float, int, Alert]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    truths: Counter[str] = field(default_factory=Counter)

    @classmethod
    def opened_by(cls, alert: Alert, key: Key, number: int) -> "Strand":
        """An empty one that shall hold this alert first."""
        return cls(key, number, identity(alert), alert.start_ns, alert.end_ns)

    @property
    def port(self) -> int | None:
        """The service, or the only port that was met; None for protocols that have none."""
        if self.key[3] is not None:
            return self.key[3] or None
        return self.ports.bit_length() - 1 if self.ports.bit_count() == 1 else None

    @property
    def reason(self) -> str:
        """The feature that leads most of its alerts; empty where none does."""
        return max(self.reasons, key=lambda name: (self.reasons[name][0], name), default="")

    def add(self, alert: Alert) -> None:
        """One more alert."""
        self.alerts += 1
        self.first_ns, self.last_ns = min(self.first_ns, alert.start_ns), max(self.last_ns, alert.end_ns)
        self.size_bytes += alert.size_bytes
        self.score = max(self.score, alert.score)
        self.with_data += bool(alert.payload_bytes or alert.payload)
        if alert.dst_port:  # a protocol without ports has 0, and so has an alert on a group of services
            self.ports |= 1 << alert.dst_port
        self.sources.add(alert.src_ip)
        self.targets.add(alert.dst_ip)
        if alert.reasons:
            self._add_reason(alert.reasons[0])
        if alert.category:
            self.categories[alert.category] = self.categories.get(alert.category, 0.0) + alert.category_probability
        self.techniques.update(alert.techniques)
        if len(self.ids) < LISTED_IDS:
            self.ids.append(alert.id)
        if alert.label and (alert.label in self.labels or len(self.labels) < MOST_LABELS):
            self.labels[alert.label] += 1
        if alert.truth is not None:
            self.truths[alert.truth] += 1
        entry = (alert.score, -self.alerts, alert)
        if len(self.top) < TOP_ALERTS:
            heapq.heappush(self.top, entry)
        else:
            heapq.heappushpop(self.top, entry)

    def _add_reason(self, reason: Reason) -> None:
        met, strongest = self.reasons.get(reason.feature, (0, reason))
        if met or len(self.reasons) < MOST_REASONS:
            stronger = abs(reason.value - reason.normal_high) > abs(strongest.value - strongest.normal_high)
            self.reasons[reason.feature] = met + 1, reason if stronger else strongest

    def gap_ns(self, first_ns: int, last_ns: int) -> int:
        """The time between this and another span; 0 where they overlap."""
        return max(0, first_ns - self.last_ns, self.first_ns - last_ns)

    def absorb(self, other: "Strand") -> None:
        """Takes in what another one sums up; of reasons and hosts beyond the limits, the later are lost."""
        self.alerts += other.alerts
        self.first_ns, self.last_ns = min(self.first_ns, other.first_ns), max(self.last_ns, other.last_ns)
        self.size_bytes += other.size_bytes
        self.score = max(self.score, other.score)
        self.with_data += other.with_data
        self.ports |= other.ports
        self.sources.absorb(other.sources)
        self.targets.absorb(other.targets)
        for name, (met, strongest) in other.reasons.items():
            here, one = self.reasons.get(name, (0, strongest))
            stronger = abs(strongest.value - strongest.normal_high) > abs(one.value - one.normal_high)
            self.reasons[name] = here + met, strongest if stronger else one
        for category, weight in other.categories.items():
            self.categories[category] = self.categories.get(category, 0.0) + weight
        self.techniques.update(other.techniques)
        self.top = heapq.nlargest(TOP_ALERTS, [*self.top, *other.top], key=oddest)
        self.ids = [*self.ids, *other.ids][:LISTED_IDS]
        self.labels.update(other.labels)
        self.truths.update(other.truths)
