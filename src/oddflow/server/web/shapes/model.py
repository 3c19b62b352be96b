"""Models of the registry as the API tells them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, JsonValue

from oddflow.models.card import Card
from oddflow.models.manifest import Manifest
from oddflow.models.registry.journal import Event
from oddflow.models.registry.named import Named, Version
from oddflow.server.comparisons.comparisons import Asked, State
from oddflow.server.comparisons.result import ComparisonResult
from oddflow.server.web.shapes.times import moment


class ShadowShape(BaseModel):
    """What came out when a version was seen beside the one that was active."""

    at: str
    by: str
    against: Annotated[str, Field(description="The SHA-256 of the model that was active.")]
    found: dict[str, JsonValue]


class VersionShape(BaseModel):
    """A model under a name."""

    number: int
    active: bool
    added: str
    by: str
    reason: str
    detector: str
    fingerprint: str
    signer: Annotated[str, Field(description="The public key that signed it; empty for none.")]
    sha256: str
    file: str
    shadows: list[ShadowShape]

    @classmethod
    def of(cls, version: Version, active: Version | None) -> Self:
        """From the registry."""
        added = version.added
        return cls(
            number=version.number,
            active=version is active,
            added=added.at,
            by=added.by,
            reason=added.reason,
            detector=added.detector,
            fingerprint=added.fingerprint,
            signer=added.signer,
            sha256=version.sha256,
            file=added.file,
            shadows=[
                ShadowShape(at=one.at, by=one.by, against=one.against, found=one.found) for one in version.shadows
            ],
        )


class EventShape(BaseModel):
    """One thing that was done."""

    what: Annotated[str, Field(examples=["promote"])]
    at: str
    by: str
    version: int
    reason: str
    forced: bool

    @classmethod
    def of(cls, event: Event) -> Self:
        """From the journal."""
        return cls(
            what=event.what.value,
            at=event.at,
            by=event.by,
            version=event.version,
            reason=event.reason,
            forced=event.forced,
        )


class ModelBrief(BaseModel):
    """A name in a list."""

    name: Annotated[str, Field(examples=["office"])]
    active: Annotated[int | None, Field(description="The version that judges; null where none was promoted.")]
    previous: Annotated[int | None, Field(description="The version that a rollback makes active.")]
    detector: str
    fingerprint: str
    versions: list[int]
    judges: Annotated[list[str], Field(description="The sources that it judges.")]

    @classmethod
    def of(cls, named: Named, judges: list[str]) -> Self:
        """From the registry."""
        return cls.model_validate(_brief(named, judges))


class ModelShape(ModelBrief):
    """A name with its versions and all that happened to it, the newest first."""

    items: list[VersionShape]
    events: list[EventShape]

    @classmethod
    def of(cls, named: Named, judges: list[str]) -> Self:
        """From the registry."""
        versions = [VersionShape.of(one, named.active) for one in reversed(named.versions.values())]
        events = [EventShape.of(event) for event in reversed(named.events)]
        return cls.model_validate(_brief(named, judges) | {"items": versions, "events": events})


class ComparisonShape(BaseModel):
    """A comparison of a version with the active one that somebody asked for."""

    model: Annotated[str, Field(description="The version that waits.", examples=["office@2"])]
    against: Annotated[str, Field(description="The version that was active.", examples=["office@1"])]
    source: str
    hours: int
    by: str
    at: datetime | None
    state: State
    progress: Annotated[float, Field(ge=0, le=1, description="The share of the flows that both judged so far.")]
    problem: Annotated[str, Field(description="Why it failed.")]
    result: ComparisonResult | None

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """As it is now."""
        return cls(
            model=f"{asked.name}@{asked.number}",
            against=f"{asked.name}@{asked.active.number}",
            source=asked.source,
            hours=asked.hours,
            by=asked.by,
            at=moment(asked.at_s),
            state=asked.state,
            progress=round(asked.progress, 4),
            problem=asked.problem,
            result=asked.result,
        )


class CardShape(BaseModel):
    """What a version's file says it is: its manifest, and the tables of an evaluation where it brings some."""

    name: str
    version: VersionShape
    manifest: Manifest
    evaluation: Card | None


def _brief(named: Named, judges: list[str]) -> dict[str, object]:
    active = named.active
    return {
        "name": named.name,
        "active": active.number if active else None,
        "previous": named.previous.number if named.previous else None,
        "detector": active.added.detector if active else "",
        "fingerprint": active.added.fingerprint if active else "",
        "versions": list(named.versions),
        "judges": judges,
    }
