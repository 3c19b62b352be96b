"""What detectors share that learn from attacks: odds of an attack to a score."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.whole import WholeScoreDetector
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

MOST_LOG_ODDS = 50.0
"""Beyond it odds are told apart no more; e to that power is still finite in float32."""


class SupervisedDetector(WholeScoreDetector):
    """Learns what parts attacks from normal rows; both weigh the same, however rare attacks are.

    The score is log(1 + odds) = -log P(normal): it grows with the log-odds of an attack, is near them where they are
    great, and never below 0. What no attack that was learnt looks like may pass: use it beside a detector of oddness.

    Subclasses are final: they implement `_learn`, `_log_odds`, `_write_log_odds` and `weights`.
    """

    supervised: ClassVar[bool] = True
    stops_early: ClassVar[bool] = False

    @abstractmethod
    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:
        """Logarithm of P(attack) / P(normal): (n, d), (n, m) -> (n,)."""

    @abstractmethod
    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:
        """Adds the same as nodes; the name of the log-odds, (n,)."""

    def _whole(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:
        odds = np.clip(self._log_odds(x, scaled), -MOST_LOG_ODDS, MOST_LOG_ODDS)
        return np.asarray(np.logaddexp(0, odds))

    def _write_whole(self, builder: GraphBuilder, scaled: str) -> str:
        odds = self._write_log_odds(builder, scaled)
        limits = (builder.constant(-MOST_LOG_ODDS), builder.constant(MOST_LOG_ODDS))
        return builder.add("Softplus", builder.add("Clip", odds, *limits))


def log_odds_of(attack: NDArray[np.floating], least: float) -> NDArray[np.float64]:
    """Log-odds of an attack from its probability, kept off 0 and 1 by `least`."""
    kept = np.clip(attack.astype(np.float64), least, 1 - least)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def write_log_odds_of(builder: GraphBuilder, attack: str, least: float) -> str:
    """Adds the same as nodes: (n,) -> (n,)."""
    kept = builder.add("Clip", attack, builder.constant(least), builder.constant(1 - least))
    normal = builder.add("Sub", builder.constant(1.0), kept)
    return builder.add("Sub", builder.add("Log", kept), builder.add("Log", normal))
