"""`oddflow search`: finds flows that a service stored."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import extras, options

if TYPE_CHECKING:
    from pathlib import Path

    from oddflow.server.flowstore.flow_store import FlowStore
    from oddflow.server.flowstore.page import FlowPage

FORMATS = {".csv": "csv", ".parquet": "parquet"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="search",
        help="Find flows that the service stored, while it runs or after.\n\n"
        "  oddflow search 'src_ip = 10.0.0.5 and score > 3 last 2h' office.toml\n\n"
        "  oddflow search '10.0.0.0/8 and bytes > 10MB order by bytes' --state /var/lib/oddflow\n\n"
        "  oddflow search 'alert since yesterday' office.toml -o odd.parquet\n\n"
        "docs/search.md has the whole language; --fields lists what can be asked.",
    )(search)


def search(
    question: Annotated[
        str | None,
        typer.Argument(metavar="[QUESTION]", help="What to find; all flows, the newest first, where it is empty."),
    ] = None,
    config: Annotated[
        str | None, typer.Argument(metavar="[CONFIG]", help="The service's settings: they say where its flows are.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Instead: the service's state folder.", show_default=False)
    ] = None,
    flows: Annotated[
        str | None, typer.Option("--flows", help="Instead: the folder of flows itself.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500_000, help="At most so many flows.")] = 20,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Write them to a .csv or .parquet file, all of them unless --limit is given; detect and learn read "
            "Parquet.",
            show_default=False,
        ),
    ] = None,
    fields: Annotated[bool, typer.Option("--fields", help="List what can be asked, and end.")] = False,
    as_json: options.Json = False,
    context: typer.Context = None,  # type: ignore[assignment]
) -> None:
    """Looks in the folder; asks no service."""
    extras.need_server()
    from oddflow.errors import UsageError
    from oddflow.server.flowstore.flow_store import FlowStore
    from oddflow.server.flowstore.query import Query
    from oddflow.server.flowstore.tokens import WrongQuery

    if fields:
        _fields(as_json=as_json)
        return
    folder = _folder(config, state, flows)
    try:
        query = Query.parse(question or "")
    except WrongQuery as error:
        raise UsageError(f"the question cannot be read, {error}\n{error.pointed()}") from None
    with FlowStore(folder) as store:
        if output is not None:
            chosen = context.get_parameter_source("limit")
            most = 500_000 if chosen is None or chosen.name == "DEFAULT" else limit
            _write(store, query, output, most, as_json=as_json)
            return
        _show(store.search(query, min(limit, 10_000)), as_json=as_json)


def _folder(config: str | None, state: str | None, flows: str | None) -> "Path":
    """Where the flows are.

    Raises:
        UsageError: Not exactly one of the three was given.
        InputError: There are none.
    """
    from pathlib import Path

    from oddflow.errors import Unreadable, UsageError

    if sum(given is not None for given in (config, state, flows)) != 1:
        raise UsageError(
            "say where the flows are: the service's settings after the question, --state with its folder, or --flows; "
            "one of the three"
        )
    if config is not None:
        from oddflow.server.settings.read import read_settings

        folder = read_settings(config).flows_folder
    else:
        folder = Path(flows) if flows is not None else Path(state or "") / "flows"
    if not folder.is_dir():
        raise Unreadable(f"{folder} is no folder: no flows were stored there yet, or it is another one")
    return folder


def _write(store: "FlowStore", query: Any, output: str, limit: int, *, as_json: bool) -> None:
    from pathlib import Path

    from oddflow.amounts import size
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.files import whole_file

    kind = FORMATS.get(Path(output).suffix)
    if kind is None:
        raise UsageError(f"{output} ends in {Path(output).suffix!r}; expected .csv or .parquet")
    written = 0
    with whole_file(output) as file:
        for piece in store.download(query, kind, limit):  # type: ignore[arg-type]
            file.write(piece)
            written += len(piece)
    if as_json:
        console.print_json({"output": output, "bytes": written})
    else:
        console.say(f"{size(written)} in {output}")


def _show(page: "FlowPage", *, as_json: bool) -> None:
    from oddflow.amounts import count, seconds
    from oddflow.cli import console
    from oddflow.cli.search_table import found_table

    if as_json:
        console.print_json(
            {
                "flows": page.rows, "truncated": page.truncated, "files": page.files, "looked": page.looked,
                "seconds": round(page.seconds, 6),
            }
        )  # fmt: skip
        return
    if page.rows:
        console.out.print(found_table(page.rows))
    more = "; there are more: --limit shows them, -o writes them" if page.truncated else ""
    console.say(
        f"{count(len(page.rows), 'flow')} found among {page.looked:,} in {count(page.files, 'file')} "
        f"in {seconds(page.seconds)}{more}"
    )


def _fields(*, as_json: bool) -> None:
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.server.flowstore.fields import FIELDS

    if as_json:
        console.print_json(
            [{"name": field.name, "kind": field.kind, "meaning": field.meaning} for field in FIELDS.values()]
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("field", "kind", "meaning"):
        table.add_column(name)
    for field in FIELDS.values():
        table.add_row(field.name, field.kind, field.meaning)
    console.out.print(table)
    sys.stdout.flush()
