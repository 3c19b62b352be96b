"""Queues to learn on and to be judged on: alerts whose truth is known, folded, thinned and mixed."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import InputError, UsageError
from oddflow.verdicts.alert import Alert
from oddflow.verdicts.record import read_alerts
from oddflow.verdicts.rows import flow_key, fold
from oddflow.verdicts.triage.candidate import Candidate, candidate_of


@dataclass(frozen=True, slots=True)
class Queue:
    """Candidates, and what looking at each would show.

    Attributes:
        candidates: n rows of alerts.
        evidence: How many alerts of each of m incidents each row holds, (n, m); all 0 for a benign row.
        incidents: Their names.
    """

    candidates: tuple[Candidate, ...]
    evidence: NDArray[np.int64]
    incidents: tuple[str, ...]


Dealer = Callable[[np.random.Generator], Queue]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The alerts of one capture, each with its truth; `name` tells captures apart."""

    name: str
    alerts: tuple[Alert, ...]

    @classmethod
    def read(cls, path: str) -> "Labelled":
        """Reads what `oddflow detect --truth … -o` wrote.

        Raises:
            InputError: It holds no alerts, or says of one neither that it is benign nor what it is.
        """
        alerts = tuple(read_alerts(path))
        if not alerts or any(alert.truth is None for alert in alerts):
            raise InputError(
                f"{path}: {'its alerts say not what they are' if alerts else 'no alerts'}; expected a file that "
                "`oddflow detect --truth TRUTH.csv -o` wrote"
            )
        return cls(Path(path).stem, alerts)


def read_all(paths: Sequence[str]) -> list[Labelled]:
    """Reads several captures' alerts.

    Raises:
        UsageError: None holds an attack.
        InputError: See `Labelled.read`.
    """
    captures = [Labelled.read(path) for path in paths]
    if not any(alert.truth for capture in captures for alert in capture.alerts):
        raise UsageError("none of these alerts belongs to an attack, so there is nothing to find")
    return captures


MARKED = 32


def marks_of(capture: Labelled) -> list[str]:
    """Hashes of the ends and times of a capture's highest flows: the same whichever model found them odd."""
    highest = sorted(capture.alerts, key=lambda alert: (-alert.score, flow_key(alert)))[:MARKED]
    return sorted(map(_mark, highest))


def _mark(alert: Alert) -> str:
    return hashlib.sha256(repr((flow_key(alert)[:5], alert.start_ns // 1_000)).encode()).hexdigest()[:12]


def check_apart(known: Iterable[object], given: Sequence[Labelled]) -> None:
    """Refuses captures that a policy learnt: the same flows are never in learning and in test.

    Args:
        known: Marks of flows that it learnt.
        given: What it is to be judged on.

    Raises:
        UsageError: Which of them was learnt.
    """
    marks = set(map(str, known))
    for capture in given:
        if any(_mark(alert) in marks for alert in capture.alerts):
            raise UsageError(f"{capture.name}: the policy was learnt on flows of it; judge it on other captures")


def queue_of(parts: Sequence[tuple[str, Sequence[Alert]]]) -> Queue:
    """Folds alerts of captures, by name, into one queue; hosts and incidents of different ones are apart."""
    candidates: list[Candidate] = []
    counts: list[Counter[str]] = []
    for name, alerts in parts:
        for row in fold(alerts):
            candidates.append(candidate_of(row, f"{name} "))
            counts.append(Counter(f"{name} {alert.truth}" for alert in row.alerts if alert.truth))
    incidents = tuple(sorted(set().union(*counts))) if counts else ()
    evidence = np.array([[count[incident] for incident in incidents] for count in counts], np.int64)
    return Queue(tuple(candidates), evidence.reshape(len(candidates), len(incidents)), incidents)


def as_recorded(captures: Sequence[Labelled]) -> list[Queue]:
    """A queue of each capture as it was recorded."""
    return [queue_of([(capture.name, capture.alerts)]) for capture in captures]


def dealt(queues: Sequence[Queue]) -> Dealer:
    """Deals one of these queues, each as often."""
    return lambda chance: queues[int(chance.integers(len(queues)))]


QUIETEST, LEAST_KEPT = 0.2, 2


@dataclass(frozen=True, slots=True)
class Mixer:
    """Deals queues drawn from captures.

    Each queue holds one to three captures, in each of which some attacks are left out, others made quieter, and of the
    benign rows a share of 50 to 100 % is kept. A quieter attack keeps only flows whose scores are below some quantile
    of its own, 20 to 100 %, and of those a share down to 1 %: slower scans, shorter tunnels.

    Attributes:
        captures: What is drawn from.
        quiet: Whether attacks are made quieter.
    """

    captures: Sequence[Labelled]
    quiet: bool = True

    def __call__(self, chance: np.random.Generator) -> Queue:
        """A queue; the same for the same state of chance."""
        count = int(chance.integers(1, min(3, len(self.captures)) + 1))
        chosen = chance.choice(len(self.captures), count, replace=False)
        parts = [(self.captures[place].name, self._drawn(self.captures[place], chance)) for place in chosen]
        return queue_of(parts)

    def _drawn(self, capture: Labelled, chance: np.random.Generator) -> list[Alert]:
        by_truth: dict[str, list[Alert]] = {}
        for alert in capture.alerts:
            by_truth.setdefault(alert.truth or "", []).append(alert)
        kept = self._thinned_rows(by_truth.pop("", []), chance)
        for name in sorted(by_truth):
            if chance.random() < 0.75:
                kept += _quieter(by_truth[name], chance) if self.quiet else by_truth[name]
        return kept

    def _thinned_rows(self, alerts: list[Alert], chance: np.random.Generator) -> list[Alert]:
        share = chance.uniform(0.5, 1.0)
        return [alert for row in fold(alerts) if chance.random() < share for alert in row.alerts]


def _quieter(alerts: list[Alert], chance: np.random.Generator) -> list[Alert]:
    scores = np.array([alert.score for alert in alerts])
    below = np.flatnonzero(scores <= np.quantile(scores, chance.uniform(QUIETEST, 1.0)))
    share = 10 ** chance.uniform(-2, 0)
    count = min(len(below), max(LEAST_KEPT, round(share * len(below))))
    return [alerts[place] for place in chance.choice(below, count, replace=False)]
