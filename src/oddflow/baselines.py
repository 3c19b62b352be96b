"""What is learnt from: sources, labelled sources and data sets, as the rows that a detector reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from oddflow.datasets.truth import GroundTruth
from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.full import BYTELESS, FULL
from oddflow.features.gathering import Gathered
from oddflow.features.gathering import gather as gather_rows
from oddflow.features.homes import PRIVATE, HomeNetworks
from oddflow.features.matrix_settings import MatrixSettings
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads, Representation
from oddflow.features.versions import is_portable, reads_of, represented, version_that_shows
from oddflow.features.windows import WINDOWED
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Progress, arrange
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.prepared import Prepared

if TYPE_CHECKING:
    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import Split
    from oddflow.detectors.base import Detector
    from oddflow.learning.update import Sifted
    from oddflow.verdicts.collective.learning import GroupLearner
    from oddflow.verdicts.feedback.feedback import Feedback

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


def names_of(sources: Sequence[Source | Sequence[Source]]) -> list[str]:
    """Paths and URLs that were given one by one or as lists; raises UsageError where there are none."""
    if not sources:
        raise UsageError("no source was given; name a capture")
    names: list[str] = []
    for source in sources:
        names += [fspath(source)] if isinstance(source, str | PathLike) else names_of(source)
    return names


@dataclass(frozen=True, slots=True)
class View:
    """How flows are cut, and what of them a detector looks at: all that another machine needs to gather the same rows.

    Attributes:
        version: Of the representation.
        homes: Home networks, as `privacy` lets them be seen.
        context: How far back it looks; None for what is usual.
        settings: How flows are cut.
        privacy: What may be told of them.
    """

    version: str
    homes: tuple[str, ...]
    context: Mapping[str, Any] | None
    settings: MeterSettings
    privacy: Privacy

    def representation(self) -> Representation:
        """A fresh one."""
        return represented(self.version, homes=self.homes, context=self.context, payload=self.settings.payload)

    def groups(self) -> "GroupLearner":
        """A fresh onlooker, who learns what groups of flows come to."""
        # its kernels take a moment to load, and other ways to gather need none
        from oddflow.verdicts.collective.learning import GroupLearner

        return GroupLearner(portable=is_portable(self.version))


def view_of(
    detector: "str | type[Detector] | None",
    *,
    settings: MeterSettings | None = None,
    home_networks: Sequence[str] | None = None,
    portable: bool = False,
    windows: bool = False,
    privacy: Privacy = OPEN,
    matrix: MatrixSettings | None = None,
) -> View:
    """What a detector looks at.

    Raises:
        UsageError: It cannot look at what was asked for; or it reads packets, which are no part of flows.
    """
    reads = _reads(detector, matrix=matrix is not None)
    cut = privacy.settings(settings or MeterSettings())
    return View(
        _version(reads, cut, portable=portable, windows=windows),
        tuple(privacy.networks(tuple(home_networks or PRIVATE))),
        matrix.as_dict() if matrix else None,
        cut,
        privacy,
    )


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
    view = view_of(
        detector,
        settings=settings,
        home_networks=home_networks,
        portable=portable,
        windows=windows,
        privacy=privacy,
        matrix=matrix,
    )
    groups = view.groups()
    gathered = gather_rows(
        arrange(names_of(sources), told, merge=merge),
        view.representation(),
        settings=view.settings,
        ledger=told,
        progress=progress,
        privacy=privacy,
        onlooker=groups,
    )
    gathered.groups = groups.normal().part()
    return gathered


def gather_for(
    model: SealedModel,
    *sources: Source,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    privacy: Privacy = OPEN,
) -> Gathered:
    """Reads sources into the rows that a sealed model reads, of flows in end order, as `detect` reads them.

    Raises:
        SchemaMismatch: The model reads rows of a data set, or packets, and no flows.
    """
    prepared = Prepared.of(model.manifest, privacy)
    if reads_of(prepared.version) is Reads.PACKETS:
        raise SchemaMismatch("the model reads packets one by one; only models of flows are looked into with traffic")
    told = ledger if ledger is not None else Ledger()
    return gather_rows(
        arrange(names_of(sources), told),
        prepared.representation(model),
        settings=prepared.settings,
        ledger=told,
        progress=progress,
        privacy=prepared.privacy,
    )


def gather_update(
    model: SealedModel,
    *sources: Source,
    threshold: float,
    feedback: "Feedback | None" = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    privacy: Privacy = OPEN,
    merge: bool = False,
) -> "Sifted":
    """Reads sources as a sealed model reads them, and leaves out what it raises alerts on; see `learning.update`.

    Raises:
        SchemaMismatch: The model reads rows of a data set, or packets, and no flows; or the flows are not under the
            pseudonyms that it was learnt under.
        LearningFailed: Too much would be left out.
    """
    from oddflow.learning.update import Sieve, sift
    from oddflow.verdicts.detecting import check_pseudonyms
    from oddflow.verdicts.feedback.feedback import Feedback

    prepared = Prepared.of(model.manifest, privacy)
    if reads_of(prepared.version) is Reads.PACKETS:
        raise SchemaMismatch("the model reads packets one by one; only models of flows are learnt on; learn it anew")
    check_pseudonyms(model, privacy.fingerprint)
    told = ledger if ledger is not None else Ledger()
    sieve = Sieve(prepared.representation(model), model, threshold, feedback or Feedback(()), privacy.fingerprint)
    gathered = gather_rows(
        arrange(names_of(sources), told, merge=merge),
        sieve,
        settings=prepared.settings,
        ledger=told,
        progress=progress,
        privacy=prepared.privacy,
        labeller=sieve,
    )
    return sift(gathered)


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
    captures = arrange(names_of(sources), told, merge=merge)
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
        UsageError: No set has that name, it cannot be split so, or the detector scores packets.
    """
    if reads is Reads.PACKETS:
        raise UsageError(
            "a data set does not tell which flow each packet went to, so no threshold for flows could be set; learn on "
            "the capture itself, or compare with `oddflow evaluate --dataset`"
        )

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
        UsageError: No flow is normal, there is not one of truth and packet labels, or the detector scores packets.
    """
    if (truth is None) == (not packet_labels):
        raise UsageError("expected either the truth about flows or labels of packets, and one of them alone")
    reads = _reads(detector, matrix=matrix is not None)
    if reads is Reads.PACKETS:
        raise UsageError("the detector learns packets that are all believed to be normal; leave labels out")
    if packet_labels or reads is Reads.MATRIX:
        told = ledger if ledger is not None else Ledger()
        settings = MeterSettings(payload=payload)
        version = _version(reads, settings, portable=portable)
        return _gather_parts(
            names_of(sources), truth, packet_labels, version, matrix or MatrixSettings(), settings=settings, ledger=told
        )

    from oddflow.datasets.loading import load_labelled
    from oddflow.datasets.rows import Split
    from oddflow.learning.labelled import baseline

    _check_portable(reads, portable=portable)
    rows = load_labelled(names_of(sources), truth, portable=portable, ledger=ledger, reads=reads, payload=payload)
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
