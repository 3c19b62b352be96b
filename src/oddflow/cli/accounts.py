"""`oddflow accounts`: who may log in, for whoever has the machine itself."""

import getpass
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import extras, options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oddflow.server.access.identity import Role
    from oddflow.server.settings.settings import Settings
    from oddflow.server.store.accounts import Account
    from oddflow.server.store.store import Store

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The settings of the service.")]
NameOf = Annotated[str, typer.Argument(metavar="NAME", help="Of the account.")]
ROLES = "viewer|analyst|admin"


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="List the accounts of a service, make one-time links for them, disable them, unlock them. For whoever "
        "has the machine: an admin does the same in the pages, under Settings.",
    )
    group.command(name="list", help="Who may log in, as what, and since when nobody did.")(list_accounts)
    group.command(
        name="link",
        help="Print a one-time link by which NAME sets a password, good for a day. It makes the account where there "
        "is none, with --role. The old password holds until the link is used.",
    )(link)
    group.command(name="role", help=f"Change what an account may do: {ROLES}. The last admin stays one.")(role)
    group.command(name="disable", help="Let nobody in by an account, and log it out everywhere; its tokens die.")(
        disable
    )
    group.command(name="enable", help="Let an account in again; those of its tokens that are good work again.")(enable)
    group.command(name="unlock", help="Forget the failed log-ins of an account, so that it may log in now.")(unlock)
    group.callback()(extras.need_server)
    app.add_typer(group, name="accounts")


def list_accounts(config: Config, as_json: options.Json = False) -> None:
    """All accounts, by name."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.server.access.shapes import moment

    with _opened(config) as (_, store):
        accounts = store.accounts.all()
    if as_json:
        console.print_json([_as_dict(account) for account in accounts])
        return
    if not accounts:
        console.say("no accounts yet; `oddflow serve` prints a link to make the first, and `accounts link` does too")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("name", "role", "state", "last log-in"):
        table.add_column(title)
    for account in accounts:
        seen = f"{moment(account.last_login_s):%Y-%m-%d %H:%M}" if account.last_login_s else "never"
        table.add_row(account.name, account.role.name.lower(), _state(account), seen)
    console.out.print(table)


def link(
    config: Config,
    name: NameOf,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar=ROLES, help="Of an account that is made now.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """The link goes to standard output: whoever has it sets the password."""
    import time

    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.server.access.first import link_url
    from oddflow.server.access.names import account_name

    with _opened(config) as (settings, store), store.transaction():
        now_s = time.time()
        account = store.accounts.by_name(account_name(name))
        if account is None:
            if role is None:
                raise UsageError(f"there is no account {name}; give --role {ROLES} to make it")
            account = store.accounts.add(account_name(name), _role(role), now_s=now_s)
            _record(store, "account.add", account, role=role)
        elif role is not None:
            raise UsageError(f"there is an account {name} already; change its role with `oddflow accounts role`")
        if account.disabled:
            raise UsageError(f"the account {name} is disabled; `oddflow accounts enable` it first")
        url = link_url(settings, store.links.add(account, now_s=now_s))
        _record(store, "account.link", account)
    if as_json:
        console.print_json({"account": _as_dict(account), "link": url})
    else:
        console.say(f"{account.name} sets a password here, once, within a day:")
        typer.echo(url)


def role(
    config: Config,
    name: NameOf,
    role: Annotated[str, typer.Argument(metavar=ROLES, help="What it may do from now on.")],
    as_json: options.Json = False,
) -> None:
    """Holds at once, for sessions and tokens too."""
    with _opened(config) as (_, store), store.transaction():
        account = _found(store, name)
        account = store.accounts.change(account.id, role=_role(role))
        _record(store, "account.change", account, role=role)
    _told(account, f"is {role} now", as_json=as_json)


def disable(config: Config, name: NameOf, as_json: options.Json = False) -> None:
    """Holds at once."""
    with _opened(config) as (_, store), store.transaction():
        account = store.accounts.change(_found(store, name).id, disabled=True)
        store.sessions.end_all(account.id)
        store.links.drop(account.id)
        _record(store, "account.change", account, disabled=True)
    _told(account, "is disabled", as_json=as_json)


def enable(config: Config, name: NameOf, as_json: options.Json = False) -> None:
    """The password is what it was."""
    with _opened(config) as (_, store), store.transaction():
        account = store.accounts.change(_found(store, name).id, disabled=False)
        _record(store, "account.change", account, disabled=False)
    _told(account, "may log in", as_json=as_json)


def unlock(config: Config, name: NameOf, as_json: options.Json = False) -> None:
    """Locks end by themselves within a quarter of an hour; this is for whoever cannot wait."""
    with _opened(config) as (_, store), store.transaction():
        account = _found(store, name)
        store.accounts.unlock(account.id)
        _record(store, "account.change", account, unlock=True)
    _told(account, "is not locked", as_json=as_json)


@contextmanager
def _opened(config: Path) -> "Iterator[tuple[Settings, Store]]":
    from oddflow.server.settings.read import read_settings
    from oddflow.server.work.stores import open_store

    settings = read_settings(config)
    _become_owner(settings.service.state)
    store = open_store(settings)
    try:
        yield settings, store
    finally:
        store.close()


def _become_owner(state: Path) -> None:
    """Root works as whoever owns the state: a file of the store that root made would keep the service out."""
    if os.geteuid() == 0 and state.exists():
        owner = state.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)


def _found(store: "Store", name: str) -> "Account":
    from oddflow.errors import UsageError

    account = store.accounts.by_name(name.strip())
    if account is None:
        raise UsageError(f"there is no account {name}; see `oddflow accounts list`")
    return account


def _role(text: str) -> "Role":
    from oddflow.errors import UsageError
    from oddflow.server.access.identity import Role

    try:
        return Role[text.upper()]
    except KeyError:
        raise UsageError(f"{text} is no role; expected {ROLES}") from None


def _record(store: "Store", action: str, account: "Account", **detail: object) -> None:
    """In the trail as root's or whoever's has the machine."""
    store.audit.add(f"({getpass.getuser()} on the machine)", "", "", action, account.name, detail)


def _told(account: "Account", what: str, *, as_json: bool) -> None:
    from oddflow.cli import console

    if as_json:
        console.print_json(_as_dict(account))
    else:
        console.say(f"{account.name} {what}")


def _as_dict(account: "Account") -> dict[str, object]:
    from oddflow.server.access.shapes import moment

    return {
        "name": account.name,
        "role": account.role.name.lower(),
        "disabled": account.disabled,
        "has_password": bool(account.password_hash),
        "failed": account.tries.failed,
        "last_login": moment(account.last_login_s).isoformat() if account.last_login_s else None,
    }


def _state(account: "Account") -> str:
    if account.disabled:
        return "disabled"
    return "good" if account.password_hash else "waits for its link to be used"
