"""`oddflow detect`: the main job."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import cluster_metering, options, telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddflow.verdicts.detection import Detection


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="detect", help="Show the flows that do not fit, joined into incidents, ranked and explained.")(
        detect
    )


def detect(
    sources: options.Sources,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A model that `learn` sealed: its file, or its name in the registry, like office or office@3. Without "
            "one, the capture itself is learnt from.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", help="False alarms you put up with: 10/day unless given, 2/hour, 1/week; with a model."
        ),
    ] = None,
    false_alarm_rate: Annotated[
        float | None, typer.Option("--false-alarm-rate", help="Instead: a share of normal flows, like 0.001.")
    ] = None,
    fdr: options.Fdr = None,
    report: Annotated[str | None, typer.Option("--report", help="Write an HTML page that needs no network.")] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write the alerts, one JSON a line.")] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="A CSV of what really happened: found, missed and false are shown.")
    ] = None,
    feedback: options.Feedback = None,
    show_suppressed: Annotated[
        bool, typer.Option("--show-suppressed", help="Show the alerts that feedback hides, too, apart from the others.")
    ] = False,
    trust: options.Trust = None,
    registry: options.Registry = None,
    triage: Annotated[
        str | None,
        typer.Option(
            "--triage",
            metavar="POLICY",
            help="Order the rows as a policy would look at them that `triage learn` sealed, not by score.",
            show_default=False,
        ),
    ] = None,
    triage_minutes: Annotated[
        float, typer.Option("--triage-minutes", min=1, help="With --triage: the analyst's minutes.")
    ] = 60,
    merge: options.Merge = False,
    ray: cluster_metering.Ray = None,
    workers: cluster_metering.Workers = None,
    no_payload: options.NoPayload = False,
    pseudonymise: options.Pseudonymise = None,
    home_net: options.HomeNet = None,
    max_groups: options.MaxGroups = 131_072,
    intelligence: options.Intelligence = None,
    geoip: options.GeoIp = None,
    to: telling.To = None,
    spool: telling.SpoolFolder = None,
    spool_limit: telling.SpoolLimit = telling.LIMIT_MIB,
    deliver_for: telling.DeliverFor = telling.DELIVER_FOR_S,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, help="Show so many rows of odd flows below the incidents.", show_default=False),
    ] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 4 where there is an alert.")
    ] = False,
) -> None:
    """Meters, scores and ranks in one pass."""
    from oddflow import api
    from oddflow.cli import console, opening
    from oddflow.enrichment.enrichment import Enrichment
    from oddflow.files import write_whole
    from oddflow.logs.privacy import Privacy
    from oddflow.reports.page import render
    from oddflow.verdicts.record import write_alerts

    _check_given(model, budget, false_alarm_rate, fdr, trust)
    cluster_metering.check_given(ray, workers, model)
    privacy = Privacy.of(payload=not no_payload, key=pseudonymise)
    sealed = None
    if model is not None:
        model, called = opening.find(model, registry)
        sealed = opening.load(model, trust, called)
    _check_places([*sources, *filter(None, (model, truth, feedback, triage))], output, report)
    in_order = _triage(triage, triage_minutes)
    enrichment = Enrichment.of(intelligence, geoip, is_pseudonymised=pseudonymise is not None)
    receivers = telling.Telling(telling.settings(to, spool, spool_limit, deliver_for))
    if model is None and not as_json:
        console.say(
            "no model was given: learning from the capture itself, with robust-pca: each eighth of it is judged "
            "by the rest, so most of the traffic should be normal"
        )
    try:
        receivers.begin()
        with (
            cluster_metering.reader(ray, workers) as on_cluster,
            console.reading(sources, "looking for odd flows") as progress,
        ):
            detection = api.detect(
                *sources,
                model=sealed,
                budget=budget,
                false_alarm_rate=false_alarm_rate,
                fdr=fdr,
                truth=truth,
                home_networks=home_net,
                progress=progress,
                merge=merge,
                privacy=privacy,
                enrichment=enrichment,
                feedback=feedback,
                max_groups=max_groups,
                read=None if on_cluster is None else on_cluster.read,
            )
        detection = in_order(detection)
    except BaseException:
        receivers.abandon()
        raise
    try:
        if output:
            write_alerts(output, (alert for row in detection.rows for alert in row.alerts))
        if report:
            write_whole(report, render(detection))
        receivers.emit(alert for row in detection.rows for alert in row.alerts)
        receivers.emit(detection.incidents)
    finally:  # a full disk must not hide what was found
        is_told = receivers.close_after(detection, rows, suppressed=show_suppressed, as_json=as_json)
    for place, what in ((output, "alerts"), (report, "report")):
        if place:
            console.say(f"{what} in {place}")
    if strict and not (detection.ledger.complete and is_told):
        raise options.Lost
    if fail_on_alert and detection.rows:
        raise typer.Exit(4)


def _triage(path: str | None, minutes: float) -> "Callable[[Detection], Detection]":
    """What orders the rows; a file that is no policy is refused before the work begins."""
    if path is None:
        return lambda detection: detection
    from functools import partial

    from oddflow.verdicts.triage.order import load_policy, triaged

    return partial(triaged, policy=load_policy(path), minutes=minutes)


def _check_given(
    model: str | None, budget: str | None, rate: float | None, fdr: float | None, trust: list[str] | None
) -> None:
    """Refuses options that mean nothing together."""
    from oddflow.errors import UsageError

    options.check_budget(budget, rate, fdr)
    if model is None and any(given is not None for given in (budget, rate, fdr)):
        raise UsageError(
            "without a model nothing is known to be normal, so no budget can be kept; learn one "
            "(`oddflow learn`) and name it with -m, or leave --budget, --false-alarm-rate and --fdr out"
        )
    if model is None and trust:
        raise UsageError("--trust says whose models to take, and none was given; name one with -m")


def _check_places(read: list[str], output: str | None, report: str | None) -> None:
    """Refuses, before the work begins, places that cannot be written to or that are read."""
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file

    for path in filter(None, (output, report)):
        check_place(path)
        if any(same_file(path, given) for given in read):
            raise UsageError(f"{path} is read, too; give what is written another name")
    if output and output == report:
        raise UsageError(f"{output} cannot hold both the alerts and the report; give two names")
