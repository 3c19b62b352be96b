"""Sessions over the API: who one is, and where one is logged in."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from oddflow.server.access.access import access_of
from oddflow.server.access.cookies import SESSION, drop_cookie
from oddflow.server.access.guard import Person, PersonAtTheDoor, WhoeverIsKnown, record
from oddflow.server.access.refusal import Refused
from oddflow.server.access.shapes import Items, Moment, RoleName, moment, refusals

router = APIRouter(prefix="/api/v1", tags=["session"])


class Me(BaseModel):
    """Whoever asks."""

    name: str
    role: RoleName
    via: Annotated[str, Field(description="session, or token.")]
    scopes: Annotated[list[str], Field(description="Of a token; a session may do all that its role may.")]
    csrf: Annotated[str, Field(description="Of a session: what X-CSRF-Token must hold in every change.")]
    must_change: Annotated[bool, Field(description="The password must be changed before anything else.")]


class SessionShape(BaseModel):
    """A browser that is logged in."""

    id: str
    current: Annotated[bool, Field(description="The one that asks.")]
    ip: Annotated[str, Field(description="From where it was begun.")]
    agent: str
    created: Moment
    last_seen: Moment
    expires: Moment


@router.get("/session", responses=refusals(401))
def me(who: WhoeverIsKnown) -> Me:
    """Who I am."""
    return Me(
        name=who.name,
        role=RoleName.of(who.role),
        via=who.via,
        scopes=sorted(who.scopes),
        csrf=who.csrf,
        must_change=who.must_change,
    )


@router.delete("/session", status_code=204, responses=refusals(401, 403))
def log_out(request: Request, response: Response, who: PersonAtTheDoor) -> None:
    """Logs out here."""
    store = access_of(request.app).store
    with store.transaction():
        store.sessions.end(who.user_id, who.session)
        record(request, who, "session.end", who.name)
    drop_cookie(response, request, SESSION)


@router.get("/sessions", responses=refusals(401, 403))
def sessions(request: Request, who: Person) -> Items[SessionShape]:
    """Where I am logged in."""
    access = access_of(request.app)
    found = access.store.sessions.of(who.user_id, idle_s=access.idle_s, now_s=access.clock())
    return Items(
        items=[
            SessionShape(
                id=session.id,
                current=session.id == who.session,
                ip=session.ip,
                agent=session.agent,
                created=moment(session.created_s),
                last_seen=moment(session.last_seen_s),
                expires=moment(min(session.expires_s, session.last_seen_s + access.idle_s)),
            )
            for session in found
        ]
    )


@router.delete("/sessions", status_code=204, responses=refusals(401, 403))
def log_out_everywhere(request: Request, response: Response, who: Person) -> None:
    """Logs out everywhere, here too."""
    store = access_of(request.app).store
    with store.transaction():
        ended = store.sessions.end_all(who.user_id)
        record(request, who, "session.end-all", who.name, ended=ended)
    drop_cookie(response, request, SESSION)


@router.delete("/sessions/{session_id}", status_code=204, responses=refusals(401, 403, 404, 422))
def end(request: Request, who: Person, session_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]) -> None:
    """Logs out one browser of mine."""
    store = access_of(request.app).store
    with store.transaction():
        if not store.sessions.end(who.user_id, session_id):
            raise Refused(404, "you have no such session")
        record(request, who, "session.end", who.name, session=session_id)
