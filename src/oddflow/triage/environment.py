"""Triage as a Gymnasium environment: a queue, an analyst's minutes, incidents that pay when proved."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from oddflow.triage.queues import Dealer, Queue
from oddflow.verdicts.triage.shift import BENIGN, MALICIOUS, WIDTH, WINDOW, Shift

WASTED_MINUTES = 1.0
"""What it costs to ask for what cannot be done."""
PROOF_SHARE = 0.5
"""An incident is proved once the looks have seen half of its alerts in the queue."""

MOST = 100.0
"""No column is greater: counts and times are logarithms."""

Seen = NDArray[np.float32]


class TriageEnvironment(gym.Env[Seen, np.int64]):
    """An episode is one shift over one queue.

    **State** s: the foremost candidates of the queue, each with what is known of it, of those alike, of its source
    and of its hosts (`verdicts/triage/shift.py`), (WINDOW + 1, 1 + WIDTH); the first column says whether the action may
    be taken.

    **Action** a: 0 … WINDOW − 1 looks at a candidate; WINDOW sets aside all open ones alike to the last that turned out
    benign. A look costs minutes, which depend on the candidate, and tells whether it holds any of an attack.

    **Reward** r: 1 for an incident, at the look that completes its proof, and 0 before and after: a first sight of it
    pays nothing by itself, and neither does a tenth. The episode ends when nothing that is left fits into what is left
    of the shift.

    In `hidden` episodes the policy is not told what looks find, as `oddflow detect --triage` does not know it; "mixed"
    hides it in every second episode.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (Gymnasium's own)

    def __init__(self, deal: Dealer, *, minutes: Sequence[float] = (60.0,), hidden: bool | str = False) -> None:
        """Queues come from `deal`; each shift lasts one of `minutes`."""
        self.deal, self.minutes, self.hidden = deal, tuple(minutes), hidden
        self.observation_space = Box(-MOST, MOST, (WINDOW + 1, 1 + WIDTH), np.float32)
        self.action_space = Discrete(WINDOW + 1)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Seen, dict[str, Any]]:
        """Begins a shift over a new queue."""
        super().reset(seed=seed, options=options)
        queue = self.deal(self.np_random)
        minutes = float(self.np_random.choice(self.minutes))
        hidden = bool(self.np_random.random() < 0.5) if self.hidden == "mixed" else bool(self.hidden)
        self.begin(queue, minutes, hidden=hidden)
        return self._seen(), self._told()

    def begin(self, queue: Queue, minutes: float, *, hidden: bool) -> Seen:
        """Begins a shift over that queue; what is seen of it."""
        order = sorted(range(len(queue.candidates)), key=lambda place: -queue.candidates[place].score)
        self.shift = Shift([queue.candidates[place] for place in order], minutes, hidden=hidden)
        self._evidence = queue.evidence[order]
        self._needed = PROOF_SHARE * queue.evidence.sum(axis=0)
        self._gathered = np.zeros(queue.evidence.shape[1])
        self.found = np.zeros(queue.evidence.shape[1], np.bool_)
        return self._seen()

    def step(self, action: np.int64) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """Does it, and tells what an incident that was proved by it pays."""
        _, allowed = self.shift.options()
        reward = 0.0
        if not allowed[int(action)]:
            self.shift.waste(WASTED_MINUTES)
        elif action == WINDOW:
            self.shift.set_aside()
        else:
            reward = self._look(int(action))
        return self._seen(), reward, self.shift.is_over, False, self._told()

    def _look(self, action: int) -> float:
        evidence = self._evidence[self.shift.window()[action]]
        self.shift.look(action, MALICIOUS if evidence.any() else BENIGN)
        self._gathered += evidence
        proved = (self._gathered >= self._needed) & ~self.found & (self._needed > 0)
        self.found |= proved
        return float(proved.sum())

    def _seen(self) -> Seen:
        rows, allowed = self.shift.options()
        return np.hstack([allowed[:, None].astype(np.float32), rows])

    def _told(self) -> dict[str, Any]:
        return {"found": int(self.found.sum()), "left_minutes": self.shift.left_minutes}
