"""Learns a triage policy from alerts whose truth is known."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from oddflow.models.format import Archive
from oddflow.models.manifest import Source
from oddflow.networks.queue import ActionPreference, QueueValue
from oddflow.triage.choosing import at_random
from oddflow.triage.environment import TriageEnvironment
from oddflow.triage.queues import Labelled, Mixer, dealt, marks_of
from oddflow.triage.reinforce import Settings, reinforce
from oddflow.triage.seal import seal_policy
from oddflow.verdicts.triage.shift import WIDTH

SHIFTS_MINUTES = (15.0, 30.0, 60.0)
MET = 20
"""So many shifts of random looks say what rows are like."""
MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How a policy is learnt.

    Attributes:
        settings: Of REINFORCE.
        queues: So many are drawn from the captures, once.
        minutes: A shift lasts one of these.
        hidden_size: Of the policy's and the baseline's layers.
    """

    settings: Settings = field(default_factory=Settings)
    queues: int = 300
    minutes: Sequence[float] = SHIFTS_MINUTES
    hidden_size: int = 32


def learn_policy(
    captures: Sequence[Labelled],
    paths: Sequence[str],
    plan: Plan,
    told: Callable[[int, float], object] | None = None,
) -> tuple[Archive, list[float]]:
    """Learns on queues drawn from captures; the policy sealed, and the return of each episode.

    In every second episode the policy is not told what looks find: see `environment.py`.

    Args:
        captures: Alerts with their truth.
        paths: The files that they were read from.
        plan: How.
        told: Told of the episodes so far and the mean return of the last batch.
    """
    settings, begun = plan.settings, time.monotonic()
    chance = np.random.default_rng([settings.seed, 11])
    mixer = Mixer(captures)
    queues = [queue for queue in (mixer(chance) for _ in range(plan.queues)) if queue.incidents]
    torch.manual_seed(settings.seed)
    policy, baseline = ActionPreference(WIDTH, plan.hidden_size), QueueValue(WIDTH, plan.hidden_size)

    def make() -> TriageEnvironment:
        return TriageEnvironment(dealt(queues), minutes=plan.minutes, hidden="mixed")

    rows = _met(make(), settings.seed)
    policy.standardise(torch.from_numpy(rows))
    returns = reinforce(make, policy, baseline, settings, told)
    batches = np.array(returns).reshape(-1, settings.batch).mean(axis=1)
    archive = seal_policy(
        policy,
        rows,
        sources=[_source(capture, path) for capture, path in zip(captures, paths, strict=True)],
        options={
            "episodes": len(returns), "queues": len(queues), "minutes": list(plan.minutes),
            "discount": settings.discount, "rate": settings.rate, "entropy": settings.entropy,
        },
        known=[mark for capture in captures for mark in marks_of(capture)],
        returns=[float(value) for value in batches],
        seed=settings.seed,
        duration_s=time.monotonic() - begun,
    )  # fmt: skip
    return archive, returns


def _met(environment: TriageEnvironment, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Rows of actions that random looks meet, (≤ MOST_ROWS, WIDTH)."""
    choose, met = at_random(seed), []
    for episode in range(MET):
        seen, _ = environment.reset(seed=episode)
        over = environment.shift.is_over
        while not over:
            met.append(seen[seen[:, 0] > 0][:, 1:])
            seen, _, over, _, _ = environment.step(np.int64(choose(seen)))
    met.append(np.eye(WIDTH, dtype=np.float32)[-1:])  # setting aside
    rows = np.concatenate(met)
    return rows[np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]]


def _source(capture: Labelled, path: str) -> Source:
    content = Path(path).read_bytes()
    return Source(
        name=capture.name,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        flows=len(capture.alerts),
    )
