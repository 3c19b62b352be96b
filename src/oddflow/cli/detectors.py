"""`oddflow detectors`: what there is to learn with."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="detectors", help="List the detectors, or say what one is good and bad at.")(detectors)


def detectors(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them: all that is known of it.")] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """The closed registry, a row each; of one, all that it says of itself and its options."""
    from oddflow.cli import console
    from oddflow.detectors import registry

    known = registry.describe()
    if name is not None:
        registry.find(name)
        known = [entry for entry in known if entry["name"] == name]
    if as_json:
        console.print_json(known if name is None else known[0])
    elif name is None:
        _list(known)
    else:
        _tell(known[0])


def _list(known: "list[dict[str, str]]") -> None:
    from rich import box
    from rich.table import Table

    from oddflow.cli import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "reads", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for entry in known:
        table.add_row(*(console.plain(entry[key]) for key in ("name", "reads", "summary")))
    console.out.print(table)
    console.say("next: oddflow detectors NAME says what one is good and bad at, and what it can be told")


def _tell(entry: "Mapping[str, str]") -> None:
    from oddflow.cli import console
    from oddflow.detectors import registry

    words = {"good_at": "good at", "bad_at": "bad at", "exportable": "sealed as"}
    for key, value in entry.items():
        console.out.print(console.plain(f"{words.get(key, key):<10} {value}"), soft_wrap=True)
    given = ", ".join(option for option in registry.options(entry["name"]) if option != "told")
    console.out.print(console.plain(f"{'options':<10} {given}"), soft_wrap=True)
