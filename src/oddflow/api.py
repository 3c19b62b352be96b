"""The front door in Python: flows, learn, detect.

>>> import oddflow
>>> capture = oddflow.examples() / "office-incident.pcap.zst"
>>> sum(batch.num_rows for batch in oddflow.flows(capture)) > 1000
True
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oddflow.capture.capture_set import CaptureSet, passes_once
from oddflow.capture.remote import is_local, is_url
from oddflow.datasets.truth import GroundTruth
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
from oddflow.features.versions import reads_of, represented, version_that_shows
from oddflow.features.windows import WINDOWED
from oddflow.files import check_place, examples_folder
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, arrange, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, far_out, set_threshold
from oddflow.verdicts.detecting import detect as detect_in
from oddflow.verdicts.detection import Detection
from oddflow.verdicts.prepared import Prepared

if TYPE_CHECKING:
    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split
    from oddflow.detectors.base import Detector
    from oddflow.learning.augment import Augmentation
    from oddflow.logs import source as logs
    from oddflow.training.loop import EpochTold

Source = str | PathLike[str]
LABELS_ALONE = "labelled sources are read as they are: leave out how flows are cut, merged and told, but for --payload"

WANTED = {
    Reads.TABULAR: "statistics of flows",
    Reads.IMAGE: "the first bytes of flows",
    Reads.SEQUENCE: "the first packets of flows",
    Reads.PACKETS: "packets",
    Reads.SEVERAL: "statistics, packets and first bytes of flows",
    Reads.MATRIX: "traffic matrices",
    Reads.NAMES: "names that flows ask for",
    Reads.RATES: "rates of hosts",
}


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
    for source in arrange(_names(sources), told, merge=merge):
        yield from read_flows(source, told, settings=settings, privacy=privacy)


def _names(sources: Sequence[Source | Sequence[Source]]) -> list[str]:
    if not sources:
        raise UsageError("no source was given; name a capture")
    names: list[str] = []
    for source in sources:
        names += [fspath(source)] if isinstance(source, str | PathLike) else _names(source)
    return names


def examples() -> Path:
    """The folder of the captures that ship with Oddflow."""
    return examples_folder()


def gather(  # noqa: PLR0913  (each is by keyword)
    *sources: Source,
    settings: MeterSettings | None = None,
    home_networks: Sequence[str] | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    merge: bool = False,
    portable: bool = False,
    windows: bool = False,
    privacy: Privacy = OPEN,
    detector: "str | type[Detector] | None" = None,
    matrix: MatrixSettings | None = None,
) -> Gathered:
    """Reads a baseline into the rows that a detector reads, in bounded memory: of flows in end order, or of packets."""
    reads = _reads(detector, matrix=matrix is not None)
    if reads is Reads.PACKETS:
        _check_portable(reads, portable=portable)
        return _gather_packets(
            sources, home_networks, settings, ledger, progress=progress, merge=merge, privacy=privacy
        )
    told = ledger if ledger is not None else Ledger()
    cut = privacy.settings(settings or MeterSettings())
    representation = represented(
        _version(reads, cut, portable=portable, windows=windows),
        homes=privacy.networks(tuple(home_networks or PRIVATE)),
        context=matrix.as_dict() if matrix else None,
        payload=cut.payload,
    )
    return gather_rows(
        arrange(_names(sources), told, merge=merge),
        representation,
        settings=cut,
        ledger=told,
        progress=progress,
        privacy=privacy,
    )


def _reads(detector: "str | type[Detector] | None", *, matrix: bool = False) -> Reads:
    """What a detector looks at; of traffic matrices, where they are asked for and it can."""
    from oddflow.detectors import registry

    found = registry.find(detector or registry.default())
    if not matrix:
        return found.reads
    if Reads.MATRIX not in {found.reads, *found.reads_too}:
        raise UsageError(f"{found.name} learns from {WANTED[found.reads]}, and no traffic matrix; leave --matrix out")
    return Reads.MATRIX


def _check_portable(reads: Reads, *, portable: bool) -> None:
    if portable and reads not in {Reads.TABULAR, Reads.MATRIX, Reads.RATES}:
        raise UsageError(f"the detector learns from {WANTED[reads]}, which not all sources know; leave --portable out")


def _version(reads: Reads, settings: MeterSettings, *, portable: bool, windows: bool = False) -> str:
    """The representation that shows what a detector looks at; the best tabular one unless it wants another."""
    _check_portable(reads, portable=portable)
    if reads is not Reads.TABULAR:
        if windows:
            raise UsageError(f"the detector learns from {WANTED[reads]}, not from windows; leave --windows out")
        return version_that_shows(reads)
    kind = PORTABLE if portable else BYTELESS if settings.payload is Payload.NONE else FULL
    if windows:
        return next(version for version, first in WINDOWED.items() if first is kind)
    return kind.version


def _gather_packets(
    sources: Sequence[Source],
    home_networks: Sequence[str] | None,
    settings: MeterSettings | None,
    ledger: Ledger | None,
    *,
    progress: Progress | None,
    merge: bool,
    privacy: Privacy,
) -> Gathered:
    # its kernels take a moment to load, and most detectors need none
    from oddflow.features.packet_sample import gather_packets

    homes = HomeNetworks(privacy.networks(tuple(home_networks or PRIVATE)))
    told = ledger if ledger is not None else Ledger()
    captures = arrange(_names(sources), told, merge=merge)
    cut = privacy.settings(settings or MeterSettings())
    return gather_packets(captures, homes, settings=cut, ledger=told, progress=progress, privacy=privacy)


def gather_dataset(
    name: str,
    data: Source | None = None,
    *,
    split: str = "official",
    seed: int = 0,
    ledger: Ledger | None = None,
    leaks: "Callable[[Sequence[Finding], Split], None] | None" = None,
    attacks: bool = False,
    reads: Reads = Reads.TABULAR,
) -> Gathered:
    """Reads the rows of a data set that a split learns from, and of them the normal ones.

    Args:
        name: What the registry calls it.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        split: As `oddflow.datasets.splits.splits` has it; of several folds the first.
        seed: Of all chance in it.
        ledger: Told of all that is lost.
        leaks: Told what `oddflow.datasets.leaks.check_leaks` finds of the split; unless given, it is not checked.
        attacks: Keeps the attacks too, with labels, for supervised detectors.
        reads: What of its flows the detector reads; a set without flows has rows of its own.

    Raises:
        InputError: A file of the set is missing, or is not what it should be.
        UsageError: No set has that name, or it cannot be split so.
    """
    from oddflow.datasets.leaks import check_leaks
    from oddflow.datasets.loading import load
    from oddflow.datasets.splits import splits
    from oddflow.learning.labelled import baseline

    rows = load(name, data, ledger=ledger, reads=reads)
    chosen = splits(rows, split, seed=seed)[0]
    if leaks is not None:
        leaks(check_leaks(rows, chosen, seed=seed), chosen)
    return baseline(rows, chosen, attacks=attacks)


def gather_labelled(
    *sources: Source,
    truth: Source | None = None,
    packet_labels: Sequence[Source] = (),
    portable: bool = False,
    ledger: Ledger | None = None,
    detector: "str | type[Detector] | None" = None,
    matrix: MatrixSettings | None = None,
    payload: Payload = Payload.SESSION,
) -> Gathered:
    """Reads captures and logs with what is known of their flows or packets, for supervised detectors.

    Flows that no row of the truth holds keep the label of their source, if it has any, and else are normal.

    Args:
        sources: Captures, logs or flow tables.
        truth: The ground-truth CSV.
        packet_labels: In place of it, a file for each capture: lines of `packet number;label`, 0 for normal.
        portable: Learns only from what all sources know (see learn).
        ledger: Told of all that is lost, and of truth rows without a flow.
        detector: Whose rows they are.
        matrix: How traffic matrices are drawn, for detectors that read them.
        payload: Which bytes of flows are kept.

    Raises:
        InputError: A source cannot be read, or the truth is wrong.
        UsageError: No flow is normal, or there are other than one of truth and packet labels.
    """
    if (truth is None) == (not packet_labels):
        raise UsageError("expected either the truth about flows or labels of packets, and one of them alone")
    reads = _reads(detector, matrix=matrix is not None)
    if packet_labels or reads is Reads.MATRIX:
        told = ledger if ledger is not None else Ledger()
        settings = MeterSettings(payload=payload)
        version = _version(reads, settings, portable=portable)
        return _gather_parts(
            _names(sources), truth, packet_labels, version, matrix or MatrixSettings(), settings=settings, ledger=told
        )

    from oddflow.datasets.loading import load_labelled
    from oddflow.datasets.rows import Split
    from oddflow.learning.labelled import baseline

    _check_portable(reads, portable=portable)
    rows = load_labelled(_names(sources), truth, portable=portable, ledger=ledger, reads=reads, payload=payload)
    everything = np.arange(len(rows))
    return baseline(rows, Split("all", everything, everything[:0]), attacks=True, payload=payload)


def _gather_parts(
    names: list[str],
    truth: Source | None,
    packet_labels: Sequence[Source],
    version: str,
    matrix: MatrixSettings,
    *,
    settings: MeterSettings,
    ledger: Ledger,
) -> Gathered:
    """Rows of any representation with what flows are, and which of their parts are an attack where that is known."""
    from oddflow.datasets.labelling import MatrixLabels, PacketLabels, TruthLabels
    from oddflow.features.gathering import Labeller

    if packet_labels and len(packet_labels) != len(names):
        raise UsageError(f"{len(names)} captures and {len(packet_labels)} files of labels; give each capture its own")
    known = GroundTruth.read(fspath(truth)) if truth is not None else GroundTruth()
    labeller: Labeller = PacketLabels(names, packet_labels) if packet_labels else TruthLabels(known)
    if reads_of(version) is Reads.MATRIX:
        labeller = MatrixLabels(matrix, labeller)
    representation = represented(
        version,
        homes=PRIVATE,
        context=matrix.as_dict() if reads_of(version) is Reads.MATRIX else None,
        payload=settings.payload,
    )
    gathered = gather_rows(arrange(names, ledger), representation, settings=settings, ledger=ledger, labeller=labeller)
    for said in known.report().told() if truth is not None else []:
        ledger.noted(f"{truth}: {said}")
    return gathered


def learn_gathered(
    gathered: Gathered,
    output: Source | None = None,
    *,
    detector: "str | type[Detector] | None" = None,
    seed: int = 0,
    logdir: str | None = None,
    told: "EpochTold | None" = None,
    augment: str | None = None,
    augment_to: float = 0.1,
    **options: Any,
) -> SealedModel:
    """Learns feature rows and seals a model; writes it where `output` is given.

    With `augment`, more attacks are made of the rare kinds, for detectors that learn from attacks, up to a share
    `augment_to` of the normal rows: see `learning.augment.Augmentation`.
    """
    from contextlib import ExitStack

    from oddflow.detectors import registry
    from oddflow.learning.learn import learn as learn_rows
    from oddflow.models.format import write_sealed

    kind = registry.find(detector or registry.default())
    reads, given = kind.reads, reads_of(gathered.version)
    if given not in {reads, *kind.reads_too} and reads is not Reads.TABULAR:  # which looks at any columns one by one
        raise UsageError(f"{kind.name} learns from {WANTED[reads]}, and these rows are {WANTED[given]}")
    if output is not None:
        _check_place(output, gathered)
    if augment is not None:
        options["augment"] = _augmentation(augment, gathered, augment_to, seed)
    learns_in_epochs = "told" in registry.options(kind)
    with ExitStack() as stack:
        listeners = [told] if told else []
        if logdir:
            if not learns_in_epochs:
                raise UsageError(f"{kind.name} has no curves; --logdir goes with a detector that learns in epochs")
            from oddflow.training.curves import Curves

            listeners.append(stack.enter_context(Curves(logdir)))
        if listeners and learns_in_epochs:
            options["told"] = _all(listeners)
        archive = learn_rows(gathered, detector=kind, seed=seed, **options)
    if output is not None:
        write_sealed(output, archive)
    return SealedModel(archive)


def _augmentation(maker: str, gathered: Gathered, share: float, seed: int) -> "Augmentation":
    from oddflow.detectors import registry

    if not registry.installed("autoencoder"):
        raise UsageError("--augment needs torch: pip install 'oddflow[train]'")
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
        options: Of the detector; `augment` and `augment_to` as `learn_gathered` has them.

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


def detect(
    *sources: Source,
    model: SealedModel | Source | None = None,
    budget: str | None = None,
    false_alarm_rate: float | None = None,
    truth: Source | None = None,
    home_networks: Sequence[str] | None = None,
    progress: Progress | None = None,
    merge: bool = False,
    privacy: Privacy = OPEN,
) -> Detection:
    """Finds the flows that do not fit.

    Args:
        sources: Captures or flow tables.
        model: A sealed model or its path; without one each eighth of the sources is judged by the rest.
        budget: False alarms that you put up with, "10/day" unless given; with a model.
        false_alarm_rate: Instead of a budget, a share of normal flows.
        truth: A ground-truth CSV, to report found, missed and false.
        home_networks: Networks of yours; the model's unless given.
        progress: Told of the bytes read.
        merge: Reads all sources as one capture, in the order of time.
        privacy: What may be told of the flows. Home networks and truth are given as they are without pseudonyms.

    Raises:
        InputError: A source cannot be used.
        ModelError: The model cannot be used, or not on these sources.
        UsageError: The budget is wrong, or there are too few flows to learn from.
    """
    names = _names(sources)
    if budget is not None and false_alarm_rate is not None:
        raise UsageError("a budget and a false-alarm rate were both given; give one")
    known = GroundTruth.read(fspath(truth)) if truth is not None else None
    if known is not None and privacy.pseudonyms:
        known = known.under(privacy.pseudonyms.address)
    wanted = (
        Budget.of_share(false_alarm_rate)
        if false_alarm_rate is not None
        else Budget.parse(DEFAULT_BUDGET if budget is None else budget)
    )
    if model is None:
        if budget is not None or false_alarm_rate is not None:
            raise UsageError("without a model nothing is known to be normal, so no budget can be kept; learn one first")
        ledger = Ledger()
        return _detect_alone(
            arrange(names, ledger, merge=merge), ledger, known, home_networks, progress=progress, privacy=privacy
        )
    sealed = model if isinstance(model, SealedModel) else SealedModel.load(fspath(model))
    prepared = Prepared.of(sealed.manifest, privacy, home_networks)
    threshold = set_threshold(sealed.held_back, wanted, sealed.manifest.flows_per_s)
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
        )
    detection.sources = [privacy.name(name_of(source)) for source in sources]
    detection.ledger = ledger
    for row in detection.rows:
        row.alerts[:] = [replace(alert, source=names[alert.source]) for alert in row.alerts]
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
