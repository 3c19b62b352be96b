"""`oddflow learn`: traffic to a sealed model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options
from oddflow.flows.settings import Payload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split
    from oddflow.features.gathering import Gathered
    from oddflow.features.matrix_settings import MatrixSettings
    from oddflow.losses import Ledger
    from oddflow.models.manifest import Manifest


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="learn", help="Learn what is normal from captures, logs or flow tables, and seal a model.")(learn)


def learn(
    sources: options.SourcesOrNone = None,
    *,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="The model file to write.", show_default=False)
    ] = None,
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
    packet_labels: Annotated[
        list[str] | None,
        typer.Option(
            "--packet-labels",
            metavar="FILE",
            help="In place of --labels: what each packet of a capture is, in lines of `packet number;label` (0: "
            "normal); one for each source, in their order.",
            show_default=False,
        ),
    ] = None,
    matrix: Annotated[
        str | None,
        typer.Option(
            "--matrix",
            metavar="ports|peers",
            help="Learn from traffic matrices: what a flow's source did lately, its ports or its peers × time. For "
            "detectors that read such, and those of images.",
            show_default=False,
        ),
    ] = None,
    matrix_counts: Annotated[
        str,
        typer.Option(
            "--matrix-counts", metavar="flows|packets|bytes", help="What the cells of a traffic matrix count."
        ),
    ] = "flows",
    matrix_slot: Annotated[
        float, typer.Option("--matrix-slot", metavar="SECONDS", help="How long its time slots are; there are 28.")
    ] = 2.0,
    augment: Annotated[
        str | None,
        typer.Option(
            "--augment",
            metavar="MAKER",
            help="For a detector that learns from attacks: make more of the rare kinds (conditional-gan, wgan-gp or "
            "vae). Only what is learnt holds them; thresholds are set without.",
            show_default=False,
        ),
    ] = None,
    augment_to: Annotated[
        float,
        typer.Option("--augment-to", help="Up to which share of the normal rows each kind of attack is brought."),
    ] = 0.1,
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
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Learn 16 rows by heart and write no model: says whether the network could learn at all, and what to "
            "look at if not.",
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option("--device", metavar="cpu|cuda|auto", help="What computes; auto is a GPU where there is one."),
    ] = "cpu",
    precision: Annotated[
        str,
        typer.Option("--precision", metavar="32|bf16|fp16", help="Bits of a number while learning; fp16 needs a GPU."),
    ] = "32",
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", help="How many share each batch; for large networks, on a CPU.")
    ] = 1,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="SIZE",
            help="Keep scaled rows that take more than this, like 512MiB, in a temporary file.",
            show_default=False,
        ),
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            "--checkpoints",
            metavar="FOLDER",
            help="Leave there where learning stands, and go on from there: the same command, broken off and given "
            "again, ends with the same model.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Each quarter of the time is scored by what the others taught; those scores set the threshold."""
    from oddflow import api, baselines
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import OPEN, Privacy
    from oddflow.losses import Ledger
    from oddflow.training.run import Run, bytes_of

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
    detector, given = registry.told(detector or registry.default(), option or [])
    if not (output or check):
        raise UsageError("expected -o MODEL.oddflow: where to write what is learnt")
    if bool(sources) == bool(dataset):
        raise UsageError("expected either SOURCE… or --dataset NAME to learn from")
    run = Run(
        device,
        precision,
        processes,
        memory_bytes=None if memory is None else bytes_of(memory),
        checkpoints=None if checkpoints is None else Path(checkpoints),
    )
    usual = MeterSettings(payload=payload if labels or packet_labels else Payload.SESSION)
    other = merge or windows or home_net or settings != usual or privacy != OPEN
    if (dataset or labels or packet_labels) and other:
        raise UsageError(baselines.LABELS_ALONE)
    wanted = registry.sealable(detector)
    drawn = _drawn(matrix, matrix_counts, matrix_slot)
    if dataset:
        if portable or labels or packet_labels or matrix:
            raise UsageError(
                "a --dataset has features and labels of its own; leave out --portable, --matrix and labels"
            )
        told = _tell_leaks if leak_checks else None
        gathered = baselines.gather_dataset(
            dataset,
            data,
            split=split,
            seed=seed,
            ledger=ledger,
            leaks=told,
            attacks=wanted.supervised,
            reads=wanted.reads,
        )
    elif labels or packet_labels:
        with console.moving(None, f"reading {', '.join(sources or [])}"):
            gathered = baselines.gather_labelled(
                *(sources or []),
                truth=labels,
                packet_labels=packet_labels or [],
                portable=portable,
                ledger=ledger,
                detector=detector,
                matrix=drawn,
                payload=payload,
            )
    else:
        with console.reading(sources or [], "metering") as progress:
            gathered = baselines.gather(
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
                matrix=drawn,
            )
    if check:
        _check(gathered, detector, seed, given, as_json=as_json)
        return
    with console.epochs() as told:
        model = api.learn_gathered(
            gathered,
            output,
            detector=detector,
            seed=seed,
            logdir=logdir,
            told=told,
            augment=augment,
            augment_to=augment_to,
            run=run,
            **given,
        )
    if as_json:
        console.print_json(model.manifest.model_dump(mode="json"))
    else:
        _say(model.manifest, gathered, ledger, output)
    if strict and not ledger.complete:
        raise options.Lost


