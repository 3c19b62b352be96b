"""`oddflow watch`: the odd flows of an interface, of exporters or of a source that grows, as they come."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import following, live, netflow, options, telling

if TYPE_CHECKING:
    from oddflow.enrichment.enrichment import Enrichment
    from oddflow.logs.privacy import Privacy
    from oddflow.models.format import Archive
    from oddflow.outputs.outputs import OutputSettings
    from oddflow.verdicts.collective.groups import GroupSettings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="watch", help="Listen, and show flows that do not fit, joined into incidents, as they come.")(
        watch
    )


def watch(
    source: following.Source = None,
    interface: Annotated[
        str | None, typer.Option("-i", "--interface", help=live.INTERFACE_HELP, show_default=False)
    ] = None,
    exporters: netflow.Address = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A model that `learn` sealed: its file, or its name in the registry.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False alarms you put up with: 10/day unless given, 2/hour, 1/week.")
    ] = None,
    false_alarm_rate: Annotated[
        float | None, typer.Option("--false-alarm-rate", help="Instead: a share of normal flows, like 0.001.")
    ] = None,
    fdr: options.Fdr = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Write the alerts, one JSON a line, as they come.")
    ] = None,
    feedback: options.Feedback = None,
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
    intelligence: options.Intelligence = None,
    geoip: options.GeoIp = None,
    to: telling.To = None,
    spool: telling.SpoolFolder = None,
    spool_limit: telling.SpoolLimit = telling.LIMIT_MIB,
    deliver_for: telling.DeliverFor = telling.DELIVER_FOR_S,
    trust: options.Trust = None,
    registry: options.Registry = None,
    home_net: options.HomeNet = None,
    no_payload: options.NoPayload = False,
    pseudonymise: options.Pseudonymise = None,
    max_flows: options.MaxFlows = 65_536,
    max_groups: options.MaxGroups = 131_072,
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
    live.check_may_capture(interface)
    from oddflow.cli import opening
    from oddflow.enrichment.enrichment import Enrichment
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file
    from oddflow.logs.privacy import Privacy
    from oddflow.logs.source import name_of
    from oddflow.verdicts.collective.groups import GroupSettings

    if model is None:
        raise UsageError(
            "no model was given, and nothing here is known to be normal: learn one from traffic that you trust "
            "(`oddflow learn`) and name it with -m, or meter only with `oddflow flows -i`"
        )
    if sum(given is not None for given in (source, interface, exporters)) != 1:
        raise UsageError(
            "name an interface to listen on with -i, an address for exporters with --netflow, or a capture or log that "
            "grows: one of the three"
        )
    model, called = opening.find(model, registry)
    if output:
        check_place(output)
        for taken, what in ((model, "the model"), (source, "the source"), (feedback, "the feedback")):
            if taken and same_file(taken, output):
                raise UsageError(f"{output} is {what}; give the alerts another name")
    asked = telling.settings(to, spool, spool_limit, min(deliver_for, telling.MOST_LIVE_S))
    place = output or (asked.place if asked else None)
    judged = partial(
        _judged_by, opening.read(model, trust, called), called, budget, false_alarm_rate, fdr, home_net,
        patience=patience, max_flows=max_flows, groups=GroupSettings(max_groups),
        output=output, quiet=as_json, feedback=feedback,
        privacy=Privacy.of(payload=not no_payload, key=pseudonymise), asked=asked,
        enrichment=Enrichment.of(intelligence, geoip, is_pseudonymised=pseudonymise is not None),
    )  # fmt: skip
    if source is not None:
        following.refuse(promiscuous=promiscuous, capture_filter=capture_filter, metrics=metrics, count=count)
        make_sink, meter = judged(source=name_of(source))
        outcome = following.follow(source, make_sink, meter, duration=duration)
        live.end(outcome, {"source": name_of(source)}, output, as_json=as_json, strict=strict)
    elif exporters is not None:
        netflow.refuse(promiscuous=promiscuous, capture_filter=capture_filter)
        make_sink, _ = judged(source=exporters, portable=True)
        outcome = netflow.collect(
            exporters, make_sink, place,
            user=user, interval=interval, metrics=metrics, duration=duration, count=count,
        )  # fmt: skip
        live.end(outcome, {"netflow": exporters}, output, as_json=as_json, strict=strict)
    elif interface is not None:
        settings = live.sensor_settings(
            interface, promiscuous=promiscuous, capture_filter=capture_filter, ring_kib=ring, snap=live.SNAP_BYTES,
            user=user, interval=interval, metrics=metrics, duration=duration, count=count,
        )  # fmt: skip
        make_sink, meter = judged(source=interface)
        outcome = live.run(settings, meter, make_sink, place)
        live.end(outcome, {"interface": interface}, output, as_json=as_json, strict=strict)
    if fail_on_alert and outcome.alerts:
        raise typer.Exit(4)


def _judged_by(
    archive: "Archive",
    model: str,
    budget: str | None,
    false_alarm_rate: float | None,
    fdr: float | None,
    home_net: list[str] | None,
    *,
    patience: float,
    max_flows: int,
    groups: "GroupSettings",
    source: str,
    output: str | None,
    quiet: bool,
    privacy: "Privacy",
    feedback: str | None = None,
    asked: "OutputSettings | None" = None,
    enrichment: "Enrichment | None" = None,
    portable: bool = False,
) -> tuple[Any, Any]:
    """What makes the sink that scores flows, and how the model wants them cut; the model is read while it may be.

    A source that is `portable` knows only what all sources know: a model that needs more is refused.
    """
    from dataclasses import replace

    from oddflow.cli import console
    from oddflow.cli.incident_table import incident_line
    from oddflow.errors import SchemaMismatch
    from oddflow.features.portable import PORTABLE
    from oddflow.models.sealed import SealedModel
    from oddflow.sensor.alerting import AlertSink
    from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, by_discovery, set_threshold
    from oddflow.verdicts.calibration import Calibration
    from oddflow.verdicts.collective.stage import Collective
    from oddflow.verdicts.discovering import OnlineDiscovery
    from oddflow.verdicts.feedback.feedback import FollowedFeedback
    from oddflow.verdicts.prepared import Prepared
    from oddflow.verdicts.watching import Watcher

    options.check_budget(budget, false_alarm_rate, fdr)
    discovery = OnlineDiscovery(fdr) if fdr is not None else None
    share = false_alarm_rate
    wanted = Budget.parse(budget or DEFAULT_BUDGET) if share is None else Budget.of_share(share)
    manifest = archive.manifest
    prepared = Prepared.of(manifest, privacy, home_net)
    if portable and prepared.version != PORTABLE.version:
        raise SchemaMismatch(
            f"{model} was learnt on more than exporters tell, like payloads and packet lengths; learn one on what all "
            "sources know: `oddflow learn --portable`"
        )
    meter = replace(prepared.settings, max_flows=max_flows)
    said = FollowedFeedback(feedback) if feedback else None
    held_back = archive.held_back
    if said:
        held_back = said.now().calibrated(held_back, wanted.allowed_share(manifest.flows_per_s))
    threshold = (
        set_threshold(held_back, wanted, manifest.flows_per_s, Calibration(archive.sample))
        if discovery is None
        else by_discovery(archive.held_back, discovery.share)
    )
    console.say(f"budget {threshold.budget}: {threshold.promise}")
    for remark in enrichment.remarks() if enrichment else ():
        console.say(remark)

    def show(incident: Any, new: bool) -> None:
        if not quiet:
            console.out.print(incident_line(incident, new=new), soft_wrap=True)

    def make_sink(_: Any, owner: Any) -> Any:
        sealed = SealedModel(archive)  # in the worker's process: the runtime starts threads
        watcher = Watcher(
            sealed,
            prepared.representation(sealed, max_flows),
            threshold=threshold.score,
            promised=threshold.expected_false,
            patience_s=patience,
            source=source,
            privacy=prepared.privacy,
            enrichment=enrichment,
            feedback=said,
            discovery=discovery,
            collective=Collective.of(sealed, wanted, groups),
        )
        return AlertSink(
            watcher, output, show,
            owner=owner, told=telling.Telling(asked, owner), say=live.say_with_time(console.say),
        )  # fmt: skip

    return make_sink, meter
