"""`oddflow learn`: traffic to a sealed model."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options
from oddflow.flows.settings import Payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="learn", help="Learn what is normal from captures, logs or flow tables, and seal a model.")(learn)


def learn(
    sources: options.SourcesOrNone = None,
    *,
    output: Annotated[str, typer.Option("-o", "--output", help="The model file to write.", show_default=False)],
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector", help="By name (see `oddflow detectors`); autoencoder where torch is, else robust-pca."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="NAME=VALUE",
            help="An option of the detector, like epochs=20 or hidden=64,16; may be repeated. Its page has them all.",
            show_default=False,
        ),
    ] = None,
    portable: Annotated[
        bool,
        typer.Option(
            "--portable",
            help="Learn only from what captures, logs and exporters all know: ends, times, packets and bytes. The "
            "model then serves each of them, and sees less than one learnt on captures.",
        ),
    ] = False,
    windows: Annotated[
        bool,
        typer.Option(
            "--windows",
            help="Learn also from the windows of hosts and services: entropies of addresses and ports, their "
            "divergence from the past, correlations, hours of the day, what is new. Not with labels.",
        ),
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="In place of sources: learn the normal rows of a data set (see `oddflow datasets list`).",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="With --dataset, which rows are learnt from: official, stratified, time, host, capture, k-fold or "
            "stratified-k-fold (the first fold).",
        ),
    ] = "official",
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="TRUTH.csv",
            help="What the flows of the sources are (see `oddflow detect --truth`), for a detector that learns from "
            "attacks too.",
            show_default=False,
        ),
    ] = None,
    leak_checks: Annotated[
        bool, typer.Option(" /--no-leak-checks", help="With --dataset: do not look for leaks in the split.")
    ] = True,
    merge: options.Merge = False,
    payload: options.KeptPayload = Payload.SESSION,
    no_payload: options.NoPayload = False,
    pseudonymise: options.Pseudonymise = None,
    home_net: options.HomeNet = None,
    idle_timeout: options.IdleTimeout = 300.0,
    datagram_timeout: options.DatagramTimeout = 10.0,
    active_timeout: options.ActiveTimeout = 1_800.0,
    max_flows: options.MaxFlows = 65_536,
    tunnels: options.Tunnels = True,
    seed: options.Seed = 0,
    logdir: Annotated[str | None, typer.Option("--logdir", help="Write TensorBoard curves there.")] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Each quarter of the time is scored by what the others taught; those scores set the threshold."""
    from oddflow import api
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import OPEN, Privacy
    from oddflow.losses import Ledger
    from oddflow.models.kinds import is_of_feature_set

    ledger = Ledger()
    settings = MeterSettings(
        idle_timeout,
        active_timeout,
        max_flows=max_flows,
        datagram_timeout_s=datagram_timeout,
        tunnels=tunnels,
        payload=payload,
    )
    privacy = Privacy.of(payload=not no_payload, key=pseudonymise)
    given = registry.parsed(detector or registry.default(), option or [])
    if bool(sources) == bool(dataset):
        raise UsageError("expected either SOURCE… or --dataset NAME to learn from")
    if (dataset or labels) and (merge or home_net or windows or settings != MeterSettings() or privacy != OPEN):
        raise UsageError(api.LABELS_ALONE)
    attacks = registry.find(detector or registry.default()).supervised
    if dataset:
        if portable or labels:
            raise UsageError("a --dataset has features and labels of its own; leave out --portable and --labels")
        told = _tell_leaks if leak_checks else None
        gathered = api.gather_dataset(dataset, data, split=split, seed=seed, ledger=ledger, leaks=told, attacks=attacks)
    elif labels:
        with console.moving(None, f"reading {', '.join(sources or [])}"):
            gathered = api.gather_labelled(*(sources or []), truth=labels, portable=portable, ledger=ledger)
    else:
        with console.reading(sources or [], "metering") as progress:
            gathered = api.gather(
                *(sources or []),
                settings=settings,
                home_networks=home_net,
                ledger=ledger,
                progress=progress,
                merge=merge,
                portable=portable,
                windows=windows,
                privacy=privacy,
                detector=detector,
            )
    with console.epochs() as told:
        model = api.learn_gathered(gathered, output, detector=detector, seed=seed, logdir=logdir, told=told, **given)
    manifest = model.manifest
    if as_json:
        console.print_json(manifest.model_dump(mode="json"))
    else:
        what = "rows" if is_of_feature_set(manifest) else "flows"
        read = ", ".join(seen.name for seen in gathered.seen)
        console.say(f"{manifest.detector} learnt {gathered.flows:,} {what} of {read}: {output}")
        console.show_ledger(ledger)
        if not is_of_feature_set(manifest):
            console.say(f"next: oddflow detect YOUR.pcap -m {output} --report odd.html")
    if strict and not ledger.complete:
        raise options.Lost


def _tell_leaks(findings: "Sequence[Finding]", split: "Split") -> None:
    from oddflow.cli import dataset_show

    dataset_show.say_leaks(findings, split.name)
