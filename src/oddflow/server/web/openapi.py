"""What OpenAPI says of the whole: tags, who may ask, and what a problem looks like."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from oddflow.server.access.cookies import SESSION
from oddflow.server.access.guard import Viewer
from oddflow.server.web.problems import ProblemShape

router = APIRouter(include_in_schema=False)

DESCRIPTION = """\
What a running Oddflow knows, and what can be told to it.

Errors are `application/problem+json` (RFC 9457). Lists have `items` and `next`; give the value of `next` as `after` for
the next page. Times are ISO 8601 in UTC. docs/api.md tells of tokens, streaming, and the rule of versions.
"""
TAGS = [
    {"name": "incidents", "description": "What alerts are together, and what people make of them."},
    {"name": "alerts", "description": "Flows that do not fit."},
    {"name": "explanations", "description": "Why an alert is one, by its model."},
    {"name": "feedback", "description": "What people say of alerts, and what that hides."},
    {"name": "flows", "description": "Flows that are on disk: searched, downloaded."},
    {"name": "hosts", "description": "What is normal for a host, and what changed."},
    {"name": "models", "description": "Which there are, which judges, and how that is changed."},
    {"name": "sources", "description": "Where flows come from, and what was lost on the way."},
    {"name": "measures", "description": "What each source did, by the minute."},
    {"name": "uploads", "description": "Captures that people send, judged in a process that may do little."},
    {"name": "live", "description": "Alerts and incidents as they are stored."},
    {"name": "health", "description": "Whether the service lives, is ready, and what is wrong."},
]
OPEN = frozenset({"/healthz"})
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}]
SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "`oddflow_…`, made under Settings or by the API."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION,
        "description": "Of a person who is logged in; changes need X-CSRF-Token besides.",
    },
}


def describe(app: FastAPI) -> None:
    """Makes the application's description say all of this."""
    made: dict[str, Any] = {}

    def whole() -> dict[str, Any]:
        if not made:
            made.update(_described(app))
        return made

    app.openapi = whole  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    parts = told.setdefault("components", {})
    shape = ProblemShape.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"] |= shape.pop("$defs") | {"Problem": shape}
    parts["securitySchemes"] = SCHEMES
    for path, operations in told["paths"].items():
        for operation in operations.values():
            operation["security"] = [] if path in OPEN else SECURITY
    return told


@router.get("/api/v1/openapi.json")
def openapi(request: Request, who: Viewer) -> dict[str, Any]:  # noqa: ARG001
    """The description of the API, for clients that are made from it."""
    app: FastAPI = request.app
    return app.openapi()
