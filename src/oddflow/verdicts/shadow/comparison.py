"""What two models said of the same flows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.losses import Ledger
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.detection import Threshold


@dataclass(slots=True)
class Side:
    """One of the two models, and what it did.

    Attributes:
        called: As people call it: "office@3", or its file.
        detector: What it is.
        fingerprint: Of what it computes.
        threshold: What the budget means to it; `expected_false` is a number of flows here.
        file_bytes: Size of its parts.
        memory_bytes: By how much the process grew while it was loaded and scored its first 2,048 rows.
        alerts: Flows over its threshold.
        seconds: Processor time to build features, score and explain.
    """

    called: str
    detector: str
    fingerprint: str
    threshold: Threshold
    file_bytes: int
    memory_bytes: int
    alerts: int = 0
    seconds: float = 0.0

    def flows_per_s(self, flows: int) -> float:
        """How many flows it judges in a second of processor time."""
        return flows / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class Seen:
    """An attack of the ground truth: its flows, and how many of them each model shows."""

    what: str
    flows: int
    active: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the ground truth says: attacks, and false alarms among the benign flows."""

    attacks: tuple[Seen, ...]
    benign_flows: int
    active_false: int
    candidate_false: int


@dataclass(slots=True)
class Comparison:
    """Both models on all flows.

    Attributes:
        sources: What was read.
        active: The model that is in use.
        candidate: The one that might be.
        flows: How many both judged.
        both, only_active, only_candidate: Flows that are alerts of both, or of one.
        correlation: Spearman's rank correlation of the scores (of a uniform sample of them); NaN where one is constant.
        sample: Scores of a uniform sample of flows, active's and candidate's: (m, 2).
        lost: Alerts that only the active model raises, the strongest first, at most `MOST_TOLD`.
        gained: The same of the candidate.
        known: What the ground truth says, where it is given.
        remarks: What a reader must know.
    """

    sources: list[str]
    active: Side
    candidate: Side
    flows: int
    both: int
    only_active: int
    only_candidate: int
    correlation: float
    sample: NDArray[np.float32]
    lost: list[Alert]
    gained: list[Alert]
    ledger: Ledger
    known: Known | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def agreement(self) -> float:
        """Alerts of both, of all alerts (Jaccard 1901); 1 where neither has any."""
        union = self.both + self.only_active + self.only_candidate
        return self.both / union if union else 1.0

    def as_dict(self) -> dict[str, Any]:
        """For --json; NaN is null."""
        known = self.known
        return {
            "sources": self.sources,
            "flows": self.flows,
            "active": _side(self.active, self.flows),
            "candidate": _side(self.candidate, self.flows),
            "alerts": {
                "both": self.both,
                "only_active": self.only_active,
                "only_candidate": self.only_candidate,
                "agreement": round(self.agreement, 4),
            },
            "rank_correlation": None if np.isnan(self.correlation) else round(self.correlation, 4),
            "lost": [alert.as_dict() for alert in self.lost],
            "gained": [alert.as_dict() for alert in self.gained],
            "truth": None
            if known is None
            else {
                "attacks": [
                    {"what": one.what, "flows": one.flows, "active": one.active, "candidate": one.candidate}
                    for one in known.attacks
                ],
                "benign_flows": known.benign_flows,
                "active_false": known.active_false,
                "candidate_false": known.candidate_false,
            },
            "remarks": self.remarks,
            "ledger": self.ledger.as_dict(),
        }


def _side(side: Side, flows: int) -> dict[str, Any]:
    return {
        "model": side.called,
        "detector": side.detector,
        "fingerprint": side.fingerprint,
        "threshold": side.threshold.score,
        "budget": side.threshold.budget,
        "expected_false": round(side.threshold.expected_false, 2),
        "alerts": side.alerts,
        "flows_per_s": round(side.flows_per_s(flows)),
        "file_bytes": side.file_bytes,
        "memory_bytes": side.memory_bytes,
    }
