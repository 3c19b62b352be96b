"""`oddflow flows`: meters captures into a flow table."""

from typing import Annotated, Any

import typer

from oddflow.cli import live, options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="flows", help="Meter captures into a table of bidirectional flows.")(flows)


def flows(
    given: options.SourcesOrNone = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write a .parquet, .arrow or .csv table.", show_default=False)
    ] = None,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows shown where no -o is given.")] = 20,
    interface: live.Interface = None,
    promiscuous: live.Promiscuous = False,
    capture_filter: live.Filter = "",
    ring: live.RingMemory = live.RING_KIB,
    snap: live.Snap = live.SNAP_BYTES,
    workers: live.Workers = 1,
    user: live.User = None,
    interval: live.Interval = live.INTERVAL_S,
    metrics: live.Metrics = None,
    duration: live.Duration = 0.0,
    count: live.Packets = 0,
    rotate: live.Rotate = 0.0,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Reads each source once; nothing is kept in memory but open flows."""
    from oddflow.errors import UsageError
    from oddflow.flows.settings import MeterSettings

    cut = MeterSettings(idle_timeout, active_timeout, max_flows=max_flows, datagram_timeout_s=datagram_timeout)
    sources = given or []
    if (interface is None) == (not sources):
        raise UsageError("name captures to read, or an interface to listen on with -i: one of the two; see --help")
    if interface is not None:
        settings = live.sensor_settings(
            interface, promiscuous=promiscuous, capture_filter=capture_filter, ring_kib=ring, snap=snap,
            user=user, interval=interval, metrics=metrics, duration=duration, count=count, workers=workers,
        )  # fmt: skip
        live.meter_live(settings, cut, output, rotate=rotate, limit=limit, as_json=as_json, strict=strict)
        return

    from contextlib import nullcontext

    from oddflow.cli import console
    from oddflow.cli.tables import flow_table
    from oddflow.files import same_file
    from oddflow.logs.source import Fingerprint, read_flows
    from oddflow.logs.table import TableWriter
    from oddflow.losses import Ledger
    from oddflow.verdicts.words import count as count_of

    if output and any(source != "-" and same_file(source, output) for source in sources):
        raise UsageError(f"{output} is a source itself; give the table another name")
    ledger = Ledger()
    seen = [Fingerprint(source, hashed=as_json) for source in sources]
    shown: list[Any] = []
    with TableWriter(output) if output else nullcontext() as writer, console.reading(sources, "metering") as progress:
        for source, fingerprint in zip(sources, seen, strict=True):
            for batch in read_flows(source, ledger, settings=cut, seen=fingerprint, progress=progress):
                if writer:
                    writer.write(batch)
                if sum(b.num_rows for b in shown) < limit:
                    shown.append(batch)
    flow_count = sum(fingerprint.flows for fingerprint in seen)
    if as_json:
        console.print_json(
            {"flows": flow_count, "output": output, "sources": [f.as_dict() for f in seen], "ledger": ledger.as_dict()}
        )
    else:
        if not output and shown:
            console.out.print(flow_table(shown, limit))
        console.say(count_of(flow_count, "flow") + (f" in {output}" if output else ""))
        console.show_ledger(ledger)
    if not flow_count:
        raise ledger.nothing_metered(sources)
    if strict and not ledger.complete:
        raise options.Lost
