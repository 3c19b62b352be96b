"""What a comparison brought, as its process writes it and as it is checked before anybody believes it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from oddflow.models.registry.registry import KEEP
from oddflow.verdicts.shadow.advice import Advice, Verdict
from oddflow.verdicts.shadow.comparison import Comparison
from oddflow.verdicts.shadow.noting import noted

MOST_BYTES = 256 << 10

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Text = Annotated[str, Field(max_length=2_000)]


class Noted(BaseModel):
    """What the journal keeps, as `noting.noted` makes it of a comparison without a truth."""

    model_config = ConfigDict(extra="forbid")
    recommendation: Verdict
    keep: Annotated[bool, Field(alias=KEEP)]
    flows: Count
    alerts: tuple[Count, Count]
    both: Count

    def told(self) -> dict[str, Any]:
        """For `Registry.shadowed`."""
        return self.model_dump(mode="json", by_alias=True)


class ComparisonResult(BaseModel):
    """Both models on the same flows."""

    model_config = ConfigDict(extra="forbid")
    noted: Noted
    reasons: Annotated[
        list[Text], Field(max_length=16, description="Of the recommendation, the one that decided first.")
    ]
    remarks: Annotated[list[Text], Field(max_length=64, description="What a reader must know.")]

    @classmethod
    def of(cls, found: Comparison, advice: Advice) -> "ComparisonResult":
        """From what was compared."""
        return cls(
            noted=Noted.model_validate(noted(found, advice)),
            reasons=[text[:2_000] for text in advice.reasons[:16]],
            remarks=[text[:2_000] for text in found.remarks[:64]],
        )


class Answer(BaseModel):
    """What the process says: a result, or why there is none."""

    model_config = ConfigDict(extra="forbid")
    problem: Text = ""
    result: ComparisonResult | None = None
