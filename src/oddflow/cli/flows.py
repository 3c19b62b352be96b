"""`oddflow flows`: meters captures into a flow table."""

from typing import Annotated, Any

import typer

from oddflow.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="flows", help="Meter captures into a table of bidirectional flows.")(flows)


def flows(
    sources: options.Sources,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write a .parquet, .arrow or .csv table.", show_default=False)
    ] = None,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows shown where no -o is given.")] = 20,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Reads each source once; nothing is kept in memory but open flows."""
    from contextlib import nullcontext

    from oddflow.amounts import count as count_of
    from oddflow.cli import console
    from oddflow.cli.tables import flow_table
    from oddflow.errors import UsageError
    from oddflow.files import same_file
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.source import Fingerprint, read_flows
    from oddflow.logs.table import TableWriter
    from oddflow.losses import Ledger

    if output and any(source != "-" and same_file(source, output) for source in sources):
        raise UsageError(f"{output} is a source itself; give the table another name")
    settings = MeterSettings(idle_timeout, active_timeout, max_flows=max_flows, datagram_timeout_s=datagram_timeout)
    ledger = Ledger()
    seen = [Fingerprint(source) for source in sources]
    shown: list[Any] = []
    with TableWriter(output) if output else nullcontext() as writer, console.reading(sources, "metering") as progress:
        for source, fingerprint in zip(sources, seen, strict=True):
            for batch in read_flows(source, ledger, settings=settings, seen=fingerprint, progress=progress):
                if writer:
                    writer.write(batch)
                if sum(b.num_rows for b in shown) < limit:
                    shown.append(batch)
    count = sum(fingerprint.flows for fingerprint in seen)
    if as_json:
        console.print_json(
            {"flows": count, "output": output, "sources": [f.as_dict() for f in seen], "ledger": ledger.as_dict()}
        )
    else:
        if not output and shown:
            console.out.print(flow_table(shown, limit))
        console.say(count_of(count, "flow") + (f" in {output}" if output else ""))
        console.show_ledger(ledger)
    if not count:
        raise ledger.nothing_metered(sources)
    if strict and not ledger.complete:
        raise options.Lost
