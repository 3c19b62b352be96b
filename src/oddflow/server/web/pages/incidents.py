"""The pages of incidents: the list, one in full, and what people do about it."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, Field

from oddflow.reports.incidents import incident_view
from oddflow.server.access.guard import Analyst, Person, record
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.store.incidents import IncidentFilter, StoredIncident
from oddflow.server.web.api.incidents import IncidentId, found_incident
from oddflow.server.web.incidents.evidence import Evidence
from oddflow.server.web.incidents.flow_links import links
from oddflow.server.web.incidents.gravity import gravity
from oddflow.server.web.incidents.judging import Said, judging
from oddflow.server.web.incidents.line import line_of
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of
from oddflow.verdicts.feedback.rule import Verdict

router = APIRouter(include_in_schema=False)

LISTED = 40
AT_ONCE = 500


class Wishes(BaseModel):
    """What the list is asked for, as its form sends it: an empty field is no wish."""

    state: Literal["active", "open", "taken", "closed", "all"] = "active"
    severity: Literal["", "low", "medium", "high", "critical"] = ""
    source: Annotated[str, Field(max_length=63)] = ""
    host: Annotated[str, Field(max_length=64)] = ""
    text: Annotated[str, Field(max_length=200)] = ""
    order: Literal["newest", "gravest"] = "newest"
    after: Annotated[str, Field(max_length=200)] = ""

    @property
    def filter(self) -> IncidentFilter:
        """As the store asks for it."""
        return IncidentFilter(
            source=self.source or None,
            severity=self.severity or None,
            state=None if self.state == "all" else self.state,
            host=self.host.strip() or None,
            text=self.text.strip(),
            order=self.order,
        )

    @property
    def query(self) -> str:
        """The same list's first page, in an address."""
        told = self.model_dump(exclude={"after"}, exclude_defaults=True)
        return urlencode(told)

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for less than all of a state."""
        return any((self.severity, self.source, self.host, self.text))


@router.get("/incidents")
def incidents(request: Request, who: Person, wishes: Annotated[Wishes, Query()]) -> Response:
    """The list; its live part asks for the very same."""
    return page(request, "incidents.html", who, **_listed(service_of(request), wishes))


@router.get("/fragments/incidents")
def incidents_part(request: Request, who: Person, wishes: Annotated[Wishes, Query()]) -> Response:
    """The rows of the list alone."""
    return page(request, "incidents_list.html", who, **_listed(service_of(request), wishes))


@router.get("/incidents/{incident_id}")
def incident(request: Request, who: Person, incident_id: IncidentId) -> Response:
    """One incident in full."""
    return page(request, "incident.html", who, **_whole(service_of(request), incident_id))


@router.get("/fragments/incidents/{incident_id}")
def incident_part(request: Request, who: Person, incident_id: IncidentId) -> Response:
    """What of it changes while it goes on."""
    return page(request, "incident_body.html", who, **_whole(service_of(request), incident_id))


@router.get("/incidents/{incident_id}/judge")
def judge_page(request: Request, who: Analyst, incident_id: IncidentId) -> Response:
    """The form that says what it is, as a page of its own."""
    return page(request, "judge.html", who, **_judging(service_of(request), incident_id))


@router.get("/fragments/incidents/{incident_id}/judge")
def judge_part(request: Request, who: Analyst, incident_id: IncidentId) -> Response:
    """The same as a part of the incident's page."""
    return page(request, "judge_form.html", who, **_judging(service_of(request), incident_id))


