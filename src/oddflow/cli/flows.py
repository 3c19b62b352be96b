"""`oddflow flows`: meters captures into a flow table."""

from typing import Annotated

import typer

from oddflow.cli import cluster_metering, files, live, netflow, options
from oddflow.flows.settings import Payload


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="flows", help="Meter captures into a table of bidirectional flows.")(flows)


def flows(
    given: options.SourcesOrNone = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Write a .parquet, .arrow or .csv table; with --ray also a folder, or a URL, of tables by the hour, "
            "which is kept up to date: a second run does only what is new.",
            show_default=False,
        ),
    ] = None,
    merge: options.Merge = False,
    follow: files.Follow = False,
    workers: options.Workers = None,
    ray: cluster_metering.Ray = None,
    duration: options.Duration = 0.0,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    early: options.Early = 0,
    payload: options.KeptPayload = Payload.SESSION,
    tunnels: options.Tunnels = True,
    no_payload: options.NoPayload = False,
    pseudonymise: options.Pseudonymise = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Add the 76 statistics of CICFlowMeter to the table (with -o).")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows shown where no -o is given.")] = 20,
    interface: live.Interface = None,
    exporters: netflow.Address = None,
    promiscuous: live.Promiscuous = False,
    capture_filter: live.Filter = "",
    ring: live.RingMemory = live.RING_KIB,
    snap: live.Snap = live.SNAP_BYTES,
    user: live.User = None,
    interval: live.Interval = live.INTERVAL_S,
    metrics: live.Metrics = None,
    count: live.Packets = 0,
    rotate: live.Rotate = 0.0,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Meters files, follows one, or listens."""
    live.check_may_capture(interface)
    from oddflow.errors import UsageError
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import Privacy

    privacy = Privacy.of(payload=not no_payload, key=pseudonymise).shown_only()
    cut = MeterSettings(
        idle_timeout, active_timeout, max_flows=max_flows, datagram_timeout_s=datagram_timeout,
        early_packets=early, payload=payload, tunnels=tunnels,
    )  # fmt: skip
    sources = given or []
    if statistics and not output:
        raise UsageError("--statistics was given without -o; name the table that they go to")
    if (interface is not None) + (exporters is not None) + bool(sources) != 1:
        raise UsageError(
            "name captures to read, an interface to listen on with -i, or an address for exporters with --netflow: "
            "one of the three; see --help"
        )
    _check_given(interface or exporters, ray, merge=merge, follow=follow)
    shown = 0 if as_json else limit
    if exporters is not None:
        netflow.refuse(promiscuous=promiscuous, capture_filter=capture_filter)
        if (workers or 1) > 1:
            raise UsageError("--netflow has one worker; leave --workers out")
        if cut != MeterSettings():
            raise UsageError("exporters cut flows by their own rules: leave out what says how packets are metered")
        make_sink = live.tables(output, rotate=rotate, limit=shown, statistics=statistics, privacy=privacy)
        outcome = netflow.collect(
            exporters, make_sink, output,
            user=user, interval=interval, metrics=metrics, duration=duration, count=count,
        )  # fmt: skip
        live.end(outcome, {"netflow": exporters}, output, as_json=as_json, strict=strict)
        return
    if interface is not None:
        settings = live.sensor_settings(
            interface, promiscuous=promiscuous, capture_filter=capture_filter, ring_kib=ring, snap=snap,
            user=user, interval=interval, metrics=metrics, duration=duration, count=count, workers=workers or 1,
        )  # fmt: skip
        make_sink = live.tables(output, rotate=rotate, limit=shown, statistics=statistics, privacy=privacy)
        outcome = live.run(settings, privacy.settings(cut), make_sink, output)
        live.end(outcome, {"interface": interface}, output, as_json=as_json, strict=strict)
        return
    told = files.Told(output, limit, statistics, as_json, strict, privacy)
    if follow:
        if merge or (workers or 1) > 1:
            raise UsageError("--follow reads one file or folder, with one worker; leave --merge and --workers out")
        files.follow_file(sources, cut, told, duration_s=duration)
        return
    if duration:
        raise UsageError("--duration goes with -i, --netflow and --follow; files are read to their end")
    if ray is not None:
        cluster_metering.meter_files(sources, cut, told, merge=merge, address=ray, workers=workers)
        return
    files.meter_files(sources, cut, told, merge=merge, workers=workers or 1)


def _check_given(listening: str | None, ray: str | None, *, merge: bool, follow: bool) -> None:
    """Refuses options that mean nothing together."""
    from oddflow.errors import UsageError

    if listening and (merge or follow):
        raise UsageError("--merge and --follow go with files; leave them out where -i or --netflow listens")
    if ray is not None and (listening or follow):
        raise UsageError("--ray reads files to their end; leave it out where something is followed or listened to")
