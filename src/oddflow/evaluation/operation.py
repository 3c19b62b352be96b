"""What alerts mean on a network: how soon an attack raises one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAUSE_NS = 3_600 * 10**9
"""An attack of one kind that pauses for longer is another campaign."""


@dataclass(frozen=True, slots=True)
class FirstAlerts:
    """Campaigns: attacks of one label without a pause of an hour.

    Attributes:
        campaigns: How many there are.
        found: How many raise an alert.
        median_s: The median time from the end of their first flow to that of the first alert; None where none is found.
    """

    campaigns: int
    found: int
    median_s: float | None

    @classmethod
    def of(
        cls,
        times_ns: NDArray[np.int64],
        labels: NDArray[np.integer],
        is_attack: NDArray[np.bool_],
        alerts: NDArray[np.bool_],
    ) -> "FirstAlerts":
        """Of rows in any order: when each ended, its label, whether it is an attack, and whether it raises an alert.

        >>> times = np.array([0, 1, 2, 3]) * 10**9
        >>> yes = np.array([True] * 4)
        >>> FirstAlerts.of(times, np.array([1, 1, 2, 2]), yes, np.array([False, True, False, False]))
        FirstAlerts(campaigns=2, found=1, median_s=1.0)
        """
        count, waits = 0, []
        for label in np.unique(labels[is_attack]):
            mine = np.flatnonzero(is_attack & (labels == label))
            mine = mine[np.argsort(times_ns[mine], kind="stable")]
            for campaign in np.split(mine, np.flatnonzero(np.diff(times_ns[mine]) > PAUSE_NS) + 1):
                count += 1
                alerted = campaign[alerts[campaign]]
                if len(alerted):
                    waits.append((times_ns[alerted[0]] - times_ns[campaign[0]]) / 1e9)
        return cls(count, len(waits), float(np.median(waits)) if waits else None)
