"""What a rule would have hidden, told before it is accepted."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from oddflow.amounts import count
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.rule import Rule

STRANGEST = 5
KINDS = 3
MANY = 10
"""Of so many alerts, one rule that hides more than half is too broad to pass without a word."""


@dataclass(slots=True)
class Heap:
    """Alerts of one sort, counted; the oddest few are kept.

    Attributes:
        alerts: How many.
        words: How many of each kind.
        highest: The highest score.
    """

    alerts: int = 0
    words: Counter[str] = field(default_factory=Counter)
    highest: float = float("-inf")
    _kept: list[tuple[float, int, Alert]] = field(default_factory=list)

    def add(self, alert: Alert, word: str = "") -> None:
        """Counts an alert under a word."""
        self.alerts += 1
        self.words[word] += 1
        self.highest = max(self.highest, alert.score)
        entry = (alert.score, -self.alerts, alert)
        (heapq.heappush if len(self._kept) < STRANGEST else heapq.heappushpop)(self._kept, entry)

    @property
    def strangest(self) -> list[Alert]:
        """The oddest few, the oddest first."""
        return [alert for _, _, alert in sorted(self._kept, key=lambda entry: entry[:2], reverse=True)]

    @property
    def listed(self) -> str:
        """The commonest words, with how many alerts each has."""
        return ", ".join(f"{number:,} {word}" for word, number in self.words.most_common(KINDS))


@dataclass(slots=True)
class Preview:
    """What of a file of alerts is in the reach of a benign rule.

    Attributes:
        alerts: All alerts of the file.
        alike: Those that it hides.
        odder: Those that are odder than it hides.
        other_kinds: Those that are likeliest another kind of attack, by category.
        attacks: Those that the ground truth of the file calls an attack, by name.
        malicious: Those that someone called malicious: no rule hides them.
        kinds: Categories of all in its reach that a rule may hide.
    """

    alerts: int = 0
    alike: Heap = field(default_factory=Heap)
    odder: Heap = field(default_factory=Heap)
    other_kinds: Heap = field(default_factory=Heap)
    attacks: Heap = field(default_factory=Heap)
    malicious: Heap = field(default_factory=Heap)
    kinds: set[str] = field(default_factory=set)

    @property
    def beyond(self) -> tuple[Heap, ...]:
        """What only a wider rule hides, or none should."""
        return self.odder, self.other_kinds, self.attacks

    @property
    def strangest(self) -> list[Alert]:
        """The oddest alerts in its reach, the oddest first."""
        every = [alert for heap in (self.alike, *self.beyond) for alert in heap.strangest]
        return sorted(every, key=lambda alert: (-alert.score, alert.id))[:STRANGEST]

    @property
    def up_to(self) -> float:
        """The highest score in its reach."""
        return max(heap.highest for heap in (self.alike, *self.beyond))

    def warnings(self) -> list[str]:
        """Why a person should think again; nothing where there is no cause."""
        found = []
        if self.odder.alerts:
            highest = f"up to a score of {self.odder.highest:.4g}"
            found.append(f"{count(self.odder.alerts, 'alert')} much odder than the one named, {highest}")
        if self.other_kinds.alerts:
            kinds = self.other_kinds.listed.replace("_", " ")
            found.append(f"{count(self.other_kinds.alerts, 'alert')} of another kind of attack: {kinds}")
        if self.attacks.alerts:
            found.append(
                f"{count(self.attacks.alerts, 'alert')} that the ground truth calls an attack: {self.attacks.listed}"
            )
        if self.alerts >= MANY and self.alike.alerts > self.alerts / 2:
            found.append(f"more than half of all alerts: {self.alike.alerts:,} of {self.alerts:,}")
        return found

    def told(self) -> str:
        """How much it hides, in a sentence."""
        share = self.alike.alerts / self.alerts if self.alerts else 0.0
        kept = f"; {self.malicious.alerts:,} more stay, for they were called malicious" * bool(self.malicious.alerts)
        return f"it hides {self.alike.alerts:,} of {count(self.alerts, 'alert')} ({share:.0%}){kept}"


def preview(rule: Rule, alerts: Iterable[Alert], known: Feedback) -> Preview:
    """Looks at each alert once.

    Args:
        rule: A benign rule that is not accepted yet.
        alerts: Of the file that it was made from.
        known: What was said before.
    """
    found = Preview()
    for alert in alerts:
        found.alerts += 1
        if not rule.speaks_of(alert):
            continue
        if alert.id != rule.alert_id and known.is_malicious(alert):
            found.malicious.add(alert)
            continue
        found.kinds.add(alert.category)
        if alert.truth:
            found.attacks.add(alert, alert.truth)
        elif alert.category not in rule.categories:
            found.other_kinds.add(alert, alert.category or "of no known kind")
        elif alert.score > rule.most_score:
            found.odder.add(alert)
        else:
            found.alike.add(alert)
    return found
