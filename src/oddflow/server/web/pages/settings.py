"""The pages of settings: one's own sessions and tokens, and the settings in effect."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from oddflow.errors import OddflowError
from oddflow.server.access import session_routes, token_routes
from oddflow.server.access.access import access_of
from oddflow.server.access.guard import Person, Viewer
from oddflow.server.access.identity import Identity
from oddflow.server.access.scope import LEAST_ROLE, Scope
from oddflow.server.access.shapes import MOST_NUMBER, RoleName
from oddflow.server.store.tokens import DEFAULT_DAYS, MOST_DAYS
from oddflow.server.web.browsers import browser_words
from oddflow.server.web.rendering import page
from oddflow.server.web.service import service_of
from oddflow.server.web.setting_views import groups

router = APIRouter(include_in_schema=False, prefix="/settings")

PURPOSES = {
    Scope.READ: "read alerts, incidents, flows and all else that you may read",
    Scope.WRITE: "say what alerts are, take and close incidents",
    Scope.UPLOAD: "send captures and read their verdicts",
    Scope.MODELS: "promote models and roll them back",
    Scope.METRICS: "read /metrics, for Prometheus",
}
LASTING = (7, DEFAULT_DAYS, MOST_DAYS)
TokenId = Annotated[int, Path(ge=1, le=MOST_NUMBER)]
SessionId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


@router.get("")
def own(request: Request, who: Person) -> Response:
    """One's own account: sessions and tokens."""
    return _own(request, who)


@router.get("/service")
def in_effect(request: Request, who: Viewer) -> Response:
    """The settings in effect."""
    service = service_of(request)
    return page(request, "settings_service.html", who, groups=list(groups(service.settings)), status=service.status())


@router.post("/tokens")
def make_token(
    request: Request,
    who: Person,
    name: Annotated[str, Form(max_length=200)] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
    role: Annotated[str, Form(max_length=20)] = "",
    days: Annotated[int, Form()] = DEFAULT_DAYS,
) -> Response:
    """Makes a token, and shows it this once: so the answer is the page itself."""
    try:
        new = token_routes.NewToken.model_validate(
            {"name": name.strip(), "scopes": scopes or [], "days": days} | ({"role": role} if role else {})
        )
        made = token_routes.add(request, who, new)
    except ValidationError as error:
        return _own(request, who, fault=_fault(error), typed=name)
    except OddflowError as error:
        return _own(request, who, fault=str(error), typed=name)
    return _own(request, who, made=made)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(request: Request, who: Person, token_id: TokenId) -> Response:
    """Revokes a token."""
    token_routes.revoke(request, who, token_id)
    return RedirectResponse("/settings?said=revoked#tokens", 303)


@router.post("/sessions/{session_id}/end")
def end_session(request: Request, who: Person, session_id: SessionId) -> Response:
    """Logs out one other browser."""
    session_routes.end(request, who, session_id)
    return RedirectResponse("/settings?said=logged-out#sessions", 303)


@router.post("/sessions/end")
def end_others(request: Request, who: Person) -> Response:
    """Logs out all browsers but this one."""
    for session in session_routes.sessions(request, who).items:
        if not session.current:
            session_routes.end(request, who, session.id)
    return RedirectResponse("/settings?said=logged-out#sessions", 303)


def _own(
    request: Request,
    who: Identity,
    *,
    fault: str = "",
    typed: str = "",
    made: token_routes.MadeToken | None = None,
) -> Response:
    tokens = token_routes.tokens(request, who).items
    return page(
        request, "settings.html", who, status_code=422 if fault else 200, fault_words=fault, typed=typed, made=made,
        sessions=session_routes.sessions(request, who).items, good=[token for token in tokens if token.good],
        ended=[token for token in tokens if not token.good], lasting=LASTING, usual=DEFAULT_DAYS,
        purposes=[(scope, words) for scope, words in PURPOSES.items() if LEAST_ROLE[scope] <= who.role],
        roles=[role for role in RoleName if role.role <= who.role], now_s=access_of(request.app).clock(),
        base=str(request.base_url).rstrip("/"), browser=browser_words,
    )  # fmt: skip


def _fault(error: ValidationError) -> str:
    """What is wrong with a form, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = str(first["loc"][0]) if first["loc"] else "form"
    if where == "name":
        return "a token needs a name of 1 to 80 characters, so that you know later what uses it"
    if where == "scopes":
        return "tick at least one thing that the token is for"
    return f"{where}: {first['msg']}"
