"""Thresholds from rows that were held back."""

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.evaluation.measure import Measure
from oddflow.models.rows import Floats


def rate_threshold(normal: Floats, rate: float) -> float:
    """What at most a share `rate` of normal scores (n,) lies above: the ⌈(1 - rate) n⌉-th of them, ascending.

    Of too few to tell that share it is the highest.

    >>> rate_threshold(np.float32([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 0.2)
    8.0

    Raises:
        UsageError: There are none.
    """
    if not len(normal):
        raise UsageError("a false-alarm rate needs held-back normal rows, and there are none; hold more rows back")
    place = int(np.ceil((1 - rate) * len(normal) - 1e-9)) - 1
    return float(np.partition(normal, place)[place])


def best_threshold(normal: Floats, attacks: Floats, measure: Measure) -> float:
    """The threshold that gives the best balanced accuracy, accuracy or F1 of attacks: (n,), (m,).

    It lies halfway between two scores; of equally good ones the highest, so that fewer alarms are raised.

    >>> best_threshold(np.float32([1, 2, 3]), np.float32([2, 5, 6]), Measure.BALANCED_ACCURACY)
    4.0

    Raises:
        UsageError: There are no rows of one of the kinds.
    """
    if not len(normal) or not len(attacks):
        raise UsageError("a threshold chosen on validation needs held-back normal rows and attacks; ask for a rate")
    values = np.unique(np.concatenate([normal, attacks])).astype(np.float64)
    edges = np.concatenate([[values[0] - 1], (values[:-1] + values[1:]) / 2, [values[-1] + 1]])
    found = len(attacks) - np.searchsorted(np.sort(attacks), edges, "right")
    alarms = len(normal) - np.searchsorted(np.sort(normal), edges, "right")
    worth = _worth(found, alarms, (len(attacks), len(normal)), measure)
    return float(edges[len(edges) - 1 - int(np.argmax(worth[::-1]))])


def _worth(
    found: NDArray[np.int64], alarms: NDArray[np.int64], of: tuple[int, int], measure: Measure
) -> NDArray[np.floating]:
    attacks, normal = of
    if measure is Measure.BALANCED_ACCURACY:
        return np.asarray(found / attacks - alarms / normal)
    if measure is Measure.ACCURACY:
        return np.asarray(found - alarms, np.float64)
    return np.asarray(2 * found / (attacks + found + alarms))
