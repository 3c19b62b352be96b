"""A group that came over its limit, as an alert."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oddflow.amounts import count, seconds, size
from oddflow.schema import protocol_name
from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.categories import facts_of, likeliest
from oddflow.verdicts.collective.measures import MEANINGS, MOST_IRREGULAR, WIDTHS_S, Measure
from oddflow.verdicts.kinds import AnomalyKind
from oddflow.verdicts.words import service as service_name

OCTAVES = 3
"""A group that is eight times its limit scores twice the threshold: alerts of groups and of flows stand in one list."""

TO_ONE_SERVICE = frozenset({Measure.FLOOD, Measure.UNANSWERED, Measure.REPEATS, Measure.BEACON})
FROM_MANY = frozenset({Measure.FLOOD, Measure.UNANSWERED})


@dataclass(frozen=True, slots=True)
class Finding:
    """What the kernel told of a group.

    Attributes:
        measure: What was counted.
        scale: In windows of which width, a place in WIDTHS_S.
        value: What it came to.
        since_ns: When its first flow in the window began.
        limit: What is normal here, at most; of a beacon, how irregular it is, in millionths.
        period_ns: Of a beacon.
        as_high: Windows of the baseline that came to as much.
        windows: All of them.
    """

    measure: Measure
    scale: int
    value: int
    since_ns: int
    limit: int
    period_ns: int
    as_high: int
    windows: int

    @property
    def beyond(self) -> float:
        """How many times its limit it is, 1 or more; of a beacon, how many times as regular as it need be."""
        if self.measure is Measure.BEACON:
            return MOST_IRREGULAR * 1e6 / max(1, self.limit)
        return self.value / max(1, self.limit)

    def score(self, threshold: float) -> float:
        """On the scale of flows: the threshold at the limit, and twice it at eight times the limit."""
        return threshold * (1 + max(0.0, math.log2(max(1.0, self.beyond))) / OCTAVES)

    @property
    def rarity(self) -> str:
        """How rare it is among the windows of the baseline."""
        if self.measure is Measure.BEACON:
            return "no such contacts in the baseline"
        what = count(self.windows, "window")
        if not self.windows:
            return "nothing like it in the baseline"
        if not self.as_high:
            return f"beyond all {what} of groups in the baseline"
        return f"1 in {(self.windows + 1) / (self.as_high + 1):,.0f} windows of groups in the baseline"

    def words(self, flow: Mapping[str, Any]) -> str:
        """What was seen, beside what is normal."""
        meaning = MEANINGS[self.measure]
        service = service_name(flow["protocol"] * 65_536 + flow["dst_port"])
        lasted_s = max(1e-3, (flow["end"] - self.since_ns) / 1e9)
        value = size(self.value) if meaning.unit == "bytes" else f"{self.value:,}"
        said = meaning.words.format(
            value=value,
            window=seconds(lasted_s),
            service=service,
            period=seconds(self.period_ns / 1e9),
            jitter=f"{self.limit / 1e6:.0%}",
        )
        if self.measure is Measure.BEACON:
            return f"{said}; normal here: no contact of this host or service is as regular"
        limit = size(self.limit) if meaning.unit == "bytes" else f"{self.limit:,}"
        return f"{said}; normal here: less than {limit} in {seconds(WIDTHS_S[self.scale])}"

    def alert(
        self,
        flow: Mapping[str, Any],
        *,
        threshold: float,
        model_id: str,
        source: str,
        truth: str | None,
        pseudonyms: str,
    ) -> Alert:
        """The alert; `flow` is the one that brought the group over its limit, and stands for its ends."""
        measure = self.measure
        src_ip, dst_ip, protocol = flow["src_ip"], flow["dst_ip"], flow["protocol"]
        port = 0 if measure in (Measure.PORTS, Measure.SENT) else flow["dst_port"]
        meaning = MEANINGS[measure]
        likely = likeliest(facts_of(flow, measure=meaning.name))
        ends = (src_ip, dst_ip, protocol, port)
        identity = f"{model_id} {meaning.name} {self.scale} {ends} {self.since_ns} {self.value}"
        reason = Reason(
            feature=f"{meaning.name}_{WIDTHS_S[self.scale]}s" if measure is not Measure.BEACON else meaning.name,
            value=float(self.value),
            normal_low=0.0,
            normal_high=0.0 if measure is Measure.BEACON else float(self.limit),
            share=1.0,
            text=self.words(flow),
        )
        return Alert(
            id=hashlib.sha256(identity.encode()).hexdigest()[:12],
            start_ns=min(self.since_ns, flow["start"]),
            end_ns=flow["end"],
            src_ip=src_ip,
            src_port=0,
            dst_ip=dst_ip,
            dst_port=port,
            protocol=protocol,
            community_id="",
            score=round(self.score(threshold), 4),
            rarity=self.rarity,
            reasons=(reason,),
            packets=0,
            size_bytes=self.value if measure is Measure.SENT else 0,
            lengths=(),
            gaps_us=(),
            payload=b"",
            source=source,
            first_packet=0,
            wireshark_filter=group_filter(measure, src_ip, dst_ip, protocol, port),
            truth=truth,
            captures=(flow["capture"],) if flow["capture"] else (),
            pseudonyms=pseudonyms,
            label=flow["label"] or "",
            category=likely.category,
            category_probability=likely.probability,
            techniques=likely.techniques,
            kind=AnomalyKind.COLLECTIVE,
        )


def group_filter(measure: Measure, src_ip: str, dst_ip: str, protocol: int, port: int) -> str:
    """A Wireshark display filter for the packets of a group.

    >>> group_filter(Measure.HOSTS, "10.0.0.1", "10.0.0.2", 6, 23)
    'ip.addr == 10.0.0.1 && tcp.port == 23'
    """
    field = "ipv6.addr" if ":" in src_ip else "ip.addr"
    hosts = [dst_ip] if measure in FROM_MANY else [src_ip] if measure is Measure.HOSTS else [src_ip, dst_ip]
    name = protocol_name(protocol)
    parts = [f"{field} == {host}" for host in hosts]
    return " && ".join([*parts, *([f"{name}.port == {port}"] if port and name in ("tcp", "udp", "sctp") else [])])
