"""Two models judge the same flows in one pass, each through its own features, context and threshold."""

import heapq
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.datasets.truth import GroundTruth
from oddflow.errors import UsageError
from oddflow.features.ordering import in_end_order
from oddflow.features.representation import Representation
from oddflow.features.scored import scored
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Reads, Source, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.format import Archive
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Alerting, Judged, OneModel
from oddflow.verdicts.budget import Budget, set_threshold
from oddflow.verdicts.detecting import check_pseudonyms
from oddflow.verdicts.prepared import Prepared
from oddflow.verdicts.shadow.comparison import Comparison, Known, Seen, Side

MOST_TOLD = 50
SAMPLE = 20_000
_WARM_ROWS = 2_048


@dataclass(slots=True)
class Contender:
    """A model made ready to judge."""

    side: Side
    model: SealedModel
    prepared: Prepared
    representation: Representation
    alerting: Alerting

    @classmethod
    def of(
        cls,
        archive: Archive,
        called: str,
        budget: Budget,
        *,
        privacy: Privacy = OPEN,
        home_networks: Sequence[str] | None = None,
    ) -> "Contender":
        """Loads a model that was checked; how much memory it takes is measured while it does.

        Args:
            archive: Of the model.
            called: What people call it.
            budget: What its threshold is set by.
            privacy: What may be told of the flows.
            home_networks: Networks of one's own; the model's unless given.

        Raises:
            ModelError: It cannot be used.
        """
        before = _resident_bytes()
        model = SealedModel(archive)
        median = np.array([r.median for r in archive.manifest.ranges], np.float32)
        model.score(np.tile(median, (_WARM_ROWS, 1)))
        memory = max(0, _resident_bytes() - before)
        prepared = Prepared.of(archive.manifest, privacy, home_networks)
        representation = prepared.representation(model)
        model.check_features(representation.features)
        threshold = set_threshold(model.held_back, budget, archive.manifest.flows_per_s)
        side = Side(
            called,
            archive.manifest.detector,
            model.fingerprint,
            threshold,
            file_bytes=sum(map(len, archive.parts.values())),
            memory_bytes=memory,
        )
        alerting = Alerting(OneModel(model), model.held_back, threshold.score, privacy=prepared.privacy)
        return cls(side, model, prepared, representation, alerting)

    def judge(self, flows: pa.RecordBatch, source: Source, pseudonyms: str, names: Sequence[str] | None) -> Judged:
        """One batch of flows, in end order, and the time that it takes."""
        check_pseudonyms(self.model, pseudonyms)
        start = time.process_time()
        judged = self.alerting.judged(flows, self.representation, source, pseudonyms, names)
        self.side.seconds += time.process_time() - start
        self.side.alerts += int(judged.over.sum())
        return judged


@dataclass(slots=True)
class _Run:
    """What gathers while flows pass; bounded, however many do."""

    rng: np.random.Generator
    flows: int = 0
    met: int = 0
    over: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    sample: NDArray[np.float32] = field(default_factory=lambda: np.empty((SAMPLE, 2), np.float32))
    told: tuple[list[tuple[float, int, Alert]], list[tuple[float, int, Alert]]] = field(
        default_factory=lambda: ([], [])
    )
    seen: Counter[str] = field(default_factory=Counter)
    shown: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))

    def add(self, active: Judged, candidate: Judged) -> None:
        """What both said of one batch."""
        pairs = zip(active.over.tolist(), candidate.over.tolist(), strict=True)
        self.over.update(pairs)
        self._draw(np.stack([active.scores, candidate.scores], axis=1))
        for kept, one, other in ((self.told[0], active, candidate), (self.told[1], candidate, active)):
            alone = ~other.over[one.over]
            # one alert for each flow that is over; whatever else may follow is of no single flow
            for alert, is_alone in zip(one.alerts, alone, strict=False):
                self.met += 1  # parts equal scores: alerts themselves have no order
                if is_alone:
                    _keep(kept, alert, self.met)
        if active.names is not None:
            self.seen.update(active.names)
            for shown, judged in zip(self.shown, (active, candidate), strict=True):
                shown.update(name for name, is_over in zip(active.names, judged.over, strict=True) if is_over)
        self.flows += len(active.scores)

    def _draw(self, pairs: NDArray[np.float32]) -> None:
        """A uniform sample of all pairs (Vitter 1985, algorithm R)."""
        places = self.flows + np.arange(len(pairs))
        free = places < SAMPLE
        self.sample[places[free]] = pairs[free]
        late, numbers = pairs[~free], places[~free]
        drawn = self.rng.integers(0, numbers + 1)
        for place, pair in zip(drawn[drawn < SAMPLE], late[drawn < SAMPLE], strict=True):
            self.sample[place] = pair

    def known(self) -> Known:
        """What the ground truth says of it."""
        attacks = sorted(name for name in self.seen if name)
        active, candidate = self.shown
        return Known(
            tuple(Seen(name, self.seen[name], active[name], candidate[name]) for name in attacks),
            self.seen[""],
            active[""],
            candidate[""],
        )


