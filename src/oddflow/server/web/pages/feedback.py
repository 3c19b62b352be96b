"""The page of feedback: what people said of alerts, how far it reaches, and taking it back."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import RedirectResponse

from oddflow.server.access.guard import Analyst, Viewer, record
from oddflow.server.store.alert_filter import AlertFilter
from oddflow.server.web.feedback_views import ALERTS_LOOKED_AT, rule_rows
from oddflow.server.web.rendering import page
from oddflow.server.web.service import service_of

router = APIRouter(include_in_schema=False, prefix="/settings/feedback")


@router.get("")
def feedback(request: Request, who: Viewer) -> Response:
    """All rules, the newest first."""
    service = service_of(request)
    rules = service.store.feedback.rules()
    looked_at = service.store.alerts.page(AlertFilter(), None, ALERTS_LOOKED_AT).items if rules else ()
    alerts = [stored.alert for stored in looked_at]
    hidden = {source.name: source.hidden_alerts for source in service.status().sources if source.hidden_alerts}
    return page(
        request, "settings_feedback.html", who, rows=rule_rows(rules, alerts), looked_at=len(alerts),
        hidden=hidden,
    )  # fmt: skip


@router.post("/{rule_id}/remove")
def remove(request: Request, who: Analyst, rule_id: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]) -> Response:
    """Takes a rule back."""
    store = service_of(request).store
    with store.transaction():
        rule = store.feedback.remove(rule_id, who.name)
        record(request, who, "feedback.remove", rule_id, verdict=str(rule.verdict), reach=rule.reach)
    return RedirectResponse("/settings/feedback?said=undone", 303)
