"""Who may call a route: `Viewer`, `Analyst` and `Admin` stand in its signature.

    @router.post("/incidents/{incident_id}/verdict")
    def judge(who: Analyst, incident_id: str) -> …

Every route of the service but the few in `gate.OPEN` carries one of these; a test walks all routes and fails for one
that does not.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from oddflow.server.access.cross_site import check_form
from oddflow.server.access.gate import identity_of
from oddflow.server.access.identity import Identity, Role
from oddflow.server.access.refusal import Refused, log_in_first
from oddflow.server.access.scope import Scope
from oddflow.server.web.service import service_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of whoever calls it; a FastAPI dependency.

    Attributes:
        role: The least that is enough.
        scope: What a token must be for; `read` or `write` by the method unless given.
        tokens: Whether a token will do; where not, only a person who is logged in.
        any_scope: Whether a token for anything will do.
        unchanged: Whether it may be called before a password that must be changed is.
    """

    role: Role
    scope: Scope | None = None
    tokens: bool = True
    any_scope: bool = False
    unchanged: bool = False

    async def __call__(self, request: Request) -> Identity:
        """Whoever calls, where that is allowed.

        Raises:
            Refused: 401 for nobody, 403 for somebody who may not, or whose request another site made.
        """
        who = identity_of(request)
        if who is None:
            raise log_in_first(request)
        if who.via == "token":
            self._check_token(request, who)
        elif request.method not in SAFE:
            await check_form(request, who)
        if who.must_change and not self.unchanged:
            raise Refused(403, "change your password first, at /password", instead="/password")
        if who.role < self.role:
            raise Refused(403, f"this takes the role {self.role.name.lower()}; yours is {who.role.name.lower()}")
        return who

    def _check_token(self, request: Request, who: Identity) -> None:
        scope = self.scope or (Scope.READ if request.method in SAFE else Scope.WRITE)
        if not self.tokens:
            raise Refused(403, "no token will do here; log in")
        if scope not in who.scopes and not self.any_scope:
            raise Refused(403, f"the token is not for this: it takes the scope {scope}")


needs = Needs


Viewer = Annotated[Identity, Depends(needs(Role.VIEWER))]
Analyst = Annotated[Identity, Depends(needs(Role.ANALYST))]
Admin = Annotated[Identity, Depends(needs(Role.ADMIN))]
Uploader = Annotated[Identity, Depends(needs(Role.ANALYST, Scope.UPLOAD))]
UploadReader = Annotated[Identity, Depends(needs(Role.VIEWER, Scope.UPLOAD))]
ModelKeeper = Annotated[Identity, Depends(needs(Role.ADMIN, Scope.MODELS))]
Scraper = Annotated[Identity, Depends(needs(Role.VIEWER, Scope.METRICS))]
Person = Annotated[Identity, Depends(needs(Role.VIEWER, tokens=False))]
"""Anybody who is logged in; no token."""
PersonAtTheDoor = Annotated[Identity, Depends(needs(Role.VIEWER, tokens=False, unchanged=True))]
"""The same, also before a password that must be changed is."""
WhoeverIsKnown = Annotated[Identity, Depends(needs(Role.VIEWER, any_scope=True, unchanged=True))]
"""Anybody, with whatever token."""
AdminPerson = Annotated[Identity, Depends(needs(Role.ADMIN, tokens=False))]
"""An admin who is logged in; no token, so that a stolen one makes no account."""


def record(request: Request, who: Identity | None, action: str, object: str = "", **detail: object) -> None:  # noqa: A002
    """Writes a change in the trail.

    Args:
        request: Which made it.
        who: Whoever made it; None for nobody known.
        action: Like "incident.close"; a dot between the noun and the verb.
        object: On what: an id or a name.
        detail: What else is worth keeping; never a secret.
    """
    service_of(request).store.audit.add(
        who.name if who else "",
        who.role.name.lower() if who else "",
        request.client.host if request.client else "",
        action,
        object,
        dict(detail),
    )


async def recorded(request: Request, who: Identity | None, action: str, object: str = "", **detail: object) -> None:  # noqa: A002
    """`record` for routes that are coroutines: the store is waited for in a thread."""
    await run_in_threadpool(record, request, who, action, object, **detail)