def compare(
    sources: Sequence[Source],
    active: Contender,
    candidate: Contender,
    *,
    truth: GroundTruth | None = None,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
    seed: int = 0,
    read: Reads = read_flows,
) -> Comparison:
    """Lets both judge all flows of the sources.

    Args:
        sources: Captures or flow tables, as `arrange` gives them.
        active: The model in use.
        candidate: The one that might be.
        truth: Ground truth, under the pseudonyms that the flows are under.
        progress: Told of the bytes read.
        ledger: Told of what is lost.
        seed: Of the sample of scores.
        read: Reads a source as `read_flows` does.

    Raises:
        UsageError: They want flows cut in different ways, or one of them judges packets.
        NothingMetered: No source held a flow.
        InputError, SchemaMismatch: A source cannot be used, or not by one of them.
    """
    broader = _reader(active, candidate)
    run, told = _Run(np.random.default_rng(seed)), ledger if ledger is not None else Ledger()
    settings, privacy = broader.settings, broader.privacy
    for source in sources:
        for contender in (active, candidate):
            contender.representation.begin()
        seen = Fingerprint(name_of(source), hashed=False)
        flows = read(source, told, settings=settings, seen=seen, progress=progress, privacy=privacy)
        for batch in in_end_order(scored(flows), wait_s=settings.longest_wait_s):
            names = truth.attacks(batch) if truth else None
            under = seen.pseudonyms or privacy.fingerprint
            run.add(active.judge(batch, source, under, names), candidate.judge(batch, source, under, names))
    if not run.flows:
        raise told.nothing_metered([name_of(source) for source in sources])
    for side in (active.side, candidate.side):
        side.threshold = replace(side.threshold, expected_false=side.threshold.expected_false * run.flows)
    sample = run.sample[: run.flows]
    return Comparison(
        sources=[privacy.name(name_of(source)) for source in sources],
        active=active.side,
        candidate=candidate.side,
        flows=run.flows,
        both=run.over[True, True],
        only_active=run.over[True, False],
        only_candidate=run.over[False, True],
        correlation=spearman(sample[:, 0], sample[:, 1]),
        sample=sample,
        lost=[alert for _, _, alert in sorted(run.told[0], reverse=True, key=lambda one: one[:2])],
        gained=[alert for _, _, alert in sorted(run.told[1], reverse=True, key=lambda one: one[:2])],
        ledger=told,
        known=run.known() if truth else None,
        remarks=_remarks(active, candidate) + (truth.report().told() if truth else []),
    )


def spearman(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of (n,) and (n,), ties given their mean rank; NaN where one is constant.

    >>> x = np.array([1, 2, 3, 4], np.float32)
    >>> round(spearman(x, x**2), 6), round(spearman(x, -x), 6)
    (1.0, -1.0)
    """
    first, second = _ranks(one), _ranks(other)
    if any(len(rank) < 2 or rank.min() == rank.max() for rank in (first, second)):
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    return float((first @ second) / np.sqrt((first @ first) * (second @ second)))


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean_rank[places], np.float64)


def _keep(kept: list[tuple[float, int, Alert]], alert: Alert, order: int) -> None:
    entry = (alert.score, -order, alert)
    if len(kept) < MOST_TOLD:
        heapq.heappush(kept, entry)
    elif entry[:2] > kept[0][:2]:
        heapq.heapreplace(kept, entry)


def _reader(active: Contender, candidate: Contender) -> Prepared:
    """How flows are read so that both can judge them: one may keep payload that the other does not look at."""
    for contender in (active, candidate):
        if contender.representation.companion is not None or contender.representation.has_arp:
            raise UsageError(
                f"{contender.side.called} judges packets, and models are compared on flows; "
                "compare what `oddflow detect --truth` says of each"
            )
    one, other = active.prepared, candidate.prepared
    different = _differences(one.settings, other.settings)
    kept = {one.settings.payload, other.settings.payload} - {Payload.NONE}
    if len(kept) > 1:
        different.append(f"payload {one.settings.payload} and {other.settings.payload}")
    if different:
        raise UsageError(
            f"{active.side.called} and {candidate.side.called} want flows cut in different ways, so they have no flows "
            f"in common: {', '.join(different)}; learn the candidate with the active model's settings"
        )
    return other if one.settings.payload is Payload.NONE else one


def _differences(one: MeterSettings, other: MeterSettings) -> list[str]:
    names = [name for name in MeterSettings.__dataclass_fields__ if name != "payload"]
    return [
        f"{name.replace('_', ' ')} {getattr(one, name)} and {getattr(other, name)}"
        for name in names
        if getattr(one, name) != getattr(other, name)
    ]


def _remarks(active: Contender, candidate: Contender) -> list[str]:
    found = []
    for contender in (active, candidate):
        incomplete = contender.representation.incomplete
        told = contender.representation.remarks()
        if incomplete:
            told = [*told, f"{incomplete:,} flows lack something that others of their source have: taken as 0"]
        found += [f"{contender.side.called}: {remark}" for remark in told]
    if active.side.fingerprint == candidate.side.fingerprint:
        found.append("both are the same model: what they compute has the same fingerprint")
    return found


def _resident_bytes() -> int:
    """Memory of this process that is in use (proc(5), /proc/pid/statm)."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
