"""What is left undone when there is no time for all: the least valuable first, and never an alert."""

import time

from oddflow.verdicts.alerting import Spared

STEPS_S = (1.0, 3.0)
"""The oldest flow waits so long: then pictures are spared; and explanations."""
CALM = 0.5
"""A step is taken back where it waits less than this share of its limit…"""
CALM_S = 5.0
"""… for so long."""


class Pressure:
    """Says what to spare, by how long the oldest flow in the channel waits; slow to take it back.

    >>> pressure = Pressure()
    >>> pressure.feel(0.2, 100.0).name, pressure.feel(1.5, 100.1).name, pressure.feel(9.0, 100.2).name
    ('NOTHING', 'PICTURES', 'EXPLANATIONS')
    >>> pressure.feel(0.1, 101.0).name, pressure.feel(0.1, 106.1).name, pressure.feel(0.1, 112.0).name
    ('EXPLANATIONS', 'PICTURES', 'NOTHING')
    """

    def __init__(self) -> None:
        self.spared = Spared.NOTHING
        self._calm_since_s: float | None = None

    def feel(self, waited_s: float, now_s: float | None = None) -> Spared:
        """What to spare, now that the oldest flow has waited so long."""
        now_s = time.monotonic() if now_s is None else now_s
        wanted = Spared(sum(waited_s >= step for step in STEPS_S))
        if wanted > self.spared:
            self.spared, self._calm_since_s = wanted, None
        elif self.spared and waited_s < CALM * STEPS_S[self.spared - 1]:
            if self._calm_since_s is None:
                self._calm_since_s = now_s
            elif now_s - self._calm_since_s >= CALM_S:
                self.spared, self._calm_since_s = Spared(self.spared - 1), now_s
        else:
            self._calm_since_s = None
        return self.spared
