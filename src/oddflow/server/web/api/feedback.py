"""Feedback: what people say of alerts, and what that hides."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from oddflow.server.access.guard import Analyst, Viewer, record
from oddflow.server.web.answers import problems
from oddflow.server.web.api.alerts import found_alert
from oddflow.server.web.problems import Problem, not_found
from oddflow.server.web.saying import Looked, Saying, look
from oddflow.server.web.service import Service, service_of
from oddflow.server.web.shapes.rule import PreviewShape, RuleShape
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict

router = APIRouter(prefix="/api/v1/feedback", tags=["feedback"])

RuleId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="The rule's id.")]


class SayingShape(BaseModel):
    """What is said of an alert."""

    model_config = ConfigDict(extra="forbid")
    alert: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$", description="The alert's id.")]
    verdict: Verdict
    scope: Annotated[
        Scope,
        Field(
            description="What is alike. flow: this source to this service of this host. service: any source to it. "
            "host: all that this source does. always: this service anywhere, odd for the same reason."
        ),
    ] = Scope.FLOW
    reason: Annotated[str, Field(max_length=1_000, examples=["the printer's new driver"])] = ""
    lasts: Annotated[
        str, Field(pattern=r"^([1-9]\d{0,3}[hdw])?$", description="12h, 30d or 2w; for good where empty.")
    ] = ""


class Deciding(SayingShape):
    """The same, to be kept."""

    accept: Annotated[bool, Field(description="Hide what the preview warns of, too.")] = False


class RuleList(BaseModel):
    """All rules, the newest first; there are at most 10,000."""

    items: list[RuleShape]
    next: None = None


@router.get("/rules", responses=problems(), summary="List rules")
def rules(request: Request, who: Viewer) -> RuleList:  # noqa: ARG001
    """What people said."""
    return RuleList(items=[RuleShape.of(one) for one in reversed(service_of(request).store.feedback.rules())])


@router.post("/preview", responses=problems(404), summary="What a rule would hide")
def previewed(request: Request, who: Viewer, saying: SayingShape) -> PreviewShape:  # noqa: ARG001
    """Of the alerts that are kept; nothing is changed."""
    service = service_of(request)
    rule = _said(service, saying).rule()
    return _told(rule, look(service.store, rule))


@router.post("/rules", responses=problems(404, 409), status_code=201, summary="Say what an alert is")
def say(request: Request, who: Analyst, deciding: Deciding) -> RuleShape:
    """Benign: alike alerts are hidden and counted from now on. Malicious: alike flows are always shown.

    409 where a benign rule's reach covers what should be looked at first: the detail says what; `accept` hides it.
    """
    service = service_of(request)
    said = _said(service, deciding)
    rule = said.rule()
    if rule.verdict is Verdict.BENIGN:
        looked = look(service.store, rule)
        if warnings := looked.found.warnings():
            if not deciding.accept:
                raise Problem(
                    409,
                    f"not accepted: {rule.reach} covers {'; and '.join(warnings)}. Give a narrower scope, or `accept` "
                    "to hide these too",
                )
            rule = said.rule(rule.made, looked.found)
    service.store.feedback.add(rule, who.name)
    record(request, who, "feedback.add", rule.id, said=rule.told, alert=rule.alert_id)
    return RuleShape.of(next(one for one in service.store.feedback.rules() if one.rule.id == rule.id))


@router.delete("/rules/{rule_id}", responses=problems(404), status_code=204, summary="Take a rule back")
def remove(request: Request, who: Analyst, rule_id: RuleId) -> Response:
    """Alike alerts are as they were before."""
    feedback = service_of(request).store.feedback
    if all(one.rule.id != rule_id for one in feedback.rules()):
        raise not_found("rule", rule_id)
    feedback.remove(rule_id, who.name)
    record(request, who, "feedback.remove", rule_id)
    return Response(status_code=204)


def _said(service: Service, saying: SayingShape) -> Saying:
    stored = found_alert(service, saying.alert)
    return Saying(stored, saying.verdict, saying.scope, saying.reason, saying.lasts)


def _told(rule: Rule, looked: Looked) -> PreviewShape:
    found = looked.found
    return PreviewShape(
        reach=rule.reach,
        looked_at=found.alerts,
        alerts=looked.kept,
        hides=found.alike.alerts,
        odder=found.odder.alerts,
        other_kinds=found.other_kinds.alerts,
        malicious=found.malicious.alerts,
        strangest=[alert.id for alert in found.strangest],
        warnings=found.warnings(),
    )
