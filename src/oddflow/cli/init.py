"""`oddflow init`: a settings file for the service, every key in it explained."""

from typing import Annotated

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="init",
        help="Write the settings of a service: a commented TOML file with every key, its meaning and its default, and "
        "a source that fits this machine. `oddflow doctor FILE` checks it, `oddflow serve FILE` runs it.",
    )(init)


def init(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="The file to write; - prints it.", show_default=True)
    ] = "oddflow.toml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file where it is there already.")] = False,
    as_json: options.Json = False,
) -> None:
    """Refuses to overwrite what somebody wrote."""
    import sys
    from pathlib import Path

    from oddflow.cli import console
    from oddflow.errors import OutputError, UsageError
    from oddflow.files import check_place, write_whole
    from oddflow.server.settings.sample import sample
    from oddflow.server.settings.suggesting import ports, suggest

    if path == "-" and as_json:
        raise UsageError("- prints the settings, and --json a summary; choose one")
    found = ports()
    suggestion = suggest(found)
    text = sample(suggestion)
    if path == "-":
        sys.stdout.write(text)
        return
    check_place(path)
    if Path(path).exists() and not force:
        raise OutputError(f"{path} is there already; give another name, or --force to write over it")
    write_whole(path, text)
    if as_json:
        console.print_json(
            {"file": path, "interfaces": [port.name for port in found], "sources": list(suggestion.sources)}
        )
        return
    listens = [str(source["interface"]) for source in suggestion.sources]
    console.say(f"settings in {path}: " + (f"a source on {listens[0]}" if listens else "no source yet; add one"))
    for note in suggestion.notes.get("service", ()):
        console.say(note)
    console.say(f"next: oddflow doctor {path}, then oddflow serve {path}")