def _check(gathered: "Gathered", detector: str, seed: int, given: "Mapping[str, Any]", *, as_json: bool) -> None:
    """Says whether a network can learn a few rows by heart; exits with 1 where it cannot."""
    from dataclasses import asdict

    from oddflow.cli import console
    from oddflow.learning.check import overfit

    found = overfit(gathered, detector, seed=seed, **given)
    if as_json:
        console.print_json(asdict(found))
    else:
        verdict = "passed" if found.passed else "failed"
        losses = f"the loss of {found.rows} rows went from {found.first:.4g} to {found.last:.4g} in {found.steps} steps"
        console.say(f"check {verdict}: {losses}" + (f"; {found.advice}" if found.advice else ""))
    if not found.passed:
        raise typer.Exit(1)


def _say(manifest: "Manifest", gathered: "Gathered", ledger: "Ledger", output: str | None) -> None:
    """What was learnt, of what, what was lost on the way, and what to do next."""
    from oddflow.cli import console
    from oddflow.models.kinds import is_of_feature_set
    from oddflow.reports.gradients import gradient_words
    from oddflow.reports.samples import sample_words

    of_set = is_of_feature_set(manifest)
    read = ", ".join(seen.name for seen in gathered.seen)
    console.say(f"{manifest.detector} learnt {gathered.flows:,} {'rows' if of_set else 'flows'} of {read}: {output}")
    if len(gathered.owners) and len(gathered.x) < ledger.metered:
        console.say(f"its first {len(gathered.x):,} packets, that is: so many are kept")
    for remark in [*sample_words(manifest), *gradient_words(manifest)]:
        console.say(remark)
    console.show_ledger(ledger)
    if not of_set:
        console.say(f"next: oddflow detect YOUR.pcap -m {output} --report odd.html")


def _drawn(rows: str | None, counts: str, slot_s: float) -> "MatrixSettings | None":
    """How matrices are drawn; None where nothing is said of them, and the detector decides."""
    if rows is None and (counts, slot_s) == ("flows", 2.0):
        return None
    from oddflow.errors import UsageError
    from oddflow.features.matrix_settings import MatrixCounts, MatrixRows, MatrixSettings

    for option, word, words in (("--matrix", rows or "ports", MatrixRows), ("--matrix-counts", counts, MatrixCounts)):
        if word not in list(words):
            raise UsageError(f"{option} must be one of {', '.join(words)}; {word!r} given")
    return MatrixSettings(MatrixRows(rows or "ports"), MatrixCounts(counts), slot_s)


def _tell_leaks(findings: "Sequence[Finding]", split: "Split") -> None:
    from oddflow.cli import dataset_show

    dataset_show.say_leaks(findings, split.name)
