"""One way in which traffic no longer is what was learnt, in words."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from oddflow.features.feature import Feature, Scale
from oddflow.verdicts.alert import utc
from oddflow.verdicts.words import amount


class Drifted(StrEnum):
    """What drifted: a number of flows, their scores, or how many of them are alerts."""

    FEATURE = "feature"
    SCORES = "scores"
    ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class Drift:
    """What drifted, since when, and how far.

    Attributes:
        what: See `Drifted`.
        name: Of the feature; "" for scores and alerts.
        since_ns: When it began; 0 where it was so from the first flow on.
        index: The population stability index against the baseline; of alerts, their share over the promised one.
        limit: What it must pass to be told.
        text: It in words, without the time.
    """

    what: Drifted
    name: str
    since_ns: int
    index: float
    limit: float
    text: str

    @property
    def since(self) -> str:
        """Since when, in words."""
        return f"since {utc(self.since_ns)[:16].replace('T', ' ')}" if self.since_ns else "from the first flow on"

    @property
    def told(self) -> str:
        """The whole of it in a sentence."""
        return f"{self.text}, {self.since}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `since` is null where it was so from the first flow on."""
        record = asdict(self)
        since_ns = record.pop("since_ns")
        return {**record, "since": utc(since_ns) if since_ns else None}


TIMES = {2: "doubled", 3: "trebled"}


def change_in_words(feature: Feature, before: float, now: float, service: str) -> str:
    """How the middle of a feature moved; `service` is where most of it lies, or "".

    >>> size = Feature("reverse_payload", "bytes", Scale.LOG, "{value} received")
    >>> change_in_words(size, 60.0, 121.0, "udp/53")
    'mostly in udp/53: as a rule 121 B received, 60 B in the baseline (doubled)'
    """
    where = f"mostly in {service}: " if service else ""
    if feature.scale is Scale.CATEGORY:
        what = feature.words.replace("{value}", "").strip(" :")
        return f"{where}another mixture of the {what} of flows than in the baseline"
    said = feature.words.replace("{value}", amount(now, feature))
    if before == now:
        return f"{where}{said} as a rule, as in the baseline, and otherwise spread round it"
    return f"{where}as a rule {said}, {amount(before, feature)} in the baseline{_factor(before, now)}"


def _factor(before: float, now: float) -> str:
    if before <= 0 or now <= 0:
        return ""
    ratio = now / before
    if abs(ratio - 0.5) < 0.05:
        return " (halved)"
    whole = round(ratio)
    if abs(ratio - whole) < 0.1 * whole and whole in TIMES:
        return f" ({TIMES[whole]})"
    if ratio >= 1.5:
        return f" ({ratio:.3g} times)"
    return f" (1/{1 / ratio:.3g})" if ratio <= 1 / 1.5 else ""
