"""Detection: flows in, a ranked and explained result out, in one pass and bounded memory."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from oddflow.datasets.truth import GroundTruth
from oddflow.enrichment.enrichment import Enrichment
from oddflow.errors import SchemaMismatch
from oddflow.features.columns import integers
from oddflow.features.ordering import in_end_order
from oddflow.features.representation import Representation
from oddflow.features.scored import scored
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Reads, Source, name_of, read_flows
from oddflow.losses import Ledger
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert, AlertRow
from oddflow.verdicts.alerting import Alerting, Judge, OneModel
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.detection import AttackOutcome, Detection, Threshold, TruthSummary
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.drift.monitor import DriftMonitor, advice
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.suppression import Suppression
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.outcome import IncidentOutcome
from oddflow.verdicts.rows import fold
from oddflow.verdicts.tally import ScoreTally, TimeTally
from oddflow.verdicts.uniformity import Uniformity

MAX_ALERTS = 20_000
FIRST_ROWS = 20
FEWEST_FOR_VOLUME = 100
MUCH_MORE = 2.0
"""Times the flows of the baseline from which on the reader is told."""


@dataclass(slots=True)
class _Run:
    """What gathers while flows pass."""

    alerting: Alerting
    truth: GroundTruth | None
    scores: ScoreTally = field(default_factory=ScoreTally)
    times: TimeTally = field(default_factory=TimeTally)
    flows: int = 0
    alerts: list[tuple[float, int, Alert, int]] = field(default_factory=list)
    met: int = 0
    not_kept: int = 0
    learnt_per_s: float = 0.0
    attack_flows: Counter[str] = field(default_factory=Counter)
    attack_alerts: Counter[str] = field(default_factory=Counter)
    incidents: Incidents = field(init=False)
    suppression: Suppression = field(default_factory=Suppression)

    def __post_init__(self) -> None:
        self.incidents = Incidents(self.alerting.threshold)

    def add(self, batch: pa.RecordBatch, representation: Representation, source: Source, pseudonyms: str) -> None:
        """Scores one batch of flows, in end order; `pseudonyms` is the fingerprint of the key that they are under."""
        names = self.truth.attacks(batch) if self.truth else None
        judged = self.alerting.judged(batch, representation, source, pseudonyms, names)
        self.flows += batch.num_rows
        self.scores.add(judged.scores)
        self.times.add(integers(batch, "start"), judged.over)
        if names:
            self.attack_flows.update(names)
            self.attack_alerts.update(name for name, is_over in zip(names, judged.over, strict=True) if is_over)
            # flows of attacks are counted by themselves; a group that is none is a false alarm all the same
            self.attack_alerts[""] += sum(not alert.truth for alert in judged.groups)
        for alert in judged.alerts:
            self._keep(alert)
        for rule, alert in judged.hidden:
            self.suppression.add(rule, alert)

    def _keep(self, alert: Alert) -> None:
        self.met += 1  # parts equal scores: alerts themselves have no order
        entry = (alert.score, -self.met, alert, self.incidents.add(alert))
        if len(self.alerts) < MAX_ALERTS:
            heapq.heappush(self.alerts, entry)
        else:
            heapq.heappushpop(self.alerts, entry)
            self.not_kept += 1


def detect(  # noqa: PLR0913  (what is judged, by what, and what may be told)
    sources: Sequence[Source],
    model: SealedModel,
    representation: Representation,
    *,
    settings: MeterSettings,
    threshold: Threshold,
    judge: Judge | None = None,
    population: str = "normal flows",
    truth: GroundTruth | None = None,
    progress: Progress | None = None,
    privacy: Privacy = OPEN,
    enrichment: Enrichment | None = None,
    feedback: Feedback | None = None,
    discovery: OnlineDiscovery | None = None,
    collective: Collective | None = None,
    read: Reads = read_flows,
) -> Detection:
    """Scores all flows of the sources and keeps those over the budget's threshold.

    Args:
        sources: Captures or flow tables, as `arrange` gives them.
        model: A sealed model.
        representation: A fresh representation with the model's home networks and context settings.
        settings: How the model's flows were cut.
        threshold: The score from which on a flow is shown; its `expected_false` is a share of flows here.
        judge: What gives the scores, where it is not the model alone.
        population: What held-back scores are those of, in words.
        truth: Ground truth, to report found, missed and false.
        progress: Told of the bytes read.
        privacy: What may be told of the flows; home networks and truth are as it lets them be seen.
        enrichment: What is known of addresses besides; names that are seen are added to it.
        feedback: What people said of alerts, if anything.
        discovery: What chooses the flows by their p-values, in place of the threshold.
        collective: What sees groups of flows, if anything.
        read: Reads a source as `read_flows` does: on a cluster, say.

    Raises:
        NothingMetered: No source held a flow.
        InputError: A source cannot be used.
        SchemaMismatch: The model was learnt on other features, or under pseudonyms of another key.
    """
    model.check_features(representation.features)
    enrichment = enrichment or Enrichment()
    # a judge of its own judges by flows that nobody knows to be normal
    calibration = Calibration(model.sample) if judge is None else None
    drift = DriftMonitor(model, threshold.score, threshold.expected_false) if judge is None else None
    alerting = Alerting(
        judge or OneModel(model),
        model.held_back,
        threshold.score,
        population,
        privacy,
        enrichment,
        calibration=calibration,
        discovery=discovery,
        uniformity=None if calibration is None else Uniformity(calibration, threshold.score),
        collective=collective,
        feedback=feedback,
        drift=drift,
    )
    run = _Run(alerting, truth, learnt_per_s=model.manifest.flows_per_s)
    ledger = Ledger()
    for source in sources:
        representation.begin()
        if collective is not None:
            collective.begin()
        seen = Fingerprint(name_of(source), hashed=False)
        flows = read(
            source,
            ledger,
            settings=settings,
            seen=seen,
            progress=progress,
            privacy=privacy,
            companion=representation.companion,
        )
        for batch in in_end_order(scored(flows, arp=representation.has_arp), wait_s=settings.longest_wait_s):
            pseudonyms = seen.pseudonyms or privacy.fingerprint
            check_pseudonyms(model, pseudonyms)
            run.add(batch, representation, source, pseudonyms)
    if not run.flows:
        raise ledger.nothing_metered([name_of(source) for source in sources])
    held_back = ScoreTally()
    held_back.add(model.held_back)
    incidents = run.incidents.incidents()
    rows = fold(replace(alert, incident=run.incidents.id_of(strand)) for _, _, alert, strand in run.alerts)
    return Detection(
        sources=[privacy.name(name_of(source)) for source in sources],
        rows=rows,
        threshold=_told_of(threshold, run),
        histogram=run.scores.drawn_beside(held_back),
        timeline=run.times.drawn(),
        flows=run.flows,
        ledger=ledger,
        model=_told(model, privacy),
        truth=_summary(run, rows, incidents, truth) if truth else None,
        remarks=_remarks(run, representation)
        + enrichment.remarks()
        + (truth.report().told() if truth else [])
        + (advice(drift.drifts) if drift else []),
        not_kept=run.met - len(run.alerts),
        incidents=incidents,
        hidden=run.suppression.by_rule(),
        drifts=drift.drifts if drift else [],
        hidden_rows=fold(run.suppression.alerts()),
    )


def check_pseudonyms(model: SealedModel, fingerprint: str) -> None:
    """Refuses flows under the pseudonyms of another key than the model's, or under none.

    Raises:
        SchemaMismatch: Its home networks would be taken for others.
    """
    learnt = model.manifest.pseudonyms
    if learnt and learnt != fingerprint:
        given = f"those of {fingerprint}" if fingerprint else "none"
        raise SchemaMismatch(
            f"the model was learnt under pseudonyms of the key {learnt}, and these flows are under {given}; "
            "give that key with --pseudonymise, or learn a model anew"
        )


def _told_of(threshold: Threshold, run: _Run) -> Threshold:
    """The threshold with what it lets expect of this source."""
    alerting = run.alerting
    if alerting.discovery is not None:
        # no score is the border: the lowest that was shown is told, or one above all that were held back
        shown = [score for score, *_ in run.alerts]
        return replace(threshold, score=min(shown, default=threshold.score))
    expected = float(f"{threshold.expected_false * run.flows:.2g}")
    return replace(threshold, expected_false=expected, expected_between=_between(alerting, run.flows))


def _between(alerting: Alerting, flows: int) -> tuple[float, float] | None:
    """How many of so many normal flows are shown, at 95 %; None where nothing is known to be normal."""
    if alerting.calibration is None or alerting.discovery is not None:
        return None
    found = alerting.calibration.false_alarms(alerting.threshold, flows)
    return found.low, found.high


def _told(model: SealedModel, privacy: Privacy) -> dict[str, Any]:
    """The manifest as it may be told: what it learnt from, and the home networks, as the flows are."""
    told: dict[str, Any] = model.manifest.model_dump(mode="json")
    if not told["pseudonyms"]:
        told["home_networks"] = list(privacy.networks(tuple(told["home_networks"])))
        for source in told["provenance"]["sources"]:
            source["name"] = privacy.name(source["name"])
    return told


def _remarks(run: _Run, representation: Representation) -> list[str]:
    remarks = representation.remarks()
    if run.alerting.collective is not None:
        remarks += run.alerting.collective.remarks()
    if representation.incomplete:
        remarks.append(
            f"{representation.incomplete:,} flows lack something that others of their source have: it was taken as 0"
        )
    if run.not_kept:
        remarks.append(f"{run.not_kept:,} more alerts, of lower score, are counted and not listed")
    if volume := _volume(run):
        remarks.append(volume)
    drift = run.alerting.uniformity.told() if run.alerting.uniformity is not None else None
    if drift:
        remarks.append(drift)
    remarks += run.incidents.remarks()
    return remarks


def _volume(run: _Run) -> str | None:
    """In words, that this source has far more or fewer flows than the baseline, for which a budget in time was set."""
    seconds = run.times.occupied_s
    if run.alerting.calibration is None or run.flows < FEWEST_FOR_VOLUME or not run.learnt_per_s:
        return None
    here = run.flows / seconds
    if 1 / MUCH_MORE <= here / run.learnt_per_s <= MUCH_MORE:
        return None
    return (
        f"{here:,.3g} flows a second came, and the baseline had {run.learnt_per_s:,.3g}: a budget in time was set for "
        f"the baseline's, so expect {here / run.learnt_per_s:,.2g} times as many false alarms a day"
    )


def _summary(run: _Run, rows: list[AlertRow], incidents: list[Incident], truth: GroundTruth) -> TruthSummary:
    best: dict[str, int] = {}
    for row in rows:
        for alert in row.alerts:
            if alert.truth:
                best.setdefault(alert.truth, row.rank)
    first = [alert for row in rows[:FIRST_ROWS] for alert in [row.top]]
    attacks = sorted((name for name in run.attack_flows if name), key=lambda name: best.get(name, len(rows) + 1))
    return TruthSummary(
        attacks=tuple(
            AttackOutcome(name, run.attack_flows[name], run.attack_alerts[name], best.get(name)) for name in attacks
        ),
        benign_flows=run.attack_flows[""],
        false_alerts=run.attack_alerts[""],
        false_rows_in_first_20=sum(alert.truth == "" for alert in first),
        joined=truth.report(),
        incidents=IncidentOutcome.of(incidents, attacks),
        false_between=_between(run.alerting, run.attack_flows[""]),
    )
