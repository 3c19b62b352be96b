"""Detection without an end: live flows in, alerts and incidents out as they come."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa

from oddflow.enrichment.enrichment import Enrichment
from oddflow.features.ordering import Waiting
from oddflow.features.representation import Representation
from oddflow.features.scored import scored
from oddflow.flows.meter import Companion
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.alerting import Alerting, Judged, OneModel, Spared
from oddflow.verdicts.calibration import Calibration
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.detecting import check_pseudonyms
from oddflow.verdicts.discovering import OnlineDiscovery
from oddflow.verdicts.drift.monitor import DriftMonitor, advice
from oddflow.verdicts.feedback.feedback import FollowedFeedback
from oddflow.verdicts.feedback.suppression import Suppression
from oddflow.verdicts.incidents.gathering import Incidents
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.uniformity import Uniformity

MOST_NEWS = 4
"""So much of what began to drift at once is told."""

REMEMBERED = 10_000
"""Flows by which drift is told."""


class Watcher:
    """Scores flows in the order in which they ended.

    Args:
        model: A sealed model.
        representation: A fresh representation with the model's home networks and context settings.
        threshold: The score from which on a flow is an alert.
        promised: The share of normal flows that may be alerts; drift is watched where it is given.
        patience_s: Flows wait this long for others that ended before them and are known to have ended only later;
            what comes later still is scored as it comes. With the longest time-out of the meter, scores are those
            of `detect` on the same packets.
        source: What alerts call where they came from.
        privacy: What may be told of the flows; home networks are as it lets them be seen.
        enrichment: What is known of addresses besides.
        feedback: What people say of alerts, if anything; it may change meanwhile.
        discovery: What chooses the flows by their p-values, in place of the threshold.
        collective: What sees groups of flows, if anything.
        judged: Told of all flows that were scored, a batch each time, before their alerts are given.

    Raises:
        SchemaMismatch: The model learnt other features, or under pseudonyms of another key.
    """

    def __init__(  # noqa: PLR0913  (each by keyword; most are what may be there beside the model)
        self,
        model: SealedModel,
        representation: Representation,
        *,
        threshold: float,
        promised: float | None = None,
        patience_s: float,
        source: str,
        privacy: Privacy = OPEN,
        enrichment: Enrichment | None = None,
        feedback: FollowedFeedback | None = None,
        discovery: OnlineDiscovery | None = None,
        collective: Collective | None = None,
        judged: Callable[[Judged], None] | None = None,
    ) -> None:
        model.check_features(representation.features)
        check_pseudonyms(model, privacy.fingerprint)
        self._representation = representation
        self._patience_ns = round(patience_s * 1e9)
        self._source = source
        self._privacy = privacy
        self._drift = None if promised is None else DriftMonitor(model, threshold, promised)
        calibration = Calibration(model.sample)
        self._uniformity = Uniformity(calibration, threshold, REMEMBERED)
        self._drift_told = False
        self._alerting = Alerting(
            OneModel(model),
            model.held_back,
            threshold,
            privacy=privacy,
            enrichment=enrichment or Enrichment(),
            calibration=calibration,
            discovery=discovery,
            uniformity=self._uniformity,
            collective=collective,
            feedback=feedback,
            drift=self._drift,
        )
        self._collective = collective
        self._judged = judged
        self._waiting = Waiting()
        self._incidents = Incidents(threshold)
        self.suppression = Suppression()

    def warnings(self) -> list[str]:
        """What began to drift since this was asked last, in sentences, with advice."""
        told = [] if (drifted := self.drift()) is None else [drifted]
        if self._drift is not None and (began := self._drift.news()):
            told += [*(f"drift: {drift.told}" for drift in began[:MOST_NEWS]), advice(self._drift.drifts)[-1]]
        return told

    @property
    def companion(self) -> Companion | None:
        """What must see the packets, beside the meter, if anything."""
        return self._representation.companion

    def add(self, flows: pa.RecordBatch) -> None:
        """Takes flows that ended; of those that `detect` does not score, either, none is kept."""
        for batch in scored([flows], arp=self._representation.has_arp):
            self._waiting.add(self._privacy.apply(batch))

    def alerts(self, seen_until_ns: int | None) -> list[Alert]:
        """The odd ones among the flows that need wait no longer; among all of them where no time is given."""
        flows = self._waiting.ready(None if seen_until_ns is None else seen_until_ns - self._patience_ns)
        if flows is None:
            return []
        judged = self._alerting.judged(flows, self._representation, self._source, self._privacy.fingerprint)
        if self._judged is not None:
            self._judged(judged)
        for rule, alert in judged.hidden:
            self.suppression.add(rule, alert)
        strands = [self._incidents.add(alert) for alert in judged.alerts]
        self._incidents.open()  # which incident each belongs to is known now
        return [
            replace(alert, incident=self._incidents.id_of(strand))
            for alert, strand in zip(judged.alerts, strands, strict=True)
        ]

    @property
    def waiting(self) -> int:
        """Flows that wait for others that ended before them."""
        return self._waiting.count

    @property
    def drifting(self) -> list[str]:
        """What drifts now, in sentences, with advice."""
        return [] if self._drift is None else advice(self._drift.drifts)

    def spare(self, spared: Spared) -> None:
        """Leaves out of alerts, from now on, what they can do without."""
        self._alerting.spared = spared

    def begin(self) -> None:
        """Another source begins, whose time need not follow that of the last; all flows before were asked for."""
        self._representation.begin()
        if self._collective is not None:
            self._collective.begin()

    def remember(self, alerts: Iterable[Alert]) -> None:
        """Alerts that another one gave, before this one began: what comes may belong to their incidents."""
        for alert in alerts:
            self._incidents.add(alert)
        self._incidents.news()

    def open_incidents(self) -> list[Incident]:
        """Those that alerts may still join, in the order in which they began."""
        return self._incidents.open()

    def news(self, *, last: bool = False) -> list[tuple[Incident, bool]]:
        """As Incidents.news."""
        return self._incidents.news(last=last)

    def incidents(self) -> list[Incident]:
        """All that are kept, the gravest first."""
        return self._incidents.incidents()

    def drift(self) -> str | None:
        """Once, as soon as it shows: that scores are no longer those that the threshold was set on, in words."""
        told = None if self._drift_told else self._uniformity.told()
        self._drift_told = self._drift_told or told is not None
        return told
