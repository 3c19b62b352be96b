"""What one run of `detect` found, with all that a person needs in order to believe it."""

from dataclasses import dataclass, field
from typing import Any

from oddflow.datasets.truth import NOTHING_JOINED, TruthReport
from oddflow.losses import Ledger
from oddflow.verdicts.alert import Alert, AlertRow
from oddflow.verdicts.drift.finding import Drift
from oddflow.verdicts.feedback.suppression import Hidden
from oddflow.verdicts.incidents.incident import Incident
from oddflow.verdicts.incidents.outcome import IncidentOutcome
from oddflow.verdicts.rows import fold


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which on a flow is shown, and what that promises.

    Attributes:
        score: Flows with this score or more are alerts.
        budget: What was asked, in words: "10 false alarms a day".
        promise: What held-back normal flows can promise, in words.
        expected_false: False alarms expected in this source at most, if it is like the baseline; NaN where nothing
            can be said.
        held_back: Number of normal flows that the threshold was set on.
        expected_between: The ends of the 95 % interval of false alarms in this source; None where nothing can be said.
    """

    score: float
    budget: str
    promise: str
    expected_false: float
    held_back: int
    expected_between: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """Counts of scores in shared bins: `edges` (b+1,), `normal` (b,) held back, `seen` (b,) in this source."""

    edges: tuple[float, ...]
    normal: tuple[int, ...]
    seen: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Flows and alerts in bins of equal width: `start_ns`, `width_ns`, `flows` (b,), `alerts` (b,)."""

    start_ns: int
    width_ns: int
    flows: tuple[int, ...]
    alerts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AttackOutcome:
    """How one attack of the ground truth fared; `best_rank` is its best row, None when it was missed."""

    what: str
    flows: int
    alerts: int
    best_rank: int | None


@dataclass(frozen=True, slots=True)
class TruthSummary:
    """Found, missed and false against the ground truth; `joined` says how its rows and the flows met.

    `false_between` are the ends of the 95 % interval in which `false_alerts` were expected; None where nothing can be
    said.
    """

    attacks: tuple[AttackOutcome, ...]
    benign_flows: int
    false_alerts: int
    false_rows_in_first_20: int
    joined: TruthReport = NOTHING_JOINED
    incidents: IncidentOutcome | None = None
    false_between: tuple[float, float] | None = None


@dataclass(slots=True)
class Detection:
    """The whole result: rows ranked by score, and how they came about."""

    sources: list[str]
    rows: list[AlertRow]
    threshold: Threshold
    histogram: ScoreHistogram
    timeline: Timeline
    flows: int
    ledger: Ledger
    model: dict[str, Any]
    """The sealed model's manifest, as JSON values."""
    truth: TruthSummary | None = None
    remarks: list[str] = field(default_factory=list)
    """What the reader must know: warm-up, drift of the input, a baseline learnt from the capture itself."""

    not_kept: int = 0
    """Alerts of the lowest scores that were counted only."""

    incidents: list[Incident] = field(default_factory=list)
    """What the alerts are together, the gravest first."""

    hidden: list[Hidden] = field(default_factory=list)
    """What each rule of feedback hid; none of it is among the rows."""

    drifts: list[Drift] = field(default_factory=list)
    """How the traffic is unlike the baseline, the farthest first; `remarks` says it in words."""

    hidden_rows: list[AlertRow] = field(default_factory=list)
    """The oddest alerts that were hidden, for those who ask."""

    @property
    def alerts(self) -> int:
        """Number of flows over the threshold."""
        return self.not_kept + sum(len(row.alerts) for row in self.rows)

    @property
    def suppressed(self) -> int:
        """Number of alerts that feedback hid."""
        return sum(hidden.alerts for hidden in self.hidden)

    def rows_of_incidents(self) -> dict[str, list[AlertRow]]:
        """The rows of each incident by its id; ranks count within the incident."""
        alerts: dict[str, list[Alert]] = {}
        for row in self.rows:
            for alert in row.alerts:
                alerts.setdefault(alert.incident, []).append(alert)
        return {an_id: fold(each) for an_id, each in alerts.items()}
