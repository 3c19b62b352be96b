"""`oddflow backup`: a copy of a service's store, made while it runs."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="backup",
        help="Copy the store of a service (alerts, incidents, accounts, the trail) into one file, while it runs: the "
        "copy is of one moment, and whole or not there at all. To put it back, stop the service and give the file the "
        "name store.db in the state folder. PostgreSQL is backed up by pg_dump instead.",
    )(backup)


def backup(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="The settings of the service.")],
    path: Annotated[str, typer.Argument(metavar="FILE", help="The file to write; it must not exist.")],
    as_json: options.Json = False,
) -> None:
    """Makes nothing where there is no store yet, and changes no table."""
    from pathlib import Path

    from oddflow.amounts import size
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import check_place
    from oddflow.server.settings.read import read_settings
    from oddflow.server.store.backup import back_up
    from oddflow.server.store.database import Database

    settings = read_settings(config)
    check_place(path)
    if settings.store_file is not None and not settings.store_file.is_file():
        raise UsageError(f"there is no store {settings.store_file} yet; check [service] state in {config}")
    password = settings.store.password
    database = Database(settings.store_url, password.get_secret_value() if password else None)
    try:
        back_up(database, Path(path))
    finally:
        database.close()
    written = Path(path).stat().st_size
    if as_json:
        console.print_json({"store": database.where, "file": path, "bytes": written})
    else:
        console.say(f"{database.where} copied to {path}, {size(written)}")
