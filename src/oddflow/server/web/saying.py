"""What a person says of an alert becomes a rule: looked at first, then kept; for the API and for pages."""

from dataclasses import dataclass
from datetime import UTC, datetime

from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.alerts import StoredAlert
from oddflow.server.store.store import Store
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.preview import Preview, preview
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict, expiry

MOST_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said of an alert.

    Attributes:
        alert: Of which.
        verdict: What it is.
        scope: How far that reaches.
        reason: Why, in a person's words.
        lasts: Until when, like "30d"; empty for good.
    """

    alert: StoredAlert
    verdict: Verdict
    scope: Scope = Scope.FLOW
    reason: str = ""
    lasts: str = ""

    def rule(self, now: datetime | None = None, found: Preview | None = None) -> Rule:
        """It as a rule; with what was found, one that hides all of that.

        Raises:
            UsageError: `lasts` is no time.
        """
        made = now or datetime.now(UTC)
        wider = {} if found is None else {"up_to": found.up_to, "kinds": found.kinds}
        return Rule.of(
            self.alert.alert,
            self.verdict,
            self.scope,
            made=made,
            reason=self.reason,
            expires=expiry(self.lasts, made) if self.lasts else None,
            **wider,  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True)
class Looked:
    """What a rule would have hidden.

    Attributes:
        found: Of the alerts that were looked at.
        kept: How many alerts the store has.
    """

    found: Preview
    kept: int


def look(store: Store, rule: Rule) -> Looked:
    """Looks at what is kept in a rule's reach: the oddest thousand of its hosts, or the newest of all."""
    host = rule.src_ip or rule.dst_ip or None
    order = "score" if host else "newest"
    page = store.alerts.page(AlertFilter(host=host, order=order), None, MOST_LOOKED_AT)  # type: ignore[arg-type]
    known = Feedback([one.rule for one in store.feedback.rules()], datetime.now(UTC))
    return Looked(preview(rule, (one.alert for one in page.items), known), store.alerts.count(AlertFilter()))
