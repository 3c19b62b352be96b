"""An alert: one flow that does not fit, with its rarity and reasons; and a row of alike alerts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

KIND_WORDS = {
    "point": "by itself",
    "contextual": "for this host, service or time",
    "collective": "as a group: each of its flows may be normal",
}

LABELS = 3
"""So many different labels of a row are shown."""


def utc(time_ns: int) -> str:
    """ISO 8601 in UTC with microseconds.

    >>> utc(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456Z'
    """
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def listed(row: bytes) -> list[float]:
    """Float32 numbers in the fewest digits that tell them from all others.

    >>> listed(bytes.fromhex("cdcccc3d00004040"))
    [0.1, 3.0]
    """
    return [float(str(value)) for value in np.frombuffer(row, "<f4")]


def _fields(one: Any) -> dict[str, Any]:
    """The fields of a frozen dataclass, as they are: `dataclasses.asdict` takes ten times as long to copy them."""
    return {name: getattr(one, name) for name in one.__slots__}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a flow does not fit, by one feature.

    Attributes:
        feature: The feature's name.
        value: Its raw value in this flow.
        normal_low: What 1 in 1,000 normal flows stay under.
        normal_high: The greatest value among the normal flows.
        share: This feature's part of the score, 0 to 1.
        text: The sentence: "398 different ports on one host in 9 s; normal here: at most 3".
    """

    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One flow over the threshold. Times are ns since 1970 UTC; `id` is stable for the same bytes and model."""

    id: str
    start_ns: int
    end_ns: int
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    protocol: int
    community_id: str
    score: float
    rarity: str
    reasons: tuple[Reason, ...]
    packets: int
    size_bytes: int
    lengths: tuple[int, ...]
    gaps_us: tuple[int, ...]
    payload: bytes
    source: str
    first_packet: int
    wireshark_filter: str
    truth: str | None = None
    """What the ground truth says: the attack's name, "" for a benign flow, None where there is no truth."""

    captures: tuple[str, ...] = ()
    """Where several files were read as one: the file that `first_packet` is counted in, then all others that may hold
    packets of the flow."""

    incident: str = ""
    """The id of the incident that it belongs to, as far as was known when it was written."""

    payload_bytes: int = 0
    """What both sides sent, kept or not."""

    pseudonyms: str = ""
    """The fingerprint of the key whose pseudonyms stand for addresses and names; "" where these are as they were."""

    record_id: str = ""
    """What the source calls the flow's record, where it is a log: Zeek's uid, Suricata's flow_id."""

    label: str = ""
    """What the source itself says that the flow is: a class, another tool's alert."""

    category: str = ""
    """Which kind of attack it is likeliest, where the model tells kinds apart."""

    category_probability: float = 0.0
    """How likely it is that, as if attacks were as common as normal flows; of a rule, how often it names rightly."""

    kind: str = ""
    """What makes it odd: itself ("point"), its host, service or time ("contextual"), its group ("collective")."""

    techniques: tuple[str, ...] = ()
    """MITRE ATT&CK ids of what it likeliest is."""

    src_name: str = ""
    """What DNS or DHCP, seen in the same traffic, called the initiator."""

    dst_name: str = ""
    """What they called the responder."""

    src_country: str = ""
    """Two letters (ISO 3166) from a local GeoIP database, where one was given."""

    dst_country: str = ""
    """Of the responder."""

    intelligence: tuple[str, ...] = ()
    """Which threat-intelligence lists name one of its ends, and as what."""

    p_value: float | None = None
    """How likely a normal flow scores as high (`calibration.py`); None where nothing is known to be normal."""

    p_low: float | None = None
    """The lower end of the 95 % interval of that chance."""

    p_high: float | None = None
    """The upper end."""

    context_p_value: float | None = None
    """The same among normal flows of its service, role and hour, as far as these are known."""
    threshold: float = 0.0
    """The score from which on it was an alert; 0 where nobody kept it."""

    row: bytes = b""
    """What the model saw of it, d raw feature values as float32, little-endian: what `explain` scores anew."""

    @property
    def likeliest(self) -> str:
        """Which kind of attack it likeliest is, in words with its probability; empty where the model tells none."""
        if not self.category:
            return ""
        techniques = f" ({', '.join(self.techniques)})" if self.techniques else ""
        return f"{self.category.replace('_', ' ')}, {self.category_probability:.0%}{techniques}"

    @property
    def odd(self) -> str:
        """What makes it odd, in words; empty where nobody said."""
        return KIND_WORDS.get(self.kind, "")

    @property
    def chance(self) -> str:
        """The p-value with its interval, in words; empty where nothing is known to be normal."""
        if self.p_value is None:
            return ""
        known = self.p_low is not None and self.p_high is not None
        between = f", {self.p_low:.2g} to {self.p_high:.2g} at 95 %" if known else ""
        return f"p-value {self.p_value:.2g}{between}"

    @property
    def known_ends(self) -> str:
        """What its ends are called and where they are, in words; empty where nothing is known."""
        return "; ".join(self.known)

    @property
    def known(self) -> tuple[str, ...]:
        """The same, an end each."""
        told = []
        ends = ((self.src_ip, self.src_name, self.src_country), (self.dst_ip, self.dst_name, self.dst_country))
        for address, name, country in ends:
            if name or country:
                place = f" ({country})" if country else ""
                told.append(f"{address} is {name}{place}" if name else f"{address} is in {country}")
        return tuple(told)

    @property
    def first_capture(self) -> str:
        """The file that `first_packet` is counted in."""
        return self.captures[0] if self.captures else self.source

    def as_dict(self) -> dict[str, Any]:
        """The alert for JSON: times as ISO 8601, payload as hexadecimal."""
        record = _fields(self)
        record["reasons"] = tuple(_fields(reason) for reason in self.reasons)
        record["start"], record["end"] = utc(record.pop("start_ns")), utc(record.pop("end_ns"))
        record["payload"] = self.payload.hex()
        record["row"] = listed(self.row)
        return record


@dataclass(slots=True)
class AlertRow:
    """Alike alerts of one source folded into one row: the highest-scoring one speaks for all."""

    rank: int
    alerts: list[Alert] = field(default_factory=list)

    @property
    def top(self) -> Alert:
        """The alert with the highest score."""
        return self.alerts[0]

    @property
    def headline(self) -> str:
        """Why, in one sentence: the commonest first reason of its alerts, where it is strongest."""
        first = [alert.reasons[0] for alert in self.alerts if alert.reasons]
        if not first:
            return ""
        commonest = Counter(reason.feature for reason in first).most_common(1)[0][0]
        return max((r for r in first if r.feature == commonest), key=lambda r: abs(r.value - r.normal_high)).text

    @property
    def labels(self) -> str:
        """What the source says of its flows, the commonest first; empty where it says nothing."""
        return ", ".join(label for label, _ in Counter(a.label for a in self.alerts if a.label).most_common(LABELS))
