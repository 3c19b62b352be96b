"""A group that came over its limit, as an alert."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from oddflow.amounts import count, seconds, size
from oddflow.verdicts.alert import Alert, Reason
from oddflow.verdicts.categories import facts_of, likeliest
from oddflow.verdicts.collective.measures import MEANINGS, MOST_IRREGULAR, WIDTHS_S, Measure
from oddflow.verdicts.enriching import FEATURE as LISTED
from oddflow.verdicts.kinds import AnomalyKind
from oddflow.verdicts.words import service as service_name

OCTAVES = 3
"""A group that is eight times its limit scores twice the threshold: alerts of groups and of flows stand in one list."""


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

    @property
    def p_value(self) -> float | None:
        """The share of the baseline's windows, this one with them, that came to as much; None of beacons, which were
        not counted in windows, and where there was no window."""
        if self.measure is Measure.BEACON or not self.windows:
            return None
        return float(f"{(self.as_high + 1) / (self.windows + 1):.3g}")

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

    def alert(self, flow: Mapping[str, Any], own: Alert, threshold: float) -> Alert:
        """The alert of the group; it is told with `flow`, which brought it over its limit, and with that flow's `own`.

        So packets can be shown and extracted as of any other alert; the group is in the reason.
        """
        meaning = MEANINGS[self.measure]
        is_beacon = self.measure is Measure.BEACON
        likely = likeliest(
            facts_of(
                flow,
                measure=meaning.name,
                group_value=self.value,
                group_lasted_s=(flow["end"] - self.since_ns) / 1e9,
            )
        )
        reason = Reason(
            feature=meaning.name if is_beacon else f"{meaning.name}_{WIDTHS_S[self.scale]}s",
            value=float(self.value),
            normal_low=0.0,
            normal_high=0.0 if is_beacon else float(self.limit),
            share=1.0,
            text=self.words(flow),
        )
        identity = f"{own.id} {meaning.name} {self.scale} {self.since_ns} {self.value}"
        return replace(
            own,
            id=hashlib.sha256(identity.encode()).hexdigest()[:12],
            score=round(self.score(threshold), 4),
            rarity=self.rarity,
            p_value=self.p_value,
            reasons=(reason, *(given for given in own.reasons if given.feature == LISTED)),
            category=likely.category,
            category_probability=likely.probability,
            techniques=likely.techniques,
            kind=AnomalyKind.COLLECTIVE,
        )


GROUP_FEATURES = frozenset(
    MEANINGS[measure].name if measure is Measure.BEACON else f"{MEANINGS[measure].name}_{width}s"
    for measure in Measure
    for width in WIDTHS_S
)


def is_of_group(alert: Alert) -> bool:
    """Whether the stage told it: its reason speaks of a group, not of a feature."""
    return bool(alert.reasons) and alert.reasons[0].feature in GROUP_FEATURES
