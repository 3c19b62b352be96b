"""The forms at the door: log in, log out, a first password, another password."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from oddflow.errors import UsageError
from oddflow.server.access import passwords
from oddflow.server.access.access import Access, LogIn, access_of
from oddflow.server.access.cookies import BROWSER, SESSION, drop_cookie, read_cookie, set_cookie
from oddflow.server.access.cross_site import check_origin
from oddflow.server.access.gate import identity_of
from oddflow.server.access.guard import PersonAtTheDoor, record, recorded
from oddflow.server.access.identity import Identity
from oddflow.server.access.names import account_name
from oddflow.server.access.refusal import Refused, safe_next
from oddflow.server.store.accounts import Account
from oddflow.server.store.browsers import KNOWN_DAYS
from oddflow.server.web.rendering import page
from oddflow.server.web.service import service_of

P = ParamSpec("P")
R = TypeVar("R")
router = APIRouter(include_in_schema=False)
MOST_FIELDS = 16
MOST_WAITING = 32
"""Log-ins that wait for their turn; each takes 64 MiB for an eighth of a second."""
WRONG = "Name or password is wrong."
GONE = "This link is not good: it was used, it is older than a day, or never was. Ask for another one."


@router.get("/login")
async def log_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002
    """The form."""
    if identity_of(request) is not None:
        return RedirectResponse(safe_next(next), 303)
    return page(request, "login.html", None, next=safe_next(next), name="")


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Name and password; what was wrong with them is not told."""
    check_origin(request)
    access, form = access_of(request.app), await _form(request)
    shown: dict[str, Any] = {"next": safe_next(form.get("next")), "name": form.get("name", "")[:64]}
    wait_s = access.log_in_wait_s(_address(request))
    if wait_s:
        return _wait(request, wait_s, shown)
    name, password = form.get("name", ""), form.get("password", "")
    found = await _hashing(access, access.log_in, name, password, browser=read_cookie(request, BROWSER))
    if found.account is None:
        await run_in_threadpool(_record_failure, request, access, name, found)
        if found.wait_s:
            return _wait(request, found.wait_s, shown)
        return page(request, "login.html", None, status_code=401, problem=WRONG, **shown)
    await recorded(request, _identity(found.account), "session.begin", found.account.name)
    return await _enter(request, access, found.account, shown["next"])


@router.post("/logout")
async def log_out(request: Request, who: PersonAtTheDoor) -> Response:
    """Ends the session."""
    store = service_of(request).store
    await run_in_threadpool(store.sessions.end, who.user_id, who.session)
    await recorded(request, who, "session.end", who.name)
    response = RedirectResponse("/login", 303, headers={"Clear-Site-Data": '"cache"'})
    drop_cookie(response, request, SESSION)
    return response


@router.get("/first/{secret}")
async def first_page(request: Request, secret: str) -> Response:
    """The form behind a one-time link; looking at it uses nothing up."""
    access = access_of(request.app)
    link = await run_in_threadpool(access.store.links.get, secret, now_s=access.clock())
    if link is None:
        return _gone(request)
    return _first(request, secret, link.account)


@router.post("/first/{secret}")
async def first(request: Request, secret: str) -> Response:
    """Sets the password that the link is for, and logs in."""
    check_origin(request)
    access, form = access_of(request.app), await _form(request)
    link = await run_in_threadpool(access.store.links.get, secret, now_s=access.clock())
    if link is None:
        return _gone(request)
    typed = form.get("name", "")[:64]
    try:
        name = link.account.name if link.account else account_name(typed)
        _check_new(form, name)
        kept = await _hashing(access, access.passwords.hashed, form["password"])
        account = await run_in_threadpool(_use, request, access, secret, name, kept)
    except UsageError as error:
        return _first(request, secret, link.account, problem=_sentence(error), name=typed, status_code=422)
    if account is None:
        return _gone(request)
    return await _enter(request, access, account, "/")


@router.get("/password")
async def password_page(request: Request, who: PersonAtTheDoor) -> Response:
    """The form."""
    return page(request, "password.html", who, must_change=who.must_change, shortest=passwords.LEAST_LETTERS)


