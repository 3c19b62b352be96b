"""The page of one alert: all that is kept of it, and what its model says."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from oddflow.errors import OddflowError
from oddflow.reports.explanation import view
from oddflow.reports.rows import row_view
from oddflow.reports.words import endpoint, places
from oddflow.server.access.guard import Analyst, Person, record
from oddflow.server.store.alerts import StoredAlert
from oddflow.server.web.api.alerts import AlertId, found_alert
from oddflow.server.web.api.alerts import packets as packets_answer
from oddflow.server.web.api.explanations import explained
from oddflow.server.web.incidents.evidence import chance_of
from oddflow.server.web.incidents.flow_links import flows_of
from oddflow.server.web.incidents.judging import Said, judging
from oddflow.server.web.incidents.packets import captures_of
from oddflow.server.web.problems import Problem
from oddflow.server.web.rendering import page
from oddflow.server.web.service import Service, service_of
from oddflow.verdicts.alert import AlertRow

router = APIRouter(include_in_schema=False)
TOLD = frozenset({"Odd", "Names", "In lists", "Likeliest", "ATT&CK", "Packets", "Lasted"})
"""Facts of a flow that its detail says before it lists them."""


@router.get("/alerts/{alert_id}")
def alert(request: Request, who: Person, alert_id: AlertId, explain: bool = False) -> Response:
    """One alert; its explanation with it where it is asked for, else fetched when the page stands."""
    service = service_of(request)
    shown = _whole(service, found_alert(service, alert_id))
    if explain:
        shown |= _explained(request, alert_id)
    return page(request, "alert.html", who, **shown, with_explanation=explain)


@router.get("/fragments/alerts/{alert_id}")
def detail(request: Request, who: Person, alert_id: AlertId) -> Response:
    """What a row of an incident shows when it is opened."""
    service = service_of(request)
    return page(request, "alert_detail.html", who, **_whole(service, found_alert(service, alert_id)))


@router.get("/fragments/alerts/{alert_id}/explanation")
def explanation(request: Request, who: Person, alert_id: AlertId) -> Response:
    """What the model says of it."""
    return page(request, "alert_explanation.html", who, **_explained(request, alert_id))


@router.get("/alerts/{alert_id}/packets.pcap")
def packets(request: Request, who: Analyst, alert_id: AlertId) -> Response:
    """Its packets, from the capture that it was found in."""
    return packets_answer(request, who, alert_id)


@router.get("/alerts/{alert_id}/judge")
def judge_page(request: Request, who: Analyst, alert_id: AlertId) -> Response:
    """The form that says what it is."""
    service = service_of(request)
    stored = found_alert(service, alert_id)
    one = stored.alert
    ends = f"{endpoint(one.src_ip, one.src_port)} → {endpoint(one.dst_ip, one.dst_port)}"
    told = judging(service.store, stored.source, [one])
    return page(request, "judge.html", who, at=f"/alerts/{alert_id}", subject=ends, **told)


@router.post("/alerts/{alert_id}/verdict")
def verdict(request: Request, who: Analyst, alert_id: AlertId, said: Annotated[Said, Form()]) -> Response:
    """Says what it is: a rule for alike alerts."""
    service = service_of(request)
    (rule,) = said.rules([found_alert(service, alert_id).alert])
    service.store.feedback.add(rule, who.name)
    record(request, who, "alert.verdict", alert_id, rules=[rule.id], **said.told)
    return RedirectResponse(f"/alerts/{alert_id}?said={said.verdict}", 303)


def _whole(service: Service, stored: StoredAlert) -> dict[str, Any]:
    one = stored.alert
    return {
        "stored": stored,
        "alert": one,
        "row": row_view(AlertRow(1, [one]), {}, places=places([one.score]), detailed=True),
        "chance": chance_of(one),
        "told": TOLD,
        "flows": flows_of(one.src_ip, one.start_ns, one.end_ns),
        "has_packets": bool(captures_of(one, stored.source, service.settings)),
    }


def _explained(request: Request, alert_id: str) -> dict[str, Any]:
    try:
        return view(explained(request, alert_id)) | {"why_not": ""}
    except Problem as problem:
        return {"why_not": problem.detail}
    except OddflowError as error:
        return {"why_not": str(error)}
