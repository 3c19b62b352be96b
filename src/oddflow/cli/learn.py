"""`oddflow learn`: traffic to a sealed model."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import cluster_learning, learning_on, options
from oddflow.flows.settings import Payload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oddflow.cli.learning_rows import Reading
    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split
    from oddflow.features.gathering import Gathered
    from oddflow.features.matrix_settings import MatrixSettings
    from oddflow.learning.transfer import Origin
    from oddflow.losses import Ledger
    from oddflow.models.manifest import Manifest
    from oddflow.models.stamp import Stamp
    from oddflow.reports.fits import Fits
    from oddflow.training.loop import Epoch
    from oddflow.training.run import Run


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
            metavar="MAKER[:OPTION=VALUE…]",
            help="Make more rows to learn from: attacks of the rare kinds (conditional-gan, wgan-gp, vae, smote, "
            "oversample), fewer normal ones (undersample), or flows as another sensor had seen them, normal ones too "
            "(traffic, or traffic:loss=0.1:jitter=0.5:truncate=0:pad=0). Thresholds are set without them.",
            show_default=False,
        ),
    ] = None,
    augment_to: Annotated[
        float,
        typer.Option(
            "--augment-to",
            help="Up to which share of the normal rows each kind of attack is brought; traffic makes as large a share "
            "of normal rows.",
        ),
    ] = 0.1,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin from the weights of a sealed model of the same detector: transfer from other traffic.",
            show_default=False,
        ),
    ] = None,
    updated: Annotated[
        str | None,
        typer.Option(
            "--update",
            metavar="MODEL",
            help="Learn on: from what this model lets pass of the sources, beginning from its weights where its "
            "detector can. What it raises an alert on is never learnt, unless people called it benign. Detector, "
            "options and how flows are cut are the model's.",
            show_default=False,
        ),
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            "--feedback",
            metavar="FILE",
            help="With --update: what people said of its alerts (see `oddflow feedback`).",
            show_default=False,
        ),
    ] = None,
    frozen: Annotated[
        str,
        typer.Option(
            "--frozen",
            metavar="LAYERS|all",
            help="With --from: how many layers stand still, from below; all: all but the last, a feature extractor.",
        ),
    ] = "0",
    lower_rate: Annotated[
        float,
        typer.Option("--lower-rate", help="With --from: the learning rate of its layers, as a share of the others'."),
    ] = 1.0,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled",
            metavar="SOURCE",
            help="Traffic without labels, which a network that learns from labels looks at beside: as --option "
            "use=masked|pseudo-labels|consistency says. May be repeated.",
            show_default=False,
        ),
    ] = None,
    labelled_share: Annotated[
        float,
        typer.Option("--labelled-share", help="Keep so many of the labels, and take all else as --unlabelled."),
    ] = 1.0,
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
    logdir: Annotated[
        str | None,
        typer.Option(
            "--logdir",
            help="Write what TensorBoard shows there: curves, gradients, histograms, the network, its codes, pictures.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(
            "--report",
            help="Write an HTML page of how it learnt, that needs no network: curves, what they tell, scores.",
            show_default=False,
        ),
    ] = None,
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
        int,
        typer.Option(
            "--processes",
            metavar="N",
            help="How many share each batch; for large networks, on a CPU, or with --ray on as many GPUs.",
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS|local",
            help="Let the processes of a Ray cluster read the sources, each one, and learn: HOST:PORT, auto, or local "
            "for this machine alone. What learns in epochs does so by Ray Train; robust-pca and histograms by passes "
            "over rows that stay where they are. The model is the one that as many processes here would learn; where "
            "one dies, others go on.",
            show_default=False,
        ),
    ] = None,
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
    licence: Annotated[
        str,
        typer.Option("--licence", metavar="TEXT", help="Who may use the model: words, or an SPDX name like CC-BY-4.0."),
    ] = "",
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="What its users should know; `inspect` shows it.")
    ] = "",
    sign: Annotated[
        str | None,
        typer.Option(
            "--sign",
            metavar="KEYFILE",
            help="Sign the model with this key (see `oddflow keys new --signing`).",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Each quarter of the time is scored by what the others taught; those scores set the threshold."""
    from oddflow import api
    from oddflow.cli import console
    from oddflow.cli.learning_rows import Reading
    from oddflow.detectors import registry
    from oddflow.files import write_whole
    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import Privacy
    from oddflow.reports import learning
    from oddflow.reports.fits import Fits
    from oddflow.training.run import Run, bytes_of

    _check_call(sources, dataset, output, check=check)
    elsewhere = cluster_learning.training(ray)
    if updated or feedback:
        own = (detector, option, portable, windows, dataset, labels, packet_labels, matrix, augment, origin, logdir,
               unlabelled, report, check, home_net, memory)  # fmt: skip
        learning_on.update(
            updated, sources or [], output, feedback,
            alone=not any(own) and (payload, idle_timeout, datagram_timeout, active_timeout, max_flows, tunnels)
            == (Payload.SESSION, 300.0, 10.0, 1_800.0, 65_536, True),
            seed=seed, merge=merge, privacy=Privacy.of(payload=not no_payload, key=pseudonymise),
            run=Run(
                device,
                precision,
                processes,
                checkpoints=None if checkpoints is None else Path(checkpoints),
                elsewhere=elsewhere,
            ),
            stamp=_stamp(licence, note, sign), as_json=as_json, strict=strict,
        )  # fmt: skip
        return
    detector, given = registry.told(detector or registry.default(), option or [])
    run = Run(
        device,
        precision,
        processes,
        memory_bytes=None if memory is None else bytes_of(memory),
        checkpoints=None if checkpoints is None else Path(checkpoints),
        elsewhere=elsewhere,
    )
    options.check_report(report, [*(sources or []), *filter(None, [labels, output])])
    stamp = _stamp(licence, note, sign)
    begun = _origin(origin, frozen, lower_rate)
    joined = ExitStack()
    reading = Reading(
        detector,
        MeterSettings(
            idle_timeout,
            active_timeout,
            max_flows=max_flows,
            datagram_timeout_s=datagram_timeout,
            tunnels=tunnels,
            payload=payload,
        ),
        Privacy.of(payload=not no_payload, key=pseudonymise),
        home_net,
        _drawn(matrix, matrix_counts, matrix_slot),
        portable=portable,
        windows=windows,
        merge=merge,
    )
    if dataset:
        reading.check_data_set(labels or packet_labels or matrix)
        gathered = reading.of_data_set(dataset, data, split, seed=seed, leaks=_tell_leaks if leak_checks else None)
    elif labels or packet_labels:
        gathered = reading.of_labelled(sources or [], labels, packet_labels or [])
    else:
        apart = labelled_share == 1 and not (check or augment or unlabelled or origin)
        gathered, run = _gathered(reading, sources or [], ray, run, joined, apart=apart)
    if check:
        _check(gathered, detector, seed, given, begun, as_json=as_json)
        return
    beside = reading.of_sources(unlabelled, "metering what has no labels") if unlabelled else None
    most_epochs = registry.epochs_of(detector, given)
    fits = Fits(most_epochs)
    with joined, console.epochs(most_epochs, silent=as_json) as view:

        def watched(epoch: "Epoch") -> None:
            fits(epoch)
            view(epoch)

        model = api.learn_gathered(
            gathered,
            output,
            detector=detector,
            seed=seed,
            logdir=logdir,
            told=watched,
            augment=augment,
            augment_to=augment_to,
            run=run,
            origin=begun,
            unlabelled=beside,
            labelled_share=labelled_share,
            stamp=stamp,
            **given,
        )
    if report:
        write_whole(report, learning.render(model.manifest, model.held_back, fits.all, reading.ledger))
    if as_json:
        console.print_json(model.manifest.model_dump(mode="json"))
    else:
        _say_fitting(fits, report)
        _say(model.manifest, gathered, reading.ledger, output)
    if strict and not reading.ledger.complete:
        raise options.Lost


