"""What was hidden, and by which rule: counted, never silent."""

import heapq
from dataclasses import asdict, dataclass, field
from typing import Any

from oddflow.amounts import count
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.rule import Rule

MOST_KEPT = 1_000
"""So many of the oddest hidden alerts can be shown."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What one rule hid.

    Attributes:
        rule: The rule's id.
        told: What it says, in words.
        alerts: How many alerts it hid.
        highest: The highest score among them.
        attacks: How many of them the ground truth calls an attack; 0 where there is no truth.
    """

    rule: str
    told: str
    alerts: int
    highest: float
    attacks: int = 0

    @property
    def text(self) -> str:
        """It in a sentence."""
        wrong = f", {self.attacks:,} of them attacks by the ground truth" if self.attacks else ""
        hid = f"hid {count(self.alerts, 'alert')}{wrong}, up to a score of {self.highest:.4g}"
        return f"rule {self.rule} {hid}: {self.told}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(slots=True)
class Suppression:
    """Counts hidden alerts by rule; the oddest are kept."""

    _by_rule: dict[str, Hidden] = field(default_factory=dict)
    _kept: list[tuple[float, int, Alert]] = field(default_factory=list)
    total: int = 0

    def add(self, rule: Rule, alert: Alert) -> None:
        """One more alert that a rule hid."""
        self.total += 1
        before = self._by_rule.get(rule.id) or Hidden(rule.id, rule.told, 0, float("-inf"))
        self._by_rule[rule.id] = Hidden(
            rule.id,
            rule.told,
            before.alerts + 1,
            max(before.highest, alert.score),
            before.attacks + bool(alert.truth),
        )
        entry = (alert.score, -self.total, alert)
        (heapq.heappush if len(self._kept) < MOST_KEPT else heapq.heappushpop)(self._kept, entry)

    def by_rule(self) -> list[Hidden]:
        """What each rule hid, the most first."""
        return sorted(self._by_rule.values(), key=lambda hidden: (-hidden.alerts, hidden.rule))

    def alerts(self) -> list[Alert]:
        """The oddest hidden alerts, in no order."""
        return [alert for _, _, alert in self._kept]
