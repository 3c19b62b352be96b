"""Why an alert is one, by its model."""

from fastapi import APIRouter, Request

from oddflow.errors import UsageError
from oddflow.server.access.guard import Viewer
from oddflow.server.web.answers import problems
from oddflow.server.web.api.alerts import AlertId, found_alert
from oddflow.server.web.problems import Problem
from oddflow.server.web.service import service_of
from oddflow.server.web.shapes.explanation import ExplanationShape
from oddflow.verdicts.explaining.explanation import Explanation

router = APIRouter(prefix="/api/v1/explanations", tags=["explanations"])


@router.get("/{alert_id}", responses=problems(404, 409), summary="Explain an alert")
def explanation(request: Request, who: Viewer, alert_id: AlertId) -> ExplanationShape:  # noqa: ARG001
    """Which parts of its flow made the score, what the score is without each, and what would make it normal.

    409 where no model can say more than the alert itself does: it is of a group of flows, or its model is gone.
    """
    return ExplanationShape.of(explained(request, alert_id))


def explained(request: Request, alert_id: str) -> Explanation:
    """The explanation of an alert, for the API and for pages.

    Raises:
        Problem: There is no such alert, or nothing more can be said of it, or not now.
        ModelError: Its model cannot be used.
    """
    stored = found_alert(service_of(request), alert_id)
    try:
        found: Explanation = request.app.state.explanations.of(stored.alert, stored.source)
    except UsageError as error:
        raise Problem(409, str(error)) from None
    return found
