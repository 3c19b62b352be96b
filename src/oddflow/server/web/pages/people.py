"""The page of accounts, for admins: who may log in, as what; one-time links for those who are to."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from oddflow.errors import OddflowError
from oddflow.server.access import account_routes
from oddflow.server.access.guard import AdminPerson
from oddflow.server.access.identity import Identity
from oddflow.server.access.shapes import MOST_NUMBER, RoleName
from oddflow.server.web.rendering import page

router = APIRouter(include_in_schema=False, prefix="/settings/people")

MAY = {
    RoleName.VIEWER: "reads everything but accounts and the trail",
    RoleName.ANALYST: "also says what alerts are, takes incidents, sends captures",
    RoleName.ADMIN: "also promotes models, keeps accounts, reads the trail",
}
UserId = Annotated[int, Path(ge=1, le=MOST_NUMBER)]


@router.get("")
def people(request: Request, who: AdminPerson) -> Response:
    """All accounts."""
    return _people(request, who)


@router.post("")
def invite(
    request: Request,
    who: AdminPerson,
    name: Annotated[str, Form(max_length=200)] = "",
    role: Annotated[RoleName, Form()] = RoleName.VIEWER,
) -> Response:
    """Makes an account, and shows its one-time link this once: so the answer is the page itself."""
    try:
        made = account_routes.add(request, who, account_routes.NewAccount(name=name[:63], role=role))
    except OddflowError as error:
        return _people(request, who, fault=str(error), typed=name)
    return _people(request, who, made=made)


@router.post("/{user_id}")
def change(
    request: Request,
    who: AdminPerson,
    user_id: UserId,
    role: Annotated[RoleName | None, Form()] = None,
    disabled: Annotated[bool | None, Form()] = None,
    unlock: Annotated[bool, Form()] = False,
) -> Response:
    """Changes what an account may do."""
    try:
        account_routes.change(
            request, who, user_id, account_routes.AccountChange(role=role, disabled=disabled, unlock=unlock)
        )
    except OddflowError as error:
        return _people(request, who, fault=str(error))
    return RedirectResponse("/settings/people?said=saved", 303)


@router.post("/{user_id}/link")
def link(request: Request, who: AdminPerson, user_id: UserId) -> Response:
    """A new one-time link for somebody who forgot the password."""
    try:
        made = account_routes.link(request, who, user_id)
    except OddflowError as error:
        return _people(request, who, fault=str(error))
    return _people(request, who, made=made)


@router.post("/{user_id}/log-out")
def log_out(request: Request, who: AdminPerson, user_id: UserId) -> Response:
    """Logs somebody out everywhere."""
    account_routes.end_sessions(request, who, user_id)
    return RedirectResponse("/settings/people?said=logged-out", 303)


def _people(
    request: Request,
    who: Identity,
    *,
    fault: str = "",
    typed: str = "",
    made: account_routes.LinkShape | None = None,
) -> Response:
    return page(
        request, "settings_people.html", who, status_code=422 if fault else 200, fault_words=fault, typed=typed,
        made=made, accounts=account_routes.accounts(request, who).items, roles=list(RoleName), may=MAY,
    )  # fmt: skip
