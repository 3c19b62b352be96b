"""`oddflow flows`: meters captures into a flow table."""

from typing import Annotated

import typer

from oddflow.cli import files, options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="flows", help="Meter captures into a table of bidirectional flows.")(flows)


def flows(
    sources: options.Sources,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write a .parquet, .arrow or .csv table.", show_default=False)
    ] = None,
    merge: options.Merge = False,
    follow: files.Follow = False,
    duration: files.Duration = 0.0,
    workers: files.Workers = 1,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows shown where no -o is given.")] = 20,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Meters files, or follows one."""
    from oddflow.errors import UsageError
    from oddflow.flows.settings import MeterSettings

    cut = MeterSettings(idle_timeout, active_timeout, max_flows=max_flows, datagram_timeout_s=datagram_timeout)
    told = files.Told(output, limit, as_json, strict)
    if duration and not follow:
        raise UsageError("--duration goes with --follow; files are read to their end")
    if follow and (merge or workers > 1):
        raise UsageError("--follow reads one file or folder, with one worker; leave --merge and --workers out")
    if follow:
        files.follow_file(sources, cut, told, duration_s=duration)
    else:
        files.meter_files(sources, cut, told, merge=merge, workers=workers)
