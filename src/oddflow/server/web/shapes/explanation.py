"""Explanations as the API tells them."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from oddflow.verdicts.explaining.explanation import Explanation


class BecauseShape(BaseModel):
    """One part of the flow that made the score."""

    part: str
    feature: str
    value: float
    normal_low: float
    normal_high: float
    share: float
    score_without: Annotated[float, Field(description="The score with this part, and those before it, put back.")]
    text: str
    also: list[str]


class ChangeShape(BaseModel):
    """One feature as it would have to be."""

    feature: str
    value: float
    wanted: float
    text: str


class CounterfactualShape(BaseModel):
    """What would make the flow normal."""

    changes: list[ChangeShape]
    score: float
    reached: bool
    text: str


class NearShape(BaseModel):
    """A normal flow near it."""

    distance: float
    score: float
    differs: list[str]


class PacketShape(BaseModel):
    """A packet's share of the score."""

    number: int
    length_bytes: int
    gap_s: float
    share: float


class ExplanationShape(BaseModel):
    """What is odd in a flow, what is near it, and what would make it normal; as `oddflow explain --json`."""

    alert: Annotated[str, Field(description="The alert's id.")]
    detector: str
    model: Annotated[str, Field(description="The model's fingerprint.")]
    score: float
    threshold: float
    method: str
    because: list[BecauseShape]
    counterfactual: CounterfactualShape
    nearest: list[NearShape]
    packets: list[PacketShape]
    heat: Annotated[
        list[float], Field(description="Of each byte of the payload: how much it raises the score, 0 to 1.")
    ]
    heat_method: str
    remarks: list[str]

    @classmethod
    def of(cls, found: Explanation) -> Self:
        """From the model's answer."""
        return cls.model_validate(found.as_dict()["explanation"] | {"alert": found.alert.id})
