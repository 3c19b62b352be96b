"""Models: which there are, which judges, and how that is changed."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import UsageError
from oddflow.models.registry.named import Named, Version, reference
from oddflow.server.access.guard import ModelKeeper, Viewer, record
from oddflow.server.comparisons.comparisons import MOST_HOURS, Comparisons, Refused
from oddflow.server.web.answers import problems
from oddflow.server.web.problems import Problem, not_found
from oddflow.server.web.sealed_files import told_by
from oddflow.server.web.service import Service, service_of
from oddflow.server.web.shapes.model import CardShape, ComparisonShape, ModelBrief, ModelShape, VersionShape

router = APIRouter(prefix="/api/v1/models", tags=["models"])

ModelName = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$", examples=["office"])]
Number = Annotated[int, Path(ge=1, le=999_999_999, description="Which version.")]
Reason = Annotated[str, Field(max_length=1_000, description="Why; kept in the journal.")]


class ModelList(BaseModel):
    """All names."""

    items: list[ModelBrief]
    next: None = None


class Promoting(BaseModel):
    """Which version shall judge, and why."""

    model_config = ConfigDict(extra="forbid")
    version: Annotated[int, Field(ge=1, le=999_999_999)]
    reason: Reason = ""
    force: Annotated[
        bool, Field(description="Though it was never compared with the active one, or came off worse.")
    ] = False


class RollingBack(BaseModel):
    """Why the version that was active before shall judge again."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason = ""


class Shadowing(BaseModel):
    """On which flows it shall be compared with the active version."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(min_length=1, max_length=63, description="Whose stored flows.")]
    hours: Annotated[int, Field(ge=1, le=MOST_HOURS, description="So far back from now.")] = 24


@router.get("", responses=problems(), summary="List models")
def models(request: Request, who: Viewer) -> ModelList:  # noqa: ARG001
    """Names of the registry, each with its active version."""
    service = service_of(request)
    return ModelList(items=[ModelBrief.of(one, judged_by(service, one)) for one in service.registry.names().values()])


@router.get("/{name}", responses=problems(404), summary="One model")
def model(request: Request, who: Viewer, name: ModelName) -> ModelShape:  # noqa: ARG001
    """Its versions, comparisons, and all that happened to it."""
    service = service_of(request)
    named = found_model(service, name)
    return ModelShape.of(named, judged_by(service, named))


@router.get("/{name}/versions/{number}", responses=problems(404, 409), summary="A version's card")
def card(request: Request, who: Viewer, name: ModelName, number: Number) -> CardShape:  # noqa: ARG001
    """What it learnt from and when, its features, its figures, who signed it."""
    service = service_of(request)
    named = found_model(service, name)
    version = found_version(named, number)
    manifest, evaluation = told_by(service.registry, version)
    return CardShape(
        name=name, version=VersionShape.of(version, named.active), manifest=manifest, evaluation=evaluation
    )


@router.post("/{name}/promote", responses=problems(404, 409), summary="Promote a version")
def promote(request: Request, who: ModelKeeper, name: ModelName, promoting: Promoting) -> ModelShape:
    """It judges from now on. 409 where it was never compared with the active one, or came off worse: see `force`."""
    service = service_of(request)
    found_version(found_model(service, name), promoting.version)
    try:
        service.registry.promote(name, promoting.version, reason=promoting.reason, force=promoting.force, by=who.name)
    except UsageError as error:
        raise Problem(409, str(error)) from None
    record(request, who, "model.promote", f"{name}@{promoting.version}", reason=promoting.reason, force=promoting.force)
    named = found_model(service, name)
    return ModelShape.of(named, judged_by(service, named))


@router.post("/{name}/rollback", responses=problems(404, 409), summary="Roll back")
def rollback(request: Request, who: ModelKeeper, name: ModelName, rolling: RollingBack) -> ModelShape:
    """The version that was active before judges again; 409 where there was none."""
    service = service_of(request)
    found_model(service, name)
    try:
        event = service.registry.rollback(name, reason=rolling.reason, by=who.name)
    except UsageError as error:
        raise Problem(409, str(error)) from None
    record(request, who, "model.rollback", f"{name}@{event.version}", reason=rolling.reason)
    named = found_model(service, name)
    return ModelShape.of(named, judged_by(service, named))


@router.post(
    "/{name}/versions/{number}/shadow", responses=problems(404, 409), status_code=202, summary="Compare a version"
)
def shadow(request: Request, who: ModelKeeper, name: ModelName, number: Number, wishes: Shadowing) -> ComparisonShape:
    """Lets it judge the stored flows of a source beside the active version; what comes out goes to the journal.

    One is compared at a time. Ask for it until its state is done or failed. 409 where they cannot be compared: it is
    the active version, nothing of that time is stored, or they look at bytes of flows that are not.
    """
    service = service_of(request)
    found_version(found_model(service, name), number)
    if wishes.source not in {source.name for source in service.settings.sources}:
        raise not_found("source", wishes.source)
    try:
        told = comparisons_of(request).ask(name, number, wishes.source, wishes.hours, who.name)
    except Refused as error:
        raise Problem(409, str(error)) from None
    record(request, who, "model.shadow", f"{name}@{number}", source=wishes.source, hours=wishes.hours)
    return ComparisonShape.of(told)


@router.get("/{name}/versions/{number}/shadow", responses=problems(404), summary="How a comparison is")
def shadow_state(request: Request, who: Viewer, name: ModelName, number: Number) -> ComparisonShape:  # noqa: ARG001
    """The last one that somebody asked for since the service began; earlier ones are in the version's `shadows`."""
    service = service_of(request)
    found_version(found_model(service, name), number)
    told = comparisons_of(request).of(name, number)
    if told is None:
        raise not_found("comparison of", f"{name}@{number}")
    return ComparisonShape.of(told)


def comparisons_of(request: Request) -> Comparisons:
    """Who compares models."""
    found: Comparisons = request.app.state.comparisons
    return found


def found_model(service: Service, name: str) -> Named:
    """One name.

    Raises:
        Problem: There is none such.
    """
    named = service.registry.names().get(name)
    if named is None:
        raise not_found("model", name)
    return named


def found_version(named: Named, number: int) -> Version:
    """One version.

    Raises:
        Problem: There is none such.
    """
    if number not in named.versions:
        raise not_found("version", f"{named.name}@{number}")
    return named.versions[number]


def judged_by(service: Service, named: Named) -> list[str]:
    """The sources that a name judges."""
    wanted = ((source.name, reference(source.model)) for source in service.settings.sources if source.model)
    return [name for name, told in wanted if told is not None and told[0] == named.name]
