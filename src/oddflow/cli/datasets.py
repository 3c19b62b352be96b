"""`oddflow datasets`: the labelled sets that Oddflow knows, which are here, whether they are right, how to get them."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import dataset_show, options

if TYPE_CHECKING:
    from pathlib import Path

    from oddflow.datasets.checking import Finding
    from oddflow.datasets.description import DataSet

app = typer.Typer(no_args_is_help=True)
STYLES = {"right": "green", "wrong": "red", "absent": "yellow", "unknown": "yellow"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `oddflow datasets list` calls it.", show_default=False)]
NameOrNone = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="As `oddflow datasets list` calls it; all that are here unless given."),
]


def register(root: typer.Typer) -> None:
    """Adds the commands."""
    root.add_typer(
        app,
        name="datasets",
        help="Labelled data sets: list them, check them, get them.\n\n"
        "All lie in one folder, which --data or ODDFLOW_DATA names. Oddflow ships none but its own: "
        "their owners offer them, and their terms are the owners'.\n\n"
        "  export ODDFLOW_DATA=~/data\n\n"
        "  oddflow datasets list                            what there is\n\n"
        "  oddflow datasets get nsl-kdd --from ~/Downloads  copy, and check\n\n"
        "  oddflow datasets check nsl-kdd                   hashes, rows, classes\n\n"
        "  oddflow datasets show nsl-kdd                    what is in it, what leaks\n\n"
        "  oddflow learn --dataset nsl-kdd -o nsl.oddflow   its normal rows",
    )


app.command(name="show", help=dataset_show.HELP)(dataset_show.show)


def _folder(data: str | None) -> "Path | None":
    """The folder of data sets, where one is named."""
    import os

    from oddflow.datasets import place

    return place.folder(data) if data is not None or os.environ.get(place.VARIABLE) else None


@app.command(name="list", help="List the data sets: what they are, whether they are here, on what terms.")
def list_sets(data: options.Data = None, as_json: options.Json = False) -> None:
    """A row each; rows and classes are those that are known, not counted now."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.datasets import registry
    from oddflow.datasets.place import presence

    folder = _folder(data)
    known = registry.known().values()
    if as_json:
        console.print_json([one.model_dump(mode="json") | {"here": presence(one, folder)} for one in known])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("name", "what it is", "kind", "rows", "here", "terms"):
        table.add_column(name, no_wrap=name in ("name", "kind", "here"), justify="right" if name == "rows" else "left")
    for one in known:
        rows = f"{one.rows:,}" if one.rows is not None else "?"
        table.add_row(one.name, one.title, one.kind.value, rows, presence(one, folder), one.licence)
    console.out.print(table)
    if folder is None:
        console.say("no folder of data sets is given: name it with --data FOLDER or in ODDFLOW_DATA")
    console.say("partly: enough to use it; not read: Oddflow does not read it, and `--json` says why")


@app.command(help="Check a data set: the hash of each file, then rows and classes against those that are known.")
def check(name: NameOrNone = None, data: options.Data = None, as_json: options.Json = False) -> None:
    """Files that nobody here has seen are hashed and counted, and nothing is claimed of them."""
    from oddflow.cli import console
    from oddflow.datasets import registry
    from oddflow.datasets.loading import readable
    from oddflow.datasets.place import folder as folder_of
    from oddflow.datasets.place import presence
    from oddflow.errors import InputError

    if name is not None:
        wanted = [readable(name)]
        folder = folder_of(data) if not wanted[0].is_shipped else _folder(data)
    else:
        folder = _folder(data)
        wanted = [one for one in registry.known().values() if presence(one, folder) in ("here", "partly")]
    found = {one.name: _checked(one, folder) for one in wanted}
    if as_json:
        console.print_json({one: [_as_dict(finding) for finding in findings] for one, findings in found.items()})
    wrong = sum(finding.verdict == "wrong" for findings in found.values() for finding in findings)
    missed = name is not None and presence(wanted[0], folder) == "absent"
    if not as_json:
        for one, findings in found.items():
            _show(one, findings)
        if name is None:
            console.say(f"{len(found)} of {len(registry.known())} data sets are here")
    if wrong or missed:
        why = f"{wrong} findings are wrong" if wrong else f"{name} is not here"
        raise InputError(f"{why}; get the files from their owner again: `oddflow datasets get NAME --from FOLDER`")


def _checked(known: "DataSet", folder: "Path | None") -> "list[Finding]":
    from oddflow.cli import console
    from oddflow.datasets import checking
    from oddflow.datasets.place import is_there, place_of

    there = [place_of(file, folder) for file in known.files if is_there(file, folder)]
    total = sum(path.stat().st_size for path in there if path is not None)
    with console.moving(total, f"hashing {known.name}") as progress:
        findings = list(checking.check_files(known, folder, progress))
    with console.moving(None, f"counting {known.name}"):
        return findings + list(checking.check_sections(known, folder))


def _as_dict(finding: "Finding") -> dict[str, str]:
    return {"what": finding.what, "verdict": finding.verdict, "told": finding.told}


def _show(name: str, findings: "list[Finding]") -> None:
    from rich.text import Text

    from oddflow.cli import console

    console.out.print(Text(name, style="bold"))
    for finding in findings:
        verdict = Text(f"  {finding.verdict:<8}", style=STYLES[finding.verdict])
        console.out.print(verdict + console.plain(f"{finding.what}: {finding.told}"), soft_wrap=True)


@app.command(help="Get a data set's files: copied from a folder or an address, and checked by their hashes.")
def get(
    name: Name,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Where the files are: a folder of them, or an address (with the extra `remote`).",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
) -> None:
    """A copy that was broken off goes on where it stopped; a file gets its name when it is whole and right."""
    from oddflow.cli import console
    from oddflow.datasets import getting
    from oddflow.datasets.loading import readable
    from oddflow.datasets.place import folder as folder_of
    from oddflow.errors import UsageError

    known = readable(name)
    if source is None:
        at = f" at {known.url}" if known.url else ""
        raise UsageError(
            f"{known.title} is offered by its owner{at}, on these terms: {known.licence}. "
            f"Fetch it there by hand, then: oddflow datasets get {name} --from FOLDER"
        )
    folder = folder_of(data)
    total = sum(file.bytes or 0 for file in known.files if not file.shipped)
    with console.moving(total or None, f"copying {name}") as progress:
        got = getting.get(known, source, folder, progress=progress)
    for one in got:
        checked = "its hash is the known one" if one.is_checked else "no hash is known to check it by"
        told = {"copied": f"copied; {checked}", "there": f"there already; {checked}", "absent": "not in the source"}
        console.out.print(console.plain(f"{one.path}: {told[one.verdict]}"), soft_wrap=True)
    console.say(f"next: oddflow datasets check {name}")
