"""Flows that were scored become alerts: the one road of `detect` and `watch`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.capture_set import CaptureSet
from oddflow.enrichment.enrichment import Enrichment
from oddflow.features.columns import integers
from oddflow.features.representation import Representation
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Source, name_of
from oddflow.models.format import CARD
from oddflow.models.held_back import Circumstances
from oddflow.models.prototypes import holds_words
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.categories import Likeliest, facts_of, likeliest
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.drift.monitor import DriftMonitor
from oddflow.verdicts.enriching import enriched
from oddflow.verdicts.feedback.feedback import Feedback, FollowedFeedback
from oddflow.verdicts.feedback.rule import Rule
from oddflow.verdicts.naming import REASONS, Normal, plain_rows
from oddflow.verdicts.uniformity import Uniformity


class Spared(IntEnum):
    """What alerts do without where there is no time for all; each with what is above it. Never an alert itself."""

    NOTHING = 0
    PICTURES = 1
    """The first bytes of the flow."""
    EXPLANATIONS = 2
    """All reasons but the first, what is known of the ends, how likely the score is by chance."""


class Judge(Protocol):
    """What scores flows: one model, or one for each stretch of time."""

    def score(
        self, x: NDArray[np.float32], times_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Feature rows (n, d) and the ends of their flows (n,) -> scores (n,) and contributions (n, d)."""

    def model_at(self, time_ns: int) -> SealedModel:
        """The model that scores flows which end then."""


