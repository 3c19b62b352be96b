"""What a person says that alerts are: the form, and the rules that it makes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from oddflow.server.store.store import Store
from oddflow.server.web.incidents.reach import checked, reaches, rules_of
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict

LASTS = {"": None, "1": timedelta(days=1), "7": timedelta(days=7), "30": timedelta(days=30)}
"""How long a verdict holds, by the form's choice in days; for good unless one is made."""


class Said(BaseModel):
    """The form."""

    verdict: Verdict
    scope: Scope = Scope.FLOW
    reason: Annotated[str, Field(max_length=1_000)] = ""
    lasts: Literal["", "1", "7", "30"] = ""

    def rules(self, alerts: Sequence[Alert]) -> Sequence[Rule]:
        """The rules that say it of these alerts.

        Raises:
            UsageError: The scope takes too many.
        """
        now, lasts = datetime.now(UTC), LASTS[self.lasts]
        expires = None if lasts is None else now + lasts
        return checked(rules_of(alerts, self.verdict, self.scope, made=now, reason=self.reason, expires=expires))

    @property
    def told(self) -> dict[str, str]:
        """For the trail."""
        return {"verdict": self.verdict.value, "scope": self.scope.value, "reason": self.reason}


def judging(store: Store, source: str, alerts: Sequence[Alert], alerts_left: int = 0) -> dict[str, Any]:
    """What the form shows: each scope with its reach, the narrowest that says it all chosen.

    Args:
        store: Where other alerts are.
        source: Of these.
        alerts: What the verdict is of.
        alerts_left: How many more belong to the same incident.
    """
    found = reaches(store, source, alerts, made=datetime.now(UTC))
    return {
        "reaches": found,
        "chosen": next((one.scope for one in found if one.is_possible and not one.warning), Scope.HOST),
        "looked_at": len(alerts),
        "alerts_left": alerts_left,
    }