@router.post("/password")
async def change_password(request: Request, who: PersonAtTheDoor) -> Response:
    """Sets another password; all sessions end but the one that begins here."""
    access, form = access_of(request.app), await _form(request)
    shown: dict[str, Any] = {"must_change": who.must_change, "shortest": passwords.LEAST_LETTERS}
    try:
        _check_new(form, who.name, old=form.get("current", ""))
    except UsageError as error:
        return page(request, "password.html", who, status_code=422, problem=_sentence(error), **shown)
    browser = read_cookie(request, BROWSER)
    found = await _hashing(access, access.log_in, who.name, form.get("current", ""), browser=browser)
    if found.account is None:
        wait = f" Wait {math.ceil(found.wait_s)} s." if found.wait_s else ""
        await recorded(request, who, "account.password-refused", who.name)
        return page(request, "password.html", who, status_code=403, problem=f"The current one is wrong.{wait}", **shown)
    kept = await _hashing(access, access.passwords.hashed, form["password"])
    await run_in_threadpool(_change, request, access, who, kept)
    return await _enter(request, access, found.account, "/?said=saved")


def _use(request: Request, access: Access, secret: str, name: str, kept: str) -> Account | None:
    store = access.store
    with store.transaction():
        account = store.links.use(secret, name=name, password_hash=kept, now_s=access.clock())
        if account is not None:
            store.sessions.end_all(account.id)
            store.browsers.forget(account.id)
            record(request, _identity(account), "account.password", account.name, by="one-time link")
    return account


def _change(request: Request, access: Access, who: Identity, kept: str) -> None:
    store = access.store
    with store.transaction():
        store.accounts.set_password(who.user_id, kept)
        store.links.drop(who.user_id)
        store.sessions.end_all(who.user_id)
        store.browsers.forget(who.user_id)
        record(request, who, "account.password", who.name, by="its owner")


async def _enter(request: Request, access: Access, account: Account, where: str) -> Response:
    """A new session in the browser, whatever cookie it came with; the old one ends."""
    old, browser = read_cookie(request, SESSION), read_cookie(request, BROWSER)
    agent = request.headers.get("user-agent", "")
    new, known = await run_in_threadpool(
        access.enter, account, old=old, browser=browser, ip=_address(request), agent=agent
    )
    response = RedirectResponse(where, 303)
    set_cookie(response, request, SESSION, new, seconds=None)
    set_cookie(response, request, BROWSER, known, seconds=KNOWN_DAYS * 86_400)
    return response


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; files in it are refused."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _hashing(access: Access, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Work on passwords in a thread, little of it at once: it takes memory and time on purpose.

    Raises:
        Refused: 503 where much of it waits already.
    """
    if access.hashing.statistics().tasks_waiting >= MOST_WAITING:
        raise Refused(503, "too many people log in at once; try again in a moment", headers={"Retry-After": "5"})
    return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=access.hashing)


def _check_new(form: dict[str, str], name: str, *, old: str = "") -> None:
    new = form.get("password", "")
    passwords.check(new, name=name)
    if new != form.get("again", new):
        raise UsageError("the two passwords differ; type the same twice")
    if new == old:
        raise UsageError("the new password is the old one; choose another")


def _record_failure(request: Request, access: Access, name: str, found: LogIn) -> None:
    # what is no account's name may be a password that was typed in the wrong place
    account = access.store.accounts.by_name(name.strip())
    known = account.name if account is not None else "(no such account)"
    if not found.wait_s:
        record(request, None, "session.refused", known)


def _first(request: Request, secret: str, account: Account | None, *, status_code: int = 200, **shown: Any) -> Response:
    shown = {"name": "", **shown}
    return page(
        request, "first.html", None, status_code=status_code, link=f"/first/{secret}",
        account=account.name if account else "", shortest=passwords.LEAST_LETTERS, **shown,
    )  # fmt: skip


def _gone(request: Request) -> Response:
    return page(request, "problem.html", None, status_code=404, problem_title="No such link", problem_detail=GONE)


def _wait(request: Request, wait_s: float, shown: dict[str, Any]) -> Response:
    seconds = math.ceil(wait_s)
    problem = f"Too many tries. Wait {seconds} s, then try again."
    headers = {"Retry-After": str(seconds)}
    return page(request, "login.html", None, status_code=429, headers=headers, problem=problem, **shown)


def _identity(account: Account) -> Identity:
    return Identity(account.id, account.name, account.role)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _sentence(error: UsageError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
