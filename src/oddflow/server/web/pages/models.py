"""The pages of models: names of the registry, one name with its versions, one version's card."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from oddflow.errors import BrokenRegistry, ModelError, OddflowError, Unreadable, UsageError
from oddflow.models.registry.named import Named
from oddflow.models.registry.registry import Registry
from oddflow.server.access.guard import ModelKeeper, Viewer, record
from oddflow.server.access.identity import Identity
from oddflow.server.comparisons.comparisons import MOST_HOURS
from oddflow.server.web.api.models import comparisons_of
from oddflow.server.web.model_card import ModelCard, card_of
from oddflow.server.web.model_views import candidates, history, shadows, uses, uses_of
from oddflow.server.web.problems import not_found
from oddflow.server.web.rendering import page
from oddflow.server.web.service import service_of

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=4_096)]


@router.get("/models")
def models(request: Request, who: Viewer) -> Response:
    """All names."""
    service = service_of(request)
    status = service.status()
    found = uses(service.settings, status)
    alerts = {source.name: source.alerts for source in status.sources}
    fault = ""
    names: dict[str, Named] = {}
    try:
        names = service.registry.names()
    except (BrokenRegistry, Unreadable) as error:
        fault = str(error)
    rows = [
        (
            named,
            judged,
            _card(service.registry, named),
            candidates(named),
            sum(alerts.get(use.source, 0) for use in judged),
        )
        for name, named in names.items()
        for judged in [uses_of(name, found)]
    ]
    files = [use for use in found if not any(use in row[1] for row in rows)]
    return page(
        request, "models.html", who, rows=rows, files=files, fault_words=fault, registry=str(service.registry.folder),
        state=str(service.settings.service.state), sources=service.settings.sources,
    )  # fmt: skip


@router.get("/models/{name}")
def model(request: Request, who: Viewer, name: str) -> Response:
    """One name: what is active, what could be, comparisons, and all that happened."""
    return _model(request, who, name)


@router.get("/models/{name}/{number}")
def version(request: Request, who: Viewer, name: str, number: int) -> Response:
    """One version's card."""
    service = service_of(request)
    named = _named(service.registry, name)
    found = named.versions.get(number)
    if found is None:
        raise not_found("version", f"{name}@{number}")
    fault, card = "", None
    try:
        card = card_of(service.registry, found)
    except (ModelError, BrokenRegistry, Unreadable) as error:
        fault = str(error)
    return page(request, "model_card.html", who, named=named, model=found, card=card, fault_words=fault)


@router.post("/models/{name}/promote")
def promote(
    request: Request,
    who: ModelKeeper,
    name: str,
    version: Annotated[int, Form(ge=1)],
    reason: Text = "",
    force: Text = "",
) -> Response:
    """Makes a version the active one."""
    registry = service_of(request).registry
    try:
        registry.promote(name, version, reason=reason.strip(), force=bool(force), by=who.name)
    except OddflowError as error:
        return _model(request, who, name, fault=str(error), reason=reason)
    record(request, who, "model.promote", f"{name}@{version}", reason=reason.strip(), force=bool(force))
    return RedirectResponse(f"/models/{name}?said=promoted", 303)


@router.post("/models/{name}/{number}/shadow")
def shadow(
    request: Request,
    who: ModelKeeper,
    name: str,
    number: int,
    source: Text,
    hours: Annotated[int, Form(ge=1, le=MOST_HOURS)],
) -> Response:
    """Lets a version judge stored flows beside the active one."""
    _named(service_of(request).registry, name)
    try:
        comparisons_of(request).ask(name, number, source, hours, who.name)
    except OddflowError as error:
        return _model(request, who, name, fault=str(error))
    record(request, who, "model.shadow", f"{name}@{number}", source=source, hours=hours)
    return RedirectResponse(f"/models/{name}?said=comparing#version-{number}", 303)


@router.get("/fragments/models/{name}")
def versions(request: Request, who: Viewer, name: str) -> Response:
    """The part of a name's page that changes while versions are compared."""
    return _model(request, who, name, template="model_versions.html")


@router.post("/models/{name}/rollback")
def rollback(request: Request, who: ModelKeeper, name: str, reason: Text = "") -> Response:
    """Makes the version active again that was so before."""
    try:
        event = service_of(request).registry.rollback(name, reason=reason.strip(), by=who.name)
    except OddflowError as error:
        return _model(request, who, name, fault=str(error), reason=reason)
    record(request, who, "model.rollback", f"{name}@{event.version}", reason=reason.strip())
    return RedirectResponse(f"/models/{name}?said=rolled-back", 303)


def _model(
    request: Request, who: Identity, name: str, *, fault: str = "", reason: str = "", template: str = "model.html"
) -> Response:
    service = service_of(request)
    named = _named(service.registry, name)
    asked = comparisons_of(request).all_of(name)
    return page(
        request, template, who, status_code=422 if fault else 200, named=named,
        uses=uses_of(name, uses(service.settings, service.status())), card=_card(service.registry, named),
        candidates=candidates(named), shadows=shadows(named), history=history(named), fault_words=fault, reason=reason,
        flows=str(service.settings.flows_folder), registry=str(service.registry.folder),
        asked=asked, comparing=any(one.is_open for one in asked.values()), most_hours=MOST_HOURS,
        sources=[source.name for source in service.settings.sources],
    )  # fmt: skip


def _named(registry: Registry, name: str) -> Named:
    try:
        return registry.named(name)
    except UsageError:
        raise not_found("model", name) from None


def _card(registry: Registry, named: Named) -> ModelCard | None:
    """Of the active version; None where there is none, or its file is broken: its own page says how."""
    if named.active is None:
        return None
    try:
        return card_of(registry, named.active)
    except (ModelError, BrokenRegistry, Unreadable):
        return None
