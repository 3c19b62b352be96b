"""Tokens over the API: each makes their own, an admin sees and revokes all."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import UsageError
from oddflow.server.access.access import access_of
from oddflow.server.access.guard import Person, record
from oddflow.server.access.identity import Role
from oddflow.server.access.refusal import Refused
from oddflow.server.access.scope import LEAST_ROLE, Scope
from oddflow.server.access.shapes import MOST_NUMBER, Items, Moment, RoleName, moment, refusals
from oddflow.server.store.tokens import DEFAULT_DAYS, MOST_DAYS, Token

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


class TokenShape(BaseModel):
    """A token; its text is shown once, when it is made."""

    id: int
    owner: str
    name: str
    prefix: Annotated[str, Field(description="Its first letters, to tell it by.")]
    role: Annotated[RoleName, Field(description="What it may do now: its own role, or its owner's where that is less.")]
    scopes: list[Scope]
    created: Moment
    expires: Moment
    revoked: Moment | None
    last_used: Annotated[Moment | None, Field(description="To the minute.")]
    good: Annotated[bool, Field(description="Neither expired nor revoked, and its owner not disabled.")]


class NewToken(BaseModel):
    """What a program is to have."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    scopes: Annotated[set[Scope], Field(min_length=1, description="What it is for.")]
    role: Annotated[RoleName | None, Field(description="At most, and by default, your own.")] = None
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="How long it is good.")] = DEFAULT_DAYS


class MadeToken(BaseModel):
    """A new token; keep its text now, nobody can show it again."""

    token: TokenShape
    secret: Annotated[str, Field(examples=["oddflow_…"], description="For Authorization: Bearer.")]


@router.get("", responses=refusals(401, 403, 422))
def tokens(request: Request, who: Person, everybody: bool = False) -> Items[TokenShape]:
    """My tokens; an admin may ask for everybody's."""
    if everybody and who.role < Role.ADMIN:
        raise Refused(403, "everybody's tokens are for admins; leave `everybody` out to see yours")
    access = access_of(request.app)
    found = access.store.tokens.of(None if everybody else who.user_id)
    return Items(items=[_shape(token, access.clock()) for token in found])


@router.post("", status_code=201, responses=refusals(401, 403, 422))
def add(request: Request, who: Person, new: NewToken) -> MadeToken:
    """Makes a token for a program."""
    role = new.role.role if new.role else who.role
    if role > who.role:
        raise UsageError(f"the role {role.name.lower()} is more than yours, which is {who.role.name.lower()}")
    if vain := sorted(scope for scope in new.scopes if LEAST_ROLE[scope] > role):
        least = LEAST_ROLE[vain[0]].name.lower()
        raise UsageError(f"the scope {vain[0]} takes the role {least}; the token would have {role.name.lower()}")
    access = access_of(request.app)
    with access.store.transaction():
        secret, token = access.store.tokens.add(
            who.user_id, new.name, role=role, scopes=new.scopes, days=new.days, now_s=access.clock()
        )
        scopes = sorted(new.scopes)
        record(request, who, "token.add", str(token.id), name=new.name, role=role.name.lower(), scopes=scopes)
    return MadeToken(token=_shape(token, access.clock()), secret=secret)


@router.delete("/{token_id}", status_code=204, responses=refusals(401, 403, 404, 422))
def revoke(request: Request, who: Person, token_id: Annotated[int, Path(ge=1, le=MOST_NUMBER)]) -> None:
    """Revokes a token of mine, or as an admin anybody's; it is good for nothing from now on."""
    access = access_of(request.app)
    with access.store.transaction():
        token = access.store.tokens.get(token_id)
        if token is None or (token.user_id != who.user_id and who.role < Role.ADMIN):
            raise Refused(404, "you have no such token")
        if access.store.tokens.revoke(token_id, now_s=access.clock()):
            record(request, who, "token.revoke", str(token_id), name=token.name, owner=token.owner)


def _shape(token: Token, now_s: float) -> TokenShape:
    return TokenShape(
        id=token.id,
        owner=token.owner,
        name=token.name,
        prefix=token.prefix,
        role=RoleName.of(token.role),
        scopes=sorted(Scope(scope) for scope in token.scopes),
        created=moment(token.created_s),
        expires=moment(token.expires_s),
        revoked=None if token.revoked_s is None else moment(token.revoked_s),
        last_used=None if token.last_used_s is None else moment(token.last_used_s),
        good=token.revoked_s is None and token.expires_s > now_s and not token.disabled,
    )
