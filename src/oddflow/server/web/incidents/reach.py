"""How far a verdict reaches: for each scope the rules that it takes, and what these would have hidden."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from oddflow.amounts import count
from oddflow.errors import UsageError
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.store import Store
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.rule import Key, Rule, Scope, Verdict, key_of

MOST_RULES = 24
"""A verdict that takes more rules than these is of a scope too narrow for it."""
LOOKED_BACK = 250
TITLES = {
    Scope.FLOW: "These hosts, this service",
    Scope.SERVICE: "This service, whoever asks",
    Scope.HOST: "All that this host does",
    Scope.ALWAYS: "This service anywhere, odd in the same way",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """One scope.

    Attributes:
        scope: Which.
        title: In words.
        rules: What they speak of, in words; a few of them.
        rule_count: How many it takes.
        here, of_here: Of the alerts in question, how many go quiet.
        elsewhere, of_elsewhere: Of the latest others of the source, how many would have been hidden.
        warning: Why a person should think again; may be empty.
    """

    scope: Scope
    title: str
    rules: tuple[str, ...]
    rule_count: int
    here: int
    of_here: int
    elsewhere: int
    of_elsewhere: int
    warning: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether it can be asked for."""
        return self.rule_count <= MOST_RULES


def rules_of(
    alerts: Iterable[Alert],
    verdict: Verdict,
    scope: Scope,
    *,
    made: datetime,
    reason: str = "",
    expires: datetime | None = None,
) -> list[Rule]:
    """The rules that speak of all these alerts: one for those that the scope takes for alike, made of the oddest."""
    groups: dict[tuple[str, Key], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.pseudonyms, key_of(scope, alert)), []).append(alert)
    return [
        Rule.of(
            max(alike, key=lambda alert: (alert.score, alert.id)), verdict, scope,
            made=made, reason=reason, expires=expires, kinds={alert.category for alert in alike},
        )
        for alike in groups.values()
    ]  # fmt: skip


def checked(rules: Sequence[Rule]) -> Sequence[Rule]:
    """The same, where they are few enough.

    Raises:
        UsageError: They are not.
    """
    if len(rules) > MOST_RULES:
        raise UsageError(
            f"that reach takes {count(len(rules), 'rule')}; at most {MOST_RULES} are made at once: choose a wider one"
        )
    return rules


def reaches(store: Store, source: str, alerts: Sequence[Alert], *, made: datetime) -> list[Reach]:
    """What each scope would do for these alerts of a source.

    Args:
        store: Where the latest others are.
        source: Of the alerts.
        alerts: What the verdict is of.
        made: Now.
    """
    ours = {alert.id for alert in alerts}
    latest = store.alerts.page(AlertFilter(source=source), None, LOOKED_BACK).items
    others = [one.alert for one in latest if one.alert.id not in ours]
    known = Feedback((stored.rule for stored in store.feedback.rules()), made)
    return [_reach(scope, alerts, others, known, made) for scope in Scope]


def _reach(scope: Scope, alerts: Sequence[Alert], others: Sequence[Alert], known: Feedback, made: datetime) -> Reach:
    rules = rules_of(alerts, Verdict.BENIGN, scope, made=made)
    by_key = {(rule.pseudonyms, rule.key): rule for rule in rules}

    def hidden(some: Sequence[Alert]) -> list[Alert]:
        return [
            alert
            for alert in some
            if (rule := by_key.get((alert.pseudonyms, key_of(scope, alert)))) is not None
            and rule.would_hide(alert)
            and not known.is_malicious(alert)
        ]

    here, elsewhere = hidden(alerts), hidden(others)
    return Reach(
        scope,
        TITLES[scope],
        tuple(rule.reach for rule in rules[:3]),
        len(rules),
        len(here),
        len(alerts),
        len(elsewhere),
        len(others),
        _warning(rules, here, alerts, elsewhere),
    )


def _warning(rules: Sequence[Rule], here: Sequence[Alert], alerts: Sequence[Alert], elsewhere: Sequence[Alert]) -> str:
    if len(rules) > MOST_RULES:
        return f"takes {count(len(rules), 'rule')}; a wider reach says the same in one"
    if len(here) < len(alerts):
        return f"{count(len(alerts) - len(here), 'alert')} stay, for someone called alike ones malicious"
    if len(elsewhere) > max(10, len(alerts)):
        return "it hides more elsewhere than here"
    return ""
