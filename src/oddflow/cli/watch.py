"""`oddflow watch`: the odd flows of a live interface, as they come."""

from typing import Annotated, Any

import typer

from oddflow.cli import live, options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="watch", help="Listen on an interface and show the flows that do not fit, as they end.")(watch)


def watch(
    interface: Annotated[str, typer.Option("-i", "--interface", help=live.INTERFACE_HELP, show_default=False)],
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="A model that `learn` sealed.", show_default=False)
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False alarms you put up with: 10/day unless given, 2/hour, 1/week.")
    ] = None,
    false_alarm_rate: Annotated[
        float | None, typer.Option("--false-alarm-rate", help="Instead: a share of normal flows, like 0.001.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write the alerts, one JSON a line, as they come.")
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            min=0,
            help="Ended flows wait this long, to be judged in the order in which they ended; TCP connections that fell "
            "silent are known to have ended only after their time-out. Above it, results are those of `detect`.",
        ),
    ] = 15.0,
    home_net: options.HomeNet = None,
    max_flows: options.MaxFlows = 65_536,
    promiscuous: live.Promiscuous = False,
    capture_filter: live.Filter = "",
    ring: live.RingMemory = live.RING_KIB,
    user: live.User = None,
    interval: live.Interval = live.INTERVAL_S,
    metrics: live.Metrics = None,
    duration: options.Duration = 0.0,
    count: live.Packets = 0,
    as_json: options.Json = False,
    strict: options.Strict = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 4 where there was an alert.")
    ] = False,
) -> None:
    """Meters, scores and tells, until interrupted."""
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file

    if model is None:
        raise UsageError(
            "no model was given, and nothing here is known to be normal: learn one from traffic that you trust "
            "(`oddflow learn`) and name it with -m, or meter only with `oddflow flows -i`"
        )
    if output:
        check_place(output)
        if same_file(model, output):
            raise UsageError(f"{output} is the model; give the alerts another name")
    settings = live.sensor_settings(
        interface,
        promiscuous=promiscuous,
        capture_filter=capture_filter,
        ring_kib=ring,
        snap=live.SNAP_BYTES,
        user=user,
        interval=interval,
        metrics=metrics,
        duration=duration,
        count=count,
    )
    make_sink, meter = _judged_by(
        model, budget, false_alarm_rate, home_net,
        patience=patience, max_flows=max_flows, source=interface, output=output, quiet=as_json,
    )  # fmt: skip
    outcome = live.run(settings, meter, make_sink, output)
    live.end(outcome, interface, output, as_json=as_json, strict=strict)
    if fail_on_alert and outcome.alerts:
        raise typer.Exit(4)


def _judged_by(
    model: str,
    budget: str | None,
    false_alarm_rate: float | None,
    home_net: list[str] | None,
    *,
    patience: float,
    max_flows: int,
    source: str,
    output: str | None,
    quiet: bool,
) -> tuple[Any, Any]:
    """What makes the sink that scores flows, and how the model wants them cut; the model is read while it may be."""
    from dataclasses import replace

    from oddflow.cli import console
    from oddflow.cli.tables import alert_line
    from oddflow.errors import UsageError
    from oddflow.features.homes import PRIVATE, HomeNetworks
    from oddflow.flows.settings import MeterSettings
    from oddflow.models.format import read_sealed
    from oddflow.models.sealed import SealedModel
    from oddflow.sensor.alerting import AlertSink
    from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
    from oddflow.verdicts.representing import representation_of
    from oddflow.verdicts.watching import Watcher

    if budget is not None and false_alarm_rate is not None:
        raise UsageError("--budget and --false-alarm-rate were both given; give one")
    share = false_alarm_rate
    wanted = Budget.parse(budget or DEFAULT_BUDGET) if share is None else Budget.of_share(share)
    archive = read_sealed(model)
    manifest = archive.manifest
    homes = HomeNetworks(home_net or manifest.home_networks or PRIVATE)
    meter = replace(MeterSettings.of(manifest.meter), max_flows=max_flows)
    threshold = set_threshold(archive.held_back, wanted, manifest.flows_per_s)
    console.say(f"budget {threshold.budget}: {threshold.promise}")

    def show(row: Any) -> None:
        if not quiet:
            console.out.print(alert_line(row), soft_wrap=True)

    def make_sink(_: Any, owner: Any) -> Any:
        sealed = SealedModel(archive)  # in the worker's process: the runtime starts threads
        watcher = Watcher(
            sealed,
            representation_of(sealed, homes, max_flows),
            threshold=threshold.score,
            patience_s=patience,
            source=source,
        )
        return AlertSink(watcher, output, show, owner=owner)

    return make_sink, meter