@dataclass(frozen=True, slots=True)
class OneModel:
    """The same model at all times."""

    model: SealedModel

    def score(
        self,
        x: NDArray[np.float32],
        times_ns: NDArray[np.int64],  # noqa: ARG002
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As SealedModel.score."""
        return self.model.score(x)

    def model_at(self, time_ns: int) -> SealedModel:  # noqa: ARG002
        """The model."""
        return self.model


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch of n flows after they were scored.

    Attributes:
        flows: The batch.
        scores: Of each flow, (n,).
        over: Which are alerts that are shown, (n,).
        alerts: What those are, in their order; then the groups that these flows brought over their limits.
        hidden: Alerts that feedback hides, each with the rule that does.
        names: What the ground truth says of each flow, where there is one.
        groups: Those of the alerts that are of groups.
    """

    flows: pa.RecordBatch
    scores: NDArray[np.float32]
    over: NDArray[np.bool_]
    alerts: list[Alert]
    names: Sequence[str] | None
    groups: list[Alert] = field(default_factory=list)
    hidden: list[tuple[Rule, Alert]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Scored:
    """A batch of n flows with their rows (n, d), scores (n,) and parts of these (n, d), and where it comes from."""

    flows: pa.RecordBatch
    x: NDArray[np.float32]
    scores: NDArray[np.float32]
    parts: NDArray[np.float32]
    version: str
    source: Source
    pseudonyms: str
    names: Sequence[str] | None


@dataclass(slots=True)
class Alerting:
    """Scores batches of flows, and makes alerts of those over the threshold.

    Attributes:
        judge: What scores.
        held_back: Scores of held-back normal flows, ascending, (m,).
        threshold: The score from which on a flow is an alert.
        population: What held-back scores are those of, in words.
        privacy: What may be told of the flows.
        enrichment: What is known of their ends; flows under pseudonyms are not looked at.
        feedback: What people said of alerts, if anything.
        drift: Told of all flows that were scored, where it is watched whether they are like the baseline.
        calibration: What p-values are told by; None where nothing is known to be normal.
        discovery: What chooses the flows by their p-values, in place of the threshold.
        uniformity: Told of all scores, where there is one.
        collective: What sees groups of flows, if anything.
        spared: What alerts do without now.
    """

    judge: Judge
    held_back: NDArray[np.float32]
    threshold: float
    population: str = "normal flows"
    privacy: Privacy = OPEN
    enrichment: Enrichment = field(default_factory=Enrichment)
    calibration: Calibration | None = None
    discovery: OnlineDiscovery | None = None
    uniformity: Uniformity | None = None
    collective: Collective | None = None
    feedback: Feedback | FollowedFeedback | None = None
    drift: DriftMonitor | None = None
    spared: Spared = Spared.NOTHING
    _normals: dict[str, Normal] = field(default_factory=dict)

    def judged(
        self,
        flows: pa.RecordBatch,
        representation: Representation,
        source: Source,
        pseudonyms: str,
        names: Sequence[str] | None = None,
    ) -> Judged:
        """One batch of flows, in end order; `pseudonyms` is the fingerprint of the key that they are under."""
        x, ends_ns = representation.rows(flows), integers(flows, "end")
        scores, parts = self.judge.score(x, ends_ns)
        batch = _Scored(flows, x, scores, parts, representation.version, source, pseudonyms, names)
        self._observe(batch, ends_ns)
        feedback = self.feedback.now() if isinstance(self.feedback, FollowedFeedback) else self.feedback
        over = self._over(scores)
        alerts = self._alerts(batch, np.flatnonzero(over))
        if feedback is not None:
            asked = np.flatnonzero(feedback.shown(flows, scores, self.threshold) & ~over)
            marked = {
                place: alert for place, alert in self._alerts(batch, asked).items() if feedback.is_malicious(alert)
            }
            over[list(marked)] = True
            alerts = dict(sorted((alerts | marked).items()))
        if self.calibration is not None and alerts and self.spared < Spared.EXPLANATIONS:
            alerts = self._with_chances(self.calibration, alerts, x)
        groups = self._groups(batch)
        if feedback is None:
            return Judged(flows, scores, over, [*alerts.values(), *groups], names, groups)
        hidden = {place: rule for place, alert in alerts.items() if (rule := feedback.hiding(alert)) is not None}
        over[list(hidden)] = False
        shown = [alert for place, alert in alerts.items() if place not in hidden]
        ruled = [(feedback.hiding(alert), alert) for alert in groups]
        groups = [alert for rule, alert in ruled if rule is None]
        told = [(rule, alerts[place]) for place, rule in hidden.items()]
        told += [(rule, alert) for rule, alert in ruled if rule is not None]
        return Judged(flows, scores, over, shown + groups, names, groups, told)

    def _observe(self, batch: "_Scored", ends_ns: NDArray[np.int64]) -> None:
        """Tells all who look at every flow, whether it is an alert or not."""
        if self.uniformity is not None:
            self.uniformity.add(batch.scores)
        if self.drift is not None:
            self.drift.add(batch.x, batch.scores, ends_ns)
        if not batch.pseudonyms:
            self.enrichment.observe(batch.flows)

    def _alerts(self, batch: "_Scored", places: NDArray[np.int64]) -> dict[int, Alert]:
        """Alerts by the place of their flow."""
        flows = plain_rows(batch.flows, places)
        return {int(place): self._alert(batch, int(place), flow) for place, flow in zip(places, flows, strict=True)}

    def _alert(self, batch: "_Scored", place: int, flow: dict[str, Any]) -> Alert:
        row, parts = batch.x[place], batch.parts[place]
        model = self.judge.model_at(flow["end"])
        normal = self._normal(model)
        alert = normal.alert(
            flow,
            float(batch.scores[place]),
            normal.reasons(row, parts, most=REASONS if self.spared < Spared.EXPLANATIONS else 1),
            self.privacy.name(name_of(batch.source)),
            batch.names[place] if batch.names is not None else None,
            pseudonyms=batch.pseudonyms,
            likeliest=likeliest_of(model, row, flow),
            kind=normal.kind(row, parts, batch.version),
        )
        hides = bool(batch.pseudonyms) and holds_words(model.features)
        alert = replace(alert, threshold=float(self.threshold), row=b"" if hides else row.astype("<f4").tobytes())
        if self.spared >= Spared.PICTURES:
            alert = replace(alert, payload=b"")
        if not batch.pseudonyms and self.spared < Spared.EXPLANATIONS:
            alert = enriched(alert, flow, self.enrichment)
        return self._with_files(alert, batch.source) if isinstance(batch.source, CaptureSet) else alert

    def _groups(self, batch: "_Scored") -> list[Alert]:
        """Alerts of the groups that these flows brought over their limits."""
        # under other pseudonyms than the baseline's, no host would be the one that was known there
        if self.collective is None or self.collective.pseudonyms != batch.pseudonyms:
            return []
        found = self.collective.found(batch.flows)
        flows = plain_rows(batch.flows, np.array([place for place, _ in found], np.int64)) if found else []
        return [
            finding.alert(flow, self._alert(batch, place, flow), self.threshold)
            for (place, finding), flow in zip(found, flows, strict=True)
        ]

    def _over(self, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        if self.discovery is None or self.calibration is None:
            return np.asarray(scores >= self.threshold)
        return self.discovery.shown(self.calibration.p_values(scores))

    def _with_chances(
        self, calibration: Calibration, alerts: dict[int, Alert], x: NDArray[np.float32]
    ) -> dict[int, Alert]:
        """Alerts by the place of their flow, with p-values; `x` are the rows of all flows, (n, d)."""
        scores = np.array([alert.score for alert in alerts.values()], np.float32)
        ends = np.array([alert.end_ns for alert in alerts.values()], np.int64)
        features = self.judge.model_at(int(ends[0])).features
        chances = calibration.p_values(scores)
        low, high = calibration.intervals(scores)
        here = calibration.p_values(scores, Circumstances.of(x[list(alerts)], ends, features))
        return {
            place: replace(
                alert,
                p_value=_shown(chances[number]),
                p_low=_shown(low[number]),
                p_high=_shown(high[number]),
                context_p_value=_shown(here[number]),
            )
            for number, (place, alert) in enumerate(alerts.items())
        }

    def _with_files(self, alert: Alert, source: CaptureSet) -> Alert:
        files = (self.privacy.name(name) for name in source.between(alert.start_ns, alert.end_ns))
        return replace(alert, captures=(alert.first_capture, *(name for name in files if name != alert.first_capture)))

    def _normal(self, model: SealedModel) -> Normal:
        if model.fingerprint not in self._normals:
            self._normals[model.fingerprint] = normal_of(model, self.held_back, self.population)
        return self._normals[model.fingerprint]


def likeliest_of(model: SealedModel, row: NDArray[np.float32], flow: dict[str, Any]) -> Likeliest:
    """By the model where it learnt from labels, else by rules on the evidence."""
    facts = facts_of(flow, row, model.features)
    if not model.manifest.classes:
        return likeliest(facts)
    category, probability = model.likeliest_attack(row)
    ruled = likeliest(facts)
    # a technique is named only where both see the same
    return Likeliest(category, probability, ruled.techniques if ruled.category == category else ())


def _shown(chance: float) -> float:
    """With as many digits as mean something."""
    return float(f"{chance:.3g}")


def _identity(model: SealedModel) -> str:
    """Names what a model computes, not when it was made: learnt again, it gives alerts the same ids."""
    return " ".join(digest for name, digest in sorted(model.manifest.parts.items()) if name != CARD)


def normal_of(model: SealedModel, held_back: NDArray[np.float32], population: str) -> Normal:
    """What a sealed model says is normal; rarity is counted among `held_back`."""
    ranges = model.manifest.ranges
    return Normal(
        features=model.features,
        low=np.array([r.q001 for r in ranges], np.float64),
        high=np.array([r.maximum for r in ranges], np.float64),
        groups={group.value: (np.array(group.low), np.array(group.high)) for group in model.manifest.groups},
        held_back=held_back,
        model_id=_identity(model),
        population=population,
    )