def _gathered(
    reading: "Reading", sources: list[str], ray: str | None, run: "Run", joined: ExitStack, *, apart: bool
) -> "tuple[Gathered, Run]":
    """What is read here or on a cluster, and how it is learnt: there too, where rows may stay there."""
    from oddflow.detectors import registry

    if ray is None:
        return reading.of_sources(sources), run
    gathered, fitting = cluster_learning.gathered(ray, reading, sources, joined, apart=apart)
    return gathered, run if registry.learns_in_epochs(reading.detector) else replace(run, elsewhere=fitting)


def _check_call(sources: list[str] | None, dataset: str | None, output: str | None, *, check: bool) -> None:
    """Refuses a call that says not what to learn, or not where to write it."""
    from oddflow.errors import UsageError

    if not (output or check):
        raise UsageError("expected -o MODEL.oddflow: where to write what is learnt")
    if bool(sources) == bool(dataset):
        raise UsageError("expected either SOURCE… or --dataset NAME to learn from")


def _stamp(licence: str, note: str, key: str | None) -> "Stamp":
    """What is put on the model at the end; the key is read before the work begins."""
    from oddflow.models.signing_keys import read_signing_key
    from oddflow.models.stamp import Stamp

    return Stamp(licence, note, None if key is None else read_signing_key(key))


def _origin(model: str | None, frozen: str, lower_rate: float) -> "Origin | None":
    """The model that learning begins from, and how much of it stands still."""
    from oddflow.errors import UsageError

    if model is None:
        if (frozen, lower_rate) != ("0", 1.0):
            raise UsageError("--frozen and --lower-rate go with --from MODEL")
        return None
    from oddflow.detectors import registry
    from oddflow.models.sealed import SealedModel

    if not (frozen == "all" or frozen.isdecimal()):
        raise UsageError(f"--frozen must be a number of layers, or all; {frozen!r} given")
    sealed = SealedModel.load(model)
    if not registry.installed("autoencoder"):
        raise UsageError("--from needs torch: pip install 'oddflow[train]'")
    from oddflow.learning.transfer import Origin
    from oddflow.training.beginning import ALL

    return Origin(sealed, ALL if frozen == "all" else int(frozen), lower_rate)


def _check(
    gathered: "Gathered",
    detector: str,
    seed: int,
    given: "Mapping[str, Any]",
    origin: "Origin | None",
    *,
    as_json: bool,
) -> None:
    """Says whether a network can learn a few rows by heart; an error where it cannot."""
    from dataclasses import asdict

    from oddflow.cli import console
    from oddflow.errors import LearningFailed
    from oddflow.learning.check import overfit

    found = overfit(gathered, detector, seed=seed, origin=origin, **given)
    losses = f"the loss of {found.rows} rows went from {found.first:.4g} to {found.last:.4g} in {found.steps} steps"
    if as_json:
        console.print_json(asdict(found))
    if not found.passed:
        raise LearningFailed(f"check failed: {losses}; {found.advice}")
    if not as_json:
        console.say(f"check passed: {losses}")


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


def _say_fitting(fits: "Fits", report: str | None) -> None:
    """What the losses of the fit that was sealed give reason to worry about."""
    from oddflow.cli import console
    from oddflow.reports.fitting import remarks

    for remark in remarks(fits.all[-1]) if fits.all else []:
        if remark.grave:
            console.say(f"{remark.verdict.value}: {remark.evidence}; {remark.advice}")
    if report:
        console.say(f"page in {report}")


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
