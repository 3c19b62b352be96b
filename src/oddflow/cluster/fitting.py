"""Detectors that a few passes over rows teach, taught on a cluster: no machine ever holds all rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oddflow.cluster.gathering import Spread
from oddflow.cluster.shares import RayShares
from oddflow.detectors.base import Detector
from oddflow.learning.learn import CROSS_AT_MOST
from oddflow.learning.over_shares import learn_shares
from oddflow.learning.work import Work

if TYPE_CHECKING:
    from oddflow.models.format import Archive
    from oddflow.training.loop import EpochTold


@dataclass(frozen=True, slots=True)
class RayFitting:
    """Learns a model of rows that lie on the cluster: a `Run.elsewhere`.

    Attributes:
        shares: The rows; those of the work are none.
    """

    shares: RayShares

    def __call__(self, work: Work, told: "EpochTold | None" = None) -> "Archive":  # noqa: ARG002  (there are no epochs)
        """Learns it.

        Raises:
            UsageError: An option of the detector needs all rows at once.
        """
        return learn_shares(work.gathered, self.shares, detector=work.kind, seed=work.seed, **work.options)


def fits_apart(kind: type[Detector], spread: Spread) -> bool:
    """Whether passes teach a detector the same; of few rows each is held back in turn, on one machine."""
    return kind.learns_from_shares and len(spread.gathered.times_ns) > CROSS_AT_MOST
