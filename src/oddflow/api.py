"""The front door in Python: flows, learn, detect.

>>> import oddflow
>>> capture = oddflow.examples() / "office-incident.pcap.zst"
>>> sum(batch.num_rows for batch in oddflow.flows(capture)) > 1000
True
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oddflow.baselines import LABELS_ALONE, WANTED, Source, gather, gather_labelled, names_of
from oddflow.capture.capture_set import CaptureSet, passes_once
from oddflow.capture.remote import is_local, is_url
from oddflow.datasets.truth import GroundTruth
from oddflow.enrichment.enrichment import Enrichment
from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.context import ContextSettings
from oddflow.features.full import BYTELESS, FULL
from oddflow.features.gathering import Gathered
from oddflow.features.gathering import gather as gather_rows
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads
from oddflow.features.tabular import KINDS, Tabular
from oddflow.features.versions import reads_of
from oddflow.files import check_place, examples_folder
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, arrange, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.format import WEIGHTS
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, by_discovery, far_out, set_threshold
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.collective.groups import GroupSettings
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.detecting import detect as detect_in
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.prepared import Prepared

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from oddflow.detectors.base import Detector
    from oddflow.learning.augment import Augmentation
    from oddflow.learning.transfer import Origin
    from oddflow.learning.update import Compared
    from oddflow.learning.work import Work
    from oddflow.logs import source as logs
    from oddflow.models.stamp import Stamp
    from oddflow.training.loop import EpochTold
    from oddflow.training.run import Run
    from oddflow.tuning.folds import Dealing
    from oddflow.tuning.search import Plan
    from oddflow.tuning.tuned import Tuned


def flows(
    *sources: Source | Sequence[Source],
    settings: MeterSettings | None = None,
    ledger: Ledger | None = None,
    merge: bool = False,
    privacy: Privacy = OPEN,
) -> Iterator[pa.RecordBatch]:
    """Meters captures (or reads logs and flow tables) into Arrow record batches of `oddflow.schema.FLOW_SCHEMA`.

    Args:
        sources: Paths, URLs, or "-" for standard input, one by one or as a list; a folder is one capture.
        settings: How flows are cut.
        ledger: Told of all that is lost.
        merge: Reads all sources as one capture, in the order of time.
        privacy: What the flows may tell: whether they carry payload, and pseudonyms.

    Raises:
        InputError: A source cannot be used.
    """
    told = ledger if ledger is not None else Ledger()
    for source in arrange(names_of(sources), told, merge=merge):
        yield from read_flows(source, told, settings=settings, privacy=privacy)


def examples() -> Path:
    """The folder of the captures that ship with Oddflow."""
    return examples_folder()


def learn_gathered(  # noqa: PLR0913  (the front door: each is by keyword)
    gathered: Gathered,
    output: Source | None = None,
    *,
    detector: "str | type[Detector] | None" = None,
    seed: int = 0,
    logdir: str | None = None,
    told: "EpochTold | None" = None,
    augment: str | None = None,
    augment_to: float = 0.1,
    run: "Run | None" = None,
    origin: "Origin | None" = None,
    unlabelled: Gathered | None = None,
    labelled_share: float = 1.0,
    stamp: "Stamp | None" = None,
    **options: Any,
) -> SealedModel:
    """Learns feature rows and seals a model; writes it where `output` is given.

    A `run` says where and how detectors learn that learn in epochs: see `training.run.Run`.

    An `origin` is a model whose weights it begins from: see `learning.transfer.Origin`. Rows without labels,
    `unlabelled` and all but a `labelled_share` of those that have some, help networks that learn from labels.

    With `augment`, more rows are made for each fit: attacks of the rare kinds up to a share `augment_to` of the normal
    rows, and by "traffic" as large a share of normal rows: see `learning.augment.Augmentation`.
    """
    from contextlib import ExitStack

    from oddflow.detectors import registry
    from oddflow.learning.unlabelled import without_labels
    from oddflow.models.format import write_sealed
    from oddflow.training.run import Run

    kind = registry.find(detector or registry.default())
    reads, given = kind.reads, reads_of(gathered.version)
    if given not in {reads, *kind.reads_too} and reads is not Reads.TABULAR:  # which looks at any columns one by one
        raise UsageError(f"{kind.name} learns from {WANTED[reads]}, and these rows are {WANTED[given]}")
    if output is not None:
        _check_place(output, gathered)
    gathered, beside = without_labels(gathered, unlabelled, labelled_share, seed=seed)
    if beside is not None:
        options["unlabelled"] = beside
    if augment is not None:
        options["augment"] = _augmentation(augment, gathered, augment_to, seed)
    learns_in_epochs = registry.learns_in_epochs(kind)
    work = _work(kind, gathered, seed, options, run or Run(), origin)
    with ExitStack() as stack:
        listeners = [told] if told else []
        if logdir:
            if not learns_in_epochs:
                raise UsageError(f"{kind.name} has no curves; --logdir goes with a detector that learns in epochs")
            from oddflow.training.curves import Curves

            listeners.append(stack.enter_context(Curves(logdir)))
        listener = _all(listeners) if listeners and learns_in_epochs else None
        archive = work.run.elsewhere(work, listener) if work.run.elsewhere else work.learnt(listener)
    if stamp is not None:
        archive = stamp.on(archive)
    if output is not None:
        write_sealed(output, archive)
    return SealedModel(archive)


def _work(
    kind: "type[Detector]",
    gathered: Gathered,
    seed: int,
    options: dict[str, Any],
    run: "Run",
    origin: "Origin | None",
) -> "Work":
    """What is learnt, where and how all fits of it are done, and what they begin from."""
    from oddflow.detectors import registry
    from oddflow.learning.work import Work
    from oddflow.training.run import Run as Plain

    # rows that are not here are learnt where they are
    apart = run.elsewhere if kind.learns_from_shares and not len(gathered.x) else None
    plain = replace(run, memory_bytes=None) == Plain(elsewhere=apart)
    if not registry.learns_in_epochs(kind) and not (plain and origin is None):
        raise UsageError(
            f"{kind.name} is learnt at once; device, precision, processes, a cluster, checkpoints and weights to begin "
            "from go with a detector that learns in epochs"
        )
    beginning = origin.beginning(kind, gathered.features) if origin else None
    return Work(gathered, kind, seed, options, run, f"{kind.name} {seed} {_words_of(options)}", beginning)


def _words_of(options: Mapping[str, Any]) -> str:
    """Options in words that are the same in each process: of what is called, its name."""
    told = {
        name: getattr(value, "__qualname__", type(value)) if callable(value) else value
        for name, value in options.items()
        if name != "unlabelled"  # the rows that are learnt tell those apart
    }
    return str(sorted(told.items()))


def _augmentation(maker: str, gathered: Gathered, share: float, seed: int) -> "Augmentation":
    from oddflow.learning.augment import Augmentation

    return Augmentation(maker, gathered.features, share, seed)


def _check_place(output: Source, gathered: Gathered) -> None:
    """Refuses, before the learning begins, a place that no model can be written to."""
    check_place(fspath(output))
    target = Path(output)
    sources = [Path(seen.name) for seen in gathered.seen if seen.name != "-"]
    if any(source.exists() and target.exists() and source.samefile(target) for source in sources):
        raise UsageError(f"{target} is a source itself; give the model another name")


def _all(listeners: "Sequence[EpochTold]") -> "EpochTold":
    def tell(epoch: Any) -> None:
        for listener in listeners:
            listener(epoch)

    return tell


def learn(  # noqa: PLR0913  (the front door: each is by keyword)
    *sources: Source,
    output: Source | None = None,
    detector: "str | type[Detector] | None" = None,
    seed: int = 0,
    home_networks: Sequence[str] | None = None,
    settings: MeterSettings | None = None,
    ledger: Ledger | None = None,
    merge: bool = False,
    portable: bool = False,
    windows: bool = False,
    privacy: Privacy = OPEN,
    labels: Source | None = None,
    packet_labels: Sequence[Source] = (),
    matrix: MatrixSettings | None = None,
    **options: Any,
) -> SealedModel:
    """Learns what is normal from traffic that is believed to be, or what attacks are from labelled traffic.

    Args:
        sources: Paths, or "-" for standard input.
        output: Where to write the sealed model, if anywhere.
        detector: By name, or a class of your own; the autoencoder where torch is installed, else robust-pca.
        seed: Same seed and input, same model.
        home_networks: Networks of yours; the private ranges unless given.
        settings: How flows are cut.
        ledger: Told of all that is lost.
        merge: Reads all sources as one capture, in the order of time.
        portable: Learns only from what captures, logs and exporters all know, so that the model serves each of them.
        windows: Learns from the entropies, divergences and rhythms of hosts and services too (`features.windows`).
        privacy: What the flows may tell; without payload, the model does not look at it.
        labels: A ground-truth CSV, for supervised detectors; but for the payload, flows are then cut as usual.
        packet_labels: In place of it, a file of `packet number;label` for each capture.
        matrix: How traffic matrices are drawn, for detectors that read them.
        options: Of the detector; `augment`, `augment_to` and `run` as `learn_gathered` has them.

    Raises:
        InputError: A source cannot be used.
        UsageError: Too few flows, or no such detector or option.
        OutputError: The model cannot be written.
    """
    if labels is not None or packet_labels:
        payload = settings.payload if settings else Payload.SESSION
        usual = (settings or MeterSettings()) == MeterSettings(payload=payload)
        if not usual or home_networks or merge or windows or privacy != OPEN:
            raise UsageError(LABELS_ALONE)
        gathered = gather_labelled(
            *sources,
            truth=labels,
            packet_labels=packet_labels,
            portable=portable,
            ledger=ledger,
            detector=detector,
            matrix=matrix,
            payload=payload,
        )
        return learn_gathered(gathered, output, detector=detector, seed=seed, **options)
    gathered = gather(
        *sources,
        settings=settings,
        home_networks=home_networks,
        ledger=ledger,
        merge=merge,
        portable=portable,
        windows=windows,
        privacy=privacy,
        detector=detector,
        matrix=matrix,
    )
    return learn_gathered(gathered, output, detector=detector, seed=seed, **options)


def tune(
    *sources: Source,
    detector: "str | type[Detector] | None" = None,
    truth: Source | None = None,
    dataset: str | None = None,
    data: Source | None = None,
    output: Source | None = None,
    vary: Sequence[str] = (),
    plan: "Plan | None" = None,
    dealing: "Dealing | None" = None,
    pool: "Executor | None" = None,
    **options: Any,
) -> "Tuned":
    """Searches for the options that suit a detector best, on the rows to learn from alone; learns and seals them.

    Args:
        sources: Paths; or none, with `dataset`.
        detector: By name, or a class of your own; the autoencoder unless given.
        truth: A ground-truth CSV of the sources.
        dataset: The name of a data set; its rows to test on are not looked at.
        data: The folder of all data sets.
        output: Where to write the sealed model, if anywhere.
        vary: Where options are looked for, like "hidden=16|64,16" or "noise=0.01..1:log"; what is usual unless given.
        plan: How many trials, for how long, how they are drawn, and the file that keeps them.
        dealing: How rows are dealt into folds.
        pool: Judges folds beside each other, with the same result: processes, or a cluster.
        options: Of the detector that are not varied.

    Raises:
        InputError: A source, a file of the set or the study cannot be used.
        UsageError: The detector cannot be judged on such rows, or there is nothing to vary.
        OutputError: The model cannot be written.
    """
    from oddflow.detectors import registry
    from oddflow.tuning.reading import Given
    from oddflow.tuning.search import Plan as Planned
    from oddflow.tuning.space import options_of
    from oddflow.tuning.tune import tune as search

    wanted = plan or Planned()
    kind = registry.find(detector or registry.default())
    given = Given(names_of(sources) if sources else (), truth, dataset, data, seed=wanted.seed)
    material, gathered = given.read(kind)
    if output is not None:
        _check_place(output, gathered)
    tuned = search(material, kind, fixed=options, vary=vary, plan=wanted, dealing=dealing, pool=pool)
    if output is not None:
        learn_gathered(gathered, output, detector=kind, seed=wanted.seed, **options_of(kind, tuned.words))
    return tuned


@dataclass(frozen=True, slots=True)
class Updated:
    """A model that was learnt on, and how.

    Attributes:
        model: The new one.
        learnt: How many flows were learnt and left out, in words.
        compared: The old and the new one, on flows that neither learnt.
    """

    model: SealedModel
    learnt: str
    compared: "Compared"


def update(  # noqa: PLR0913  (the front door: each is by keyword)
    model: Source | SealedModel,
    *sources: Source,
    output: Source | None = None,
    budget: str = DEFAULT_BUDGET,
    feedback: "Source | Feedback | None" = None,
    seed: int = 0,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    merge: bool = False,
    privacy: Privacy = OPEN,
    told: "EpochTold | None" = None,
    run: "Run | None" = None,
    stamp: "Stamp | None" = None,
) -> Updated:
    """Learns on: from what a model let pass, and from nothing that it raises an alert on; see `learning.update`.

    A network begins from the weights of the old one; what is learnt at once is learnt anew, from these sources alone.

    Args:
        model: A sealed model or its path.
        sources: Traffic since.
        output: Where to write the new model, if anywhere.
        budget: Sets the thresholds of both.
        feedback: What people said of alerts: a file that `oddflow feedback` wrote, or its rules.
        seed: Of all chance in it.
        ledger: Told of all that is lost.
        progress: Told of the bytes read.
        merge: Reads all sources as one capture, in the order of time.
        privacy: What may be told of the flows; as when the old model was learnt.
        told: Told of each epoch.
        run: Where and how networks learn.
        stamp: What is put on the new model.

    Raises:
        LearningFailed: More than a tenth of the flows would be left out.
        UsageError: The model learns from labels, or there are too few flows.
        InputError, ModelError: See `detect`.
    """
    from oddflow.baselines import gather_update
    from oddflow.detectors import registry
    from oddflow.learning.update import begun_from, compare, options_of
    from oddflow.models.format import Archive, write_sealed

    old = model if isinstance(model, SealedModel) else SealedModel.load(fspath(model))
    options, kind = options_of(old), registry.sealable(old.manifest.detector)
    if output is not None:
        check_place(fspath(output))
    wanted = Budget.parse(budget)
    said = feedback if feedback is None or isinstance(feedback, Feedback) else Feedback.read(feedback)
    threshold = set_threshold(old.held_back, wanted, old.manifest.flows_per_s).score
    sifted = gather_update(
        old, *sources,
        threshold=threshold, feedback=said, ledger=ledger, progress=progress, privacy=privacy, merge=merge,
    )  # fmt: skip
    origin = None
    if registry.learns_in_epochs(kind) and kind.begins_from and WEIGHTS in old.parts:
        from oddflow.learning.transfer import Origin

        origin = Origin(old)
    learnt = learn_gathered(sifted.known, detector=kind, seed=seed, told=told, run=run, origin=origin, **options)
    manifest = learnt.manifest
    training = manifest.training.model_copy(update={"begun_from": begun_from(old, manifest.training.begun_from)})
    archive = Archive(manifest.model_copy(update={"training": training}), dict(learnt.parts))
    archive = archive if stamp is None else stamp.on(archive)
    new = SealedModel(archive)
    after = set_threshold(new.held_back, wanted, manifest.flows_per_s).score
    if output is not None:
        write_sealed(fspath(output), archive)
    return Updated(new, sifted.told, compare(sifted, old, new, (threshold, after)))


def detect(  # noqa: PLR0913  (the front door: each is by keyword)
    *sources: Source,
    model: SealedModel | Source | None = None,
    budget: str | None = None,
    false_alarm_rate: float | None = None,
    fdr: float | None = None,
    truth: Source | None = None,
    home_networks: Sequence[str] | None = None,
    progress: Progress | None = None,
    merge: bool = False,
    privacy: Privacy = OPEN,
    enrichment: Enrichment | None = None,
    feedback: "Source | Feedback | None" = None,
    max_groups: int | None = None,
    read: "logs.Reads | None" = None,
) -> Detection:
    """Finds the flows that do not fit.

    Args:
        sources: Captures or flow tables.
        model: A sealed model or its path; without one each eighth of the sources is judged by the rest.
        budget: False alarms that you put up with, "10/day" unless given; with a model.
        false_alarm_rate: Instead of a budget, a share of normal flows.
        fdr: Instead of both, the share of normal flows among those shown (`verdicts/discovering.py`).
        truth: A ground-truth CSV, to report found, missed and false.
        home_networks: Networks of yours; the model's unless given.
        progress: Told of the bytes read.
        merge: Reads all sources as one capture, in the order of time.
        privacy: What may be told of the flows. Home networks and truth are given as they are without pseudonyms.
        enrichment: Threat intelligence and countries to mark alerts with; names that are seen are told in any case.
        feedback: What people said of alerts: a file that `oddflow feedback` wrote, or its rules. With a model.
        max_groups: How many groups of flows are remembered at a time; 131,072 unless given.
        read: Reads the sources as `oddflow.logs.source.read_flows` does: on a cluster, say
            (`oddflow.cluster.streaming.Reader.read`). With a model.

    Raises:
        InputError: A source cannot be used.
        ModelError: The model cannot be used, or not on these sources.
        UsageError: The budget is wrong, or there are too few flows to learn from.
    """
    names = names_of(sources)
    groups = GroupSettings() if max_groups is None else GroupSettings(max_groups)
    wishes = {"a budget": budget, "a false-alarm rate": false_alarm_rate, "a false discovery rate": fdr}
    given = [name for name, value in wishes.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} were {'both' if len(given) == 2 else 'all'} given; give one")
    known = GroundTruth.read(fspath(truth)) if truth is not None else None
    if known is not None and privacy.pseudonyms:
        known = known.under(privacy.pseudonyms.address)
    wanted = (
        Budget.of_share(false_alarm_rate)
        if false_alarm_rate is not None
        else Budget.parse(DEFAULT_BUDGET if budget is None else budget)
    )
    if model is None:
        if given:
            raise UsageError("without a model nothing is known to be normal, so no budget can be kept; learn one first")
        if read is not None:
            raise UsageError("without a model sources are read twice, and by one machine; give a model")
        if feedback is not None:
            raise UsageError("feedback speaks of the alerts of a model; give the model that made them")
        ledger = Ledger()
        return _detect_alone(
            arrange(names, ledger, merge=merge), ledger, known, home_networks,
            progress=progress, privacy=privacy, enrichment=enrichment,
        )  # fmt: skip
    sealed = model if isinstance(model, SealedModel) else SealedModel.load(fspath(model))
    prepared = Prepared.of(sealed.manifest, privacy, home_networks)
    discovery = OnlineDiscovery(fdr) if fdr is not None else None
    said = feedback if feedback is None or isinstance(feedback, Feedback) else Feedback.read(feedback)
    held_back = sealed.held_back
    if said:
        held_back = said.calibrated(held_back, wanted.allowed_share(sealed.manifest.flows_per_s))
    threshold = (
        set_threshold(held_back, wanted, sealed.manifest.flows_per_s, Calibration(sealed.sample))
        if discovery is None
        else by_discovery(sealed.held_back, discovery.share)
    )
    ledger = Ledger()
    detection = detect_in(
        arrange(names, ledger, merge=merge),
        sealed,
        prepared.representation(sealed),
        settings=prepared.settings,
        threshold=threshold,
        truth=known,
        progress=progress,
        privacy=prepared.privacy,
        enrichment=enrichment,
        feedback=said,
        discovery=discovery,
        collective=Collective.of(sealed, wanted, groups),
        read=read or read_flows,
    )
    detection.ledger.add(ledger)
    return detection


def _detect_alone(
    sources: "list[logs.Source]",
    ledger: Ledger,
    truth: GroundTruth | None,
    home_networks: Sequence[str] | None,
    *,
    progress: Progress | None,
    privacy: Privacy,
    enrichment: Enrichment | None,
) -> Detection:
    """Learns from the sources, then looks at them again; where one passes only once, all are metered to files first."""
    from tempfile import TemporaryDirectory

    from oddflow.learning.alone import learn_alone

    settings = privacy.settings(MeterSettings())
    homes = HomeNetworks(privacy.networks(tuple(home_networks or PRIVATE)))
    with TemporaryDirectory(prefix="oddflow-") as folder:
        names = {name: name for name in (privacy.name(name_of(source)) for source in sources)}
        reread, told = sources, ledger
        once = any(_passes_once(source) for source in sources)
        if once:
            seen = [Fingerprint(name_of(source)) for source in sources]
            tables = [f"{folder}/{place}.parquet" for place in range(len(sources))]
            reread, told = list(tables), Ledger()
            for source, fingerprint, table in zip(sources, seen, tables, strict=True):
                names[privacy.name(table)] = privacy.name(fingerprint.name)
                _meter_to(table, source, fingerprint, ledger, progress=progress, privacy=privacy)
            if not any(fingerprint.flows for fingerprint in seen):
                raise ledger.nothing_metered([name_of(source) for source in sources])
        gathered = _gather_alone(reread, homes, told, progress=progress, privacy=privacy)
        if once:
            gathered.seen, gathered.ledger = seen, ledger
        panel = learn_alone(gathered)
        model = panel.whole
        detection = detect_in(
            reread,
            model,
            Tabular.of(homes, ContextSettings(), KINDS[gathered.version]),
            settings=settings,
            threshold=far_out(gathered.flows),
            judge=panel,
            population="flows of this capture",
            truth=truth,
            privacy=privacy,
            enrichment=enrichment,
        )
    detection.sources = [privacy.name(name_of(source)) for source in sources]
    detection.ledger = ledger
    for row in detection.rows:
        row.alerts[:] = [replace(alert, source=names[alert.source]) for alert in row.alerts]
    detection.incidents = [
        replace(incident, top=tuple(replace(alert, source=names[alert.source]) for alert in incident.top))
        for incident in detection.incidents
    ]
    detection.remarks.insert(
        0,
        "learnt from this capture itself, each eighth judged by the rest: what goes on all the time counts as normal, "
        "and no budget can be promised; "
        "`oddflow learn` on traffic that you trust gives a better view",
    )
    if gathered.version == PORTABLE.version:
        detection.remarks.insert(
            1, "judged by only what all sources know (packets, bytes, times, ends): this one lacks what captures tell"
        )
    return detection


def _gather_alone(
    sources: "list[logs.Source]",
    homes: HomeNetworks,
    ledger: Ledger,
    *,
    progress: Progress | None,
    privacy: Privacy,
) -> Gathered:
    """Full features where the sources know enough for them, else those without payload, else portable ones."""
    settings = privacy.settings(MeterSettings())
    for kind in (FULL, BYTELESS) if privacy.keeps_payload else (BYTELESS,):
        trial = Ledger()
        tabular = Tabular.of(homes, ContextSettings(), kind)
        try:
            gathered = gather_rows(
                sources, tabular, settings=settings, ledger=trial, progress=progress, privacy=privacy
            )
        except SchemaMismatch:
            continue
        ledger.unit = trial.unit
        ledger.add(trial)
        gathered.ledger = ledger
        return gathered
    portable = Tabular.of(homes, ContextSettings(), PORTABLE)
    return gather_rows(sources, portable, settings=settings, ledger=ledger, progress=progress, privacy=privacy)


def _passes_once(source: "logs.Source") -> bool:
    """Whether a second reading would find nothing, or cost as much as the first."""
    if isinstance(source, CaptureSet):
        return any(_passes_once(member.place) for member in source.members)
    return passes_once(source) or (is_url(source) and not is_local(source))


def _meter_to(
    table: str,
    source: "logs.Source",
    seen: Fingerprint,
    ledger: Ledger,
    *,
    progress: Progress | None,
    privacy: Privacy,
) -> None:
    from oddflow.logs.table import TableWriter

    settings = privacy.settings(MeterSettings())
    with TableWriter(table, pseudonyms=privacy.fingerprint) as writer:
        for batch in read_flows(source, ledger, settings=settings, seen=seen, progress=progress, privacy=privacy):
            writer.write(batch)
