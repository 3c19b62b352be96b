"""Rules of feedback as the API tells them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from oddflow.server.store.feedback import StoredRule
from oddflow.server.web.shapes.times import moment
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict


class RuleShape(BaseModel):
    """What a person said of an alert, and which other alerts it speaks of."""

    id: str
    verdict: Verdict
    scope: Scope
    reach: Annotated[str, Field(examples=["10.0.0.5 to 10.0.0.1, TCP port 9100"])]
    alert: Annotated[str, Field(description="The id of the alert that it was made of.")]
    score: float
    most_score: Annotated[float, Field(description="A benign rule hides nothing that is odder.")]
    categories: Annotated[list[str], Field(description="And alerts of these kinds alone.")]
    reason: str
    made: datetime
    expires: datetime | None
    by: str
    stored: datetime | None

    @classmethod
    def of(cls, stored: StoredRule) -> Self:
        """From the store."""
        return cls.model_validate(_told(stored.rule) | {"by": stored.user, "stored": moment(stored.at_s)})


class PreviewShape(BaseModel):
    """What a benign rule would have hidden, of the alerts that were looked at."""

    reach: str
    looked_at: Annotated[int, Field(description="Alerts that were looked at: those in its reach come first.")]
    alerts: Annotated[int, Field(description="Alerts that are kept in all.")]
    hides: int
    odder: Annotated[int, Field(description="In its reach, but much odder than the one named: these stay.")]
    other_kinds: Annotated[int, Field(description="In its reach, but likeliest another kind of attack: these stay.")]
    malicious: Annotated[int, Field(description="That someone called malicious: these stay.")]
    strangest: Annotated[list[str], Field(description="Ids of the oddest in its reach.")]
    warnings: Annotated[list[str], Field(description="Why to think again; `accept` hides these, too.")]


def _told(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "verdict": rule.verdict,
        "scope": rule.scope,
        "reach": rule.reach,
        "alert": rule.alert_id,
        "score": rule.score,
        "most_score": rule.most_score,
        "categories": rule.categories,
        "reason": rule.reason,
        "made": rule.made,
        "expires": rule.expires,
    }
