"""`oddflow detectors`: what there is to learn with."""

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="detectors", help="List the detectors: what each is good and bad at.")(detectors)


def detectors(as_json: options.Json = False) -> None:
    """The closed registry, a row each."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.detectors import registry

    known = registry.describe()
    if as_json:
        console.print_json(known)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("name", "what it is", "reads", "good at", "bad at", "needs", "sealed as"):
        table.add_column(name, no_wrap=name == "name")
    keys = ("name", "summary", "reads", "good_at", "bad_at", "needs", "exportable")
    for entry in known:
        table.add_row(*(console.plain(str(entry[key])) for key in keys))
    console.out.print(table)
