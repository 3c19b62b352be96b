"""What people said of alerts, as pages show it: each rule with how many of the newest alerts it speaks of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from oddflow.server.store.feedback import StoredRule
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.rule import Key, Rule, Scope, key_of

ALERTS_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule.

    Attributes:
        stored: It, who made it and when.
        alike: Of the alerts that were looked at, those in its reach.
        hides: Of these, those that it hides from now on.
        holds: It has not expired.
    """

    stored: StoredRule
    alike: int
    hides: int
    holds: bool

    @property
    def rule(self) -> Rule:
        """The rule itself."""
        return self.stored.rule


def rule_rows(rules: Sequence[StoredRule], alerts: Sequence[Alert]) -> list[RuleRow]:
    """Rules, the newest first; they come the oldest first."""
    now = datetime.now(UTC)
    by_key: dict[tuple[str, Key], list[Alert]] = {}
    for alert in alerts:
        for scope in Scope:
            by_key.setdefault((alert.pseudonyms, key_of(scope, alert)), []).append(alert)
    rows = []
    for stored in reversed(rules):
        rule = stored.rule
        alike = by_key.get((rule.pseudonyms, rule.key), [])
        rows.append(RuleRow(stored, len(alike), sum(map(rule.would_hide, alike)), rule.holds_at(now)))
    return rows


def verdicts(rows: Sequence[RuleRow]) -> Counter[str]:
    """How many rules hold, by what they say."""
    return Counter(str(row.rule.verdict) for row in rows if row.holds)