@router.get("/incidents/{incident_id}/alerts.jsonl")
def download(request: Request, who: Person, incident_id: IncidentId) -> Response:  # noqa: ARG001
    """All its alerts, a JSON object a line, the newest first: what `oddflow explain` and `extract` read."""
    service = service_of(request)
    found_incident(service, incident_id)
    name = f"incident-{incident_id}.jsonl"
    return StreamingResponse(
        _lines(service, incident_id),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@router.post("/incidents/{incident_id}/take")
def take(request: Request, who: Analyst, incident_id: IncidentId) -> Response:
    """Whoever asks sees to it from now on."""
    found_incident(service_of(request), incident_id)
    service_of(request).store.incidents.take(incident_id, who.name)
    record(request, who, "incident.take", incident_id)
    return _back(incident_id, "taken")


@router.post("/incidents/{incident_id}/close")
def close(
    request: Request, who: Analyst, incident_id: IncidentId, why: Annotated[str, Form(max_length=1_000)] = ""
) -> Response:
    """It is dealt with."""
    found_incident(service_of(request), incident_id)
    service_of(request).store.incidents.close(incident_id, who.name, why)
    record(request, who, "incident.close", incident_id, why=why)
    return _back(incident_id, "closed")


@router.post("/incidents/{incident_id}/reopen")
def reopen(request: Request, who: Analyst, incident_id: IncidentId) -> Response:
    """It is not dealt with after all."""
    found_incident(service_of(request), incident_id)
    service_of(request).store.incidents.reopen(incident_id)
    record(request, who, "incident.reopen", incident_id)
    return _back(incident_id, "opened")


@router.post("/incidents/{incident_id}/notes")
def note(
    request: Request, who: Analyst, incident_id: IncidentId, text: Annotated[str, Form(max_length=4_000)] = ""
) -> Response:
    """Something for whoever looks at it next; an empty note is none."""
    found_incident(service_of(request), incident_id)
    if text.strip():
        service_of(request).store.incidents.note(incident_id, who.name, text)
        record(request, who, "incident.note", incident_id)
    return _back(incident_id, "noted" if text.strip() else "")


@router.post("/incidents/{incident_id}/verdict")
def verdict(request: Request, who: Analyst, incident_id: IncidentId, said: Annotated[Said, Form()]) -> Response:
    """Says what it is: rules for alike alerts, and for the record; what is benign is closed with it."""
    service = service_of(request)
    stored = found_incident(service, incident_id)
    rules = said.rules([one.alert for one in Evidence.of(service.store, incident_id, stored.incident.alerts).alerts])
    for rule in rules:
        service.store.feedback.add(rule, who.name)
    service.store.incidents.set_verdict(incident_id, said.verdict.value)
    if said.verdict is Verdict.BENIGN:
        service.store.incidents.close(incident_id, who.name, f"benign: {said.reason}" if said.reason else "benign")
    record(request, who, "incident.verdict", incident_id, rules=[rule.id for rule in rules], **said.told)
    return _back(incident_id, said.verdict.value)


@router.post("/incidents/{incident_id}/undo")
def undo(request: Request, who: Analyst, incident_id: IncidentId) -> Response:
    """Takes the verdict back, with the rules that it made."""
    service = service_of(request)
    stored = found_incident(service, incident_id)
    made = _rules(service, stored)
    for rule in made:
        service.store.feedback.remove(rule.rule.id, who.name)
    service.store.incidents.set_verdict(incident_id, "")
    if stored.verdict == "benign" and stored.state == "closed":
        service.store.incidents.reopen(incident_id)
    record(request, who, "incident.undo", incident_id, rules=[rule.rule.id for rule in made])
    return _back(incident_id, "undone")


def _listed(service: Service, wishes: Wishes) -> dict[str, Any]:
    store, wanted = service.store.incidents, wishes.filter
    found = store.page(wanted, wishes.after or None, LISTED)
    onward = f"{wishes.query}&" if wishes.query else ""
    return {
        "lines": [line_of(one) for one in found.items],
        "wishes": wishes,
        "next": f"/incidents?{onward}{urlencode({'after': found.after})}" if found.after else "",
        "counts": store.by_severity(wanted),
        "closed": store.count(IncidentFilter(state="closed")) if not found.items else 0,
        "source_names": sorted(source.name for source in service.settings.sources),
    }


def _whole(service: Service, incident_id: str) -> dict[str, Any]:
    stored = found_incident(service, incident_id)
    one = stored.incident
    return {
        "stored": stored,
        "incident": one,
        "view": incident_view(one),
        "line": line_of(stored),
        "evidence": Evidence.of(service.store, incident_id, one.alerts),
        "gravity": gravity(one),
        "known": one.known,
        "flow_links": links(one.hosts, one.first_ns, one.last_ns),
        "rules": _rules(service, stored),
    }


def _judging(service: Service, incident_id: str) -> dict[str, Any]:
    stored = found_incident(service, incident_id)
    found = Evidence.of(service.store, incident_id, stored.incident.alerts)
    told = judging(service.store, stored.source, [one.alert for one in found.alerts], found.alerts_left)
    return told | {"at": f"/incidents/{incident_id}", "subject": stored.incident.title}


def _rules(service: Service, stored: StoredIncident) -> list[Any]:
    """The rules that were made of its alerts."""
    if not stored.verdict:
        return []
    ids = {*stored.incident.alert_ids}
    rules = service.store.feedback.rules()
    found = service.store.alerts.of_ids([rule.rule.alert_id for rule in rules])
    ids |= {one.alert.id for one in found if one.alert.incident == stored.incident.id}
    return [rule for rule in rules if rule.rule.alert_id in ids]


def _lines(service: Service, incident_id: str) -> Iterator[bytes]:
    after = None
    while True:
        found = service.store.alerts.page(AlertFilter(incident=incident_id), after, AT_ONCE)
        for one in found.items:
            yield (
                json.dumps(one.alert.as_dict(), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"
            )
        after = found.after
        if after is None:
            return


def _back(incident_id: str, said: str) -> RedirectResponse:
    return RedirectResponse(f"/incidents/{incident_id}" + (f"?said={said}" if said else ""), 303)
