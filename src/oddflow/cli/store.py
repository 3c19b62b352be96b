"""`oddflow store`: whether a service's store is whole, and a copy of it."""

from pathlib import Path
from typing import Annotated

import typer

from oddflow.cli import extras, options

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The settings of the service.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="What a service remembers of alerts and people: whether it is whole, and a copy of it. The service may "
        "run meanwhile.",
    )
    group.command(
        name="check",
        help="Read all of it: that the file is whole, and that nobody changed the trail of changes behind its back. "
        "Exits with 2 where either is not so.",
    )(check)
    group.command(
        name="backup",
        help="Copy a store in SQLite to a file, whole, while the service goes on. PostgreSQL has pg_dump for that.",
    )(backup)
    group.callback()(extras.need_server)
    app.add_typer(group, name="store")


def check(config: Config, as_json: options.Json = False) -> None:
    """Says how it is; what is wrong is an error."""
    from contextlib import closing

    from oddflow.amounts import count
    from oddflow.cli import console
    from oddflow.errors import InputError
    from oddflow.server.settings.read import read_settings
    from oddflow.server.work.stores import open_store

    with closing(open_store(read_settings(config))) as store:
        found = store.inspect()
    if as_json:
        told = {"store": found.where, "rows": found.rows, "last": found.last, "problems": list(found.problems)}
        console.print_json(told)
    if found.problems:
        raise InputError(
            f"the store {found.where} is not whole: {'; '.join(found.problems)}; put a back-up in its place, or find "
            "out who changed it"
        )
    if as_json:
        return
    rows = found.rows
    held = (count(rows["alerts"], "alert"), count(rows["incidents"], "incident"), count(rows["users"], "account"))
    console.out.print(console.plain(f"{found.where} is whole: {', '.join(held)}"), soft_wrap=True)
    trail = f"the trail of {count(rows['audit'], 'change')} holds"
    console.out.print(
        console.plain(trail + (f"; its last hash, to be noted elsewhere: {found.last}" if found.last else "")),
        soft_wrap=True,
    )


def backup(
    config: Config,
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="The copy; it must not be there yet.", show_default=False)
    ],
    as_json: options.Json = False,
) -> None:
    """Makes nothing where there is no store yet, and changes no table."""
    from oddflow.amounts import size
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import check_place
    from oddflow.server.settings.read import read_settings
    from oddflow.server.store.backup import back_up
    from oddflow.server.store.database import Database

    settings = read_settings(config)
    check_place(str(path))
    if settings.store_file is not None and not settings.store_file.is_file():
        raise UsageError(f"there is no store {settings.store_file} yet; check [service] state in {config}")
    password = settings.store.password
    database = Database(settings.store_url, password.get_secret_value() if password else None)
    try:
        back_up(database, path)
    finally:
        database.close()
    written = path.stat().st_size
    if as_json:
        console.print_json({"store": database.where, "file": str(path), "bytes": written})
    else:
        console.say(f"{database.where} copied to {path}, {size(written)}")
