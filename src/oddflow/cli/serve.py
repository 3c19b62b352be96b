"""`oddflow serve`: the service, from a file of settings, or from a few options for a trial."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import extras, live, options

if TYPE_CHECKING:
    from oddflow.server.settings.settings import Settings

TRIAL = "Without a file"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(
        name="serve",
        help="Run the service: sources in, live verdicts, a store, an API and pages.\n\n"
        "  sudo oddflow serve -i eth0 -m office.oddflow   a trial, in ./oddflow-state\n\n"
        "  oddflow init && oddflow doctor oddflow.toml    for good: settings, checked\n\n"
        "  sudo oddflow serve oddflow.toml\n\n"
        "The first start prints a link that makes the first account. Without a model flows are kept and nothing is "
        "judged: `oddflow learn` makes one. Ctrl-C ends it in order; docs/service.md tells all.",
    )(serve)


def serve(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="The settings, as `oddflow init` writes them. Without one, name what to watch by the options below.",
            show_default=False,
        ),
    ] = None,
    interface: Annotated[
        str | None,
        typer.Option(
            "-i", "--interface", help="Watch this network interface.", show_default=False, rich_help_panel=TRIAL
        ),
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Judge each capture that is put in this folder.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    follow: Annotated[
        str | None,
        typer.Option(
            "--follow",
            metavar="PATH",
            help="Follow a log or capture that another program writes.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    netflow: Annotated[
        str | None,
        typer.Option(
            "--netflow",
            metavar="HOST:PORT",
            help="Listen for NetFlow and IPFIX.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "-m",
            "--model",
            help="What judges: a sealed model's file, or a name of the registry. Flows are "
            "only kept where there is none.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = "",
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="False alarms you put up with: 10/day unless given.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Answer here; 127.0.0.1:8470 unless given.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Keep all that is remembered here; ./oddflow-state unless given.",
            show_default=False,
            rich_help_panel=TRIAL,
        ),
    ] = None,
    user: live.User = None,
    home_net: options.HomeNet = None,
    no_payload: options.NoPayload = False,
) -> None:
    """Runs until it is told to end; SIGTERM ends it in order, and a second one soon."""
    extras.need_server()
    from oddflow.cli import console
    from oddflow.errors import UsageError
    from oddflow.server import log

    given = {
        "-i": interface, "--folder": folder, "--follow": follow, "--netflow": netflow, "-m": model or None,
        "--budget": budget, "--listen": listen, "--state": state, "--user": user, "--home-net": home_net,
        "--no-payload": no_payload or None,
    }  # fmt: skip
    named = [option for option, value in given.items() if value is not None]
    if config is not None and named:
        raise UsageError(f"{', '.join(named)} and the file {config} were both given; write it in the file")
    if config is None:
        settings = _of_options(given)
    else:
        from oddflow.server.settings.read import read_settings

        settings = read_settings(config)
    log.setup(settings.log, "supervisor")
    from oddflow.server.work.supervisor import Supervisor

    supervisor = Supervisor(
        settings, show=lambda text: console.out.print(text, soft_wrap=True, markup=False, highlight=False),
        patient=config is not None,
    )  # fmt: skip
    code = supervisor.run()
    if code:
        raise typer.Exit(code)


def _of_options(given: dict[str, Any]) -> "Settings":
    """Settings for a trial: one source, in the folder where we are."""
    from pydantic import ValidationError

    from oddflow.errors import UsageError
    from oddflow.server.settings.settings import Settings

    kinds = {"-i": "interface", "--folder": "folder", "--follow": "follow", "--netflow": "netflow"}
    asked = [option for option in kinds if given[option] is not None]
    if len(asked) != 1:
        raise UsageError(
            "name a file of settings (`oddflow init` writes one), or one of -i, --folder, --follow and --netflow; "
            f"{len(asked)} of these were given"
        )
    where = str(given[asked[0]])
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in Path(where).stem.lower()).strip("-")[:63]
    source: dict[str, Any] = {"name": name or "source", kinds[asked[0]]: where, "payload": not given["--no-payload"]}
    for option, key in (("-m", "model"), ("--budget", "budget"), ("--home-net", "home_networks")):
        if given[option] is not None:
            source[key] = given[option]
    service: dict[str, Any] = {"state": str((given["--state"] or Path("oddflow-state")).resolve())}
    if given["--user"] is not None:
        service["user"] = given["--user"]
    whole: dict[str, Any] = {"service": service, "sources": [source]}
    if given["--listen"] is not None:
        whole["web"] = {"listen": given["--listen"]}
    try:
        return Settings.model_validate(whole)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
