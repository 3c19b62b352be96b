"""`oddflow send`: alerts that were found before, told to other systems."""

from typing import Annotated

import typer

from oddflow.cli import options, telling


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="send", help="Tell alerts of a file to other systems, or go on with what waits in a spool.")(send)


def send(
    alerts: Annotated[
        str | None,
        typer.Argument(
            metavar="[ALERTS]",
            help="A file that `detect -o` or `watch -o` wrote; without one, what waits in --spool is told.",
            show_default=False,
        ),
    ] = None,
    to: telling.To = None,
    spool: telling.SpoolFolder = None,
    spool_limit: telling.SpoolLimit = telling.LIMIT_MIB,
    deliver_for: telling.DeliverFor = telling.DELIVER_FOR_S,
    as_json: options.Json = False,
) -> None:
    """Reads, tells, and says what each receiver has."""
    from pathlib import Path

    from oddflow.cli import console
    from oddflow.errors import OutputError, UsageError
    from oddflow.verdicts.record import read_alerts

    if not to:
        raise UsageError("nobody is named to tell; name a receiver with --to, like --to syslog+tls://host:6514")
    if alerts is None and (spool is None or not Path(spool).is_dir()):
        raise UsageError("name a file of alerts, or with --spool a folder in which some wait")
    asked = telling.settings(to, spool, spool_limit, deliver_for)
    found = [] if alerts is None else list(read_alerts(alerts))  # a broken line is told before anything is sent
    receivers = telling.Telling(asked)
    receivers.emit(found)
    outcomes = receivers.close()
    if as_json:
        console.print_json({"alerts": len(found), "outputs": outcomes})
    if left := [outcome["to"] for outcome in outcomes if outcome["waiting"] or outcome["shed"] or outcome["refused"]]:
        raise OutputError(f"not all was told to {', '.join(left)}; the lines above say what waits where")
