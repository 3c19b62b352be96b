"""Accounts over the API: an admin makes them, and each owner sets its password by a one-time link."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from oddflow.errors import UsageError
from oddflow.server.access.access import Access, access_of
from oddflow.server.access.first import link_url
from oddflow.server.access.guard import Admin, AdminPerson, record
from oddflow.server.access.names import account_name
from oddflow.server.access.refusal import Refused
from oddflow.server.access.shapes import MOST_NUMBER, Items, Moment, RoleName, moment, refusals
from oddflow.server.store.accounts import Account
from oddflow.server.store.links import LINK_S
from oddflow.server.web.service import service_of

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])
Number = Annotated[int, Path(ge=1, le=MOST_NUMBER)]


class AccountShape(BaseModel):
    """An account; nothing of its password is ever told."""

    id: int
    name: str
    role: RoleName
    disabled: Annotated[bool, Field(description="Nobody logs in by it, and its tokens are dead.")]
    has_password: Annotated[bool, Field(description="False until its owner has used the one-time link.")]
    must_change: Annotated[bool, Field(description="The password must be changed at the next log-in.")]
    failed: Annotated[int, Field(description="Log-ins that failed since the last that went well.")]
    locked_until: Moment | None
    created: Moment
    last_login: Moment | None


class NewAccount(BaseModel):
    """Who is to have one."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=63, examples=["ada"])]
    role: RoleName = RoleName.VIEWER


class AccountChange(BaseModel):
    """What is to be different; what is not given stays."""

    model_config = ConfigDict(extra="forbid")
    role: RoleName | None = None
    disabled: bool | None = None
    must_change: bool | None = None
    unlock: Annotated[bool, Field(description="Forgets failed log-ins.")] = False


class LinkShape(BaseModel):
    """A one-time link, shown this once: whoever opens it sets the account's password."""

    account: AccountShape
    link: Annotated[str, Field(examples=["https://oddflow.example.org/first/…"])]
    expires: Moment


@router.get("", responses=refusals(401, 403))
def accounts(request: Request, who: Admin) -> Items[AccountShape]:  # noqa: ARG001
    """Every account."""
    now_s = access_of(request.app).clock()
    return Items(items=[_shape(account, now_s) for account in service_of(request).store.accounts.all()])


@router.post("", status_code=201, responses=refusals(401, 403, 422))
def add(request: Request, who: AdminPerson, new: NewAccount) -> LinkShape:
    """Makes an account; its password is set by its owner, who is sent the link."""
    access = access_of(request.app)
    with access.store.transaction():
        account = access.store.accounts.add(account_name(new.name), new.role.role, now_s=access.clock())
        record(request, who, "account.add", account.name, role=new.role)
        return _link(request, access, account)


@router.patch("/{user_id}", responses=refusals(401, 403, 404, 422))
def change(request: Request, who: AdminPerson, user_id: Number, wanted: AccountChange) -> AccountShape:
    """Changes what an account may do; the last admin stays one."""
    access = access_of(request.app)
    before = _found(access, user_id)
    store = access.store
    with store.transaction():
        account = store.accounts.change(
            user_id,
            role=wanted.role.role if wanted.role else None,
            disabled=wanted.disabled,
            must_change=wanted.must_change,
        )
        if wanted.disabled:
            store.sessions.end_all(user_id)
            store.links.drop(user_id)
        if wanted.unlock:
            store.accounts.unlock(user_id)
        record(request, who, "account.change", before.name, **wanted.model_dump(mode="json", exclude_defaults=True))
    return _shape(_found(access, account.id), access.clock())


@router.post("/{user_id}/link", status_code=201, responses=refusals(401, 403, 404, 422))
def link(request: Request, who: AdminPerson, user_id: Number) -> LinkShape:
    """A new one-time link for an account whose owner forgot the password; the old one holds until it is used."""
    access = access_of(request.app)
    account = _found(access, user_id)
    if account.disabled:
        raise UsageError(f"the account {account.name} is disabled; enable it first")
    with access.store.transaction():
        record(request, who, "account.link", account.name)
        return _link(request, access, account)


@router.delete("/{user_id}/sessions", status_code=204, responses=refusals(401, 403, 404))
def end_sessions(request: Request, who: AdminPerson, user_id: Number) -> None:
    """Logs somebody out everywhere."""
    access = access_of(request.app)
    account = _found(access, user_id)
    with access.store.transaction():
        ended = access.store.sessions.end_all(user_id)
        record(request, who, "session.end-all", account.name, ended=ended)


def _found(access: Access, user_id: int) -> Account:
    account = access.store.accounts.get(user_id)
    if account is None:
        raise Refused(404, f"there is no account {user_id}")
    return account


def _link(request: Request, access: Access, account: Account) -> LinkShape:
    now_s = access.clock()
    secret = access.store.links.add(account, now_s=now_s)
    url = link_url(service_of(request).settings, secret)
    return LinkShape(account=_shape(account, now_s), link=url, expires=moment(now_s + LINK_S))


def _shape(account: Account, now_s: float) -> AccountShape:
    locked_s = account.tries.locked_until_s
    return AccountShape(
        id=account.id,
        name=account.name,
        role=RoleName.of(account.role),
        disabled=account.disabled,
        has_password=bool(account.password_hash),
        must_change=account.must_change,
        failed=account.tries.failed,
        locked_until=moment(locked_s) if locked_s > now_s else None,
        created=moment(account.created_s),
        last_login=None if account.last_login_s is None else moment(account.last_login_s),
    )
