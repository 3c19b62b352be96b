"""Marginal histograms."""

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.binned import BinnedDetector, shares_of
from oddflow.detectors.registry import registered
from oddflow.features.feature import Feature


@registered
@final
class Histograms(BinnedDetector):
    """Counts how often each bin of each column is met; rare bins add up, as if columns knew nothing of each other.

    Source: Goldstein & Dengel 2012, "Histogram-based Outlier Score (HBOS): A fast Unsupervised Anomaly Detection
    Algorithm"; here of the bin's share of the rows, since all inner bins of a column are equally wide.

    Args:
        features: The columns of a row.
        bins: Inner bins of a column.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "histograms"
    summary: ClassVar[str] = "how rare the value of each column is (HBOS)"
    good_at: ClassVar[str] = "values that are rare by themselves; the fastest; parts that are plainly the score"
    bad_at: ClassVar[str] = "features that part which went together: it looks at each alone"
    paper: ClassVar[str] = "Goldstein & Dengel 2012"
    relations: ClassVar[bool] = False
    learns_from_shares: ClassVar[bool] = True

    def __init__(self, features: Sequence[Feature], *, bins: int = 14, seed: int = 0) -> None:
        self.features = features
        self.bins = bins
        self.seed = seed

    def _tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        return self._tables_alone(np.stack([np.bincount(column, minlength=count) for column in codes.T]))

    def _tables_alone(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        surprise = -np.log(shares_of(counts))
        return np.arange(len(counts)), np.repeat(surprise[:, None, :], counts.shape[1], axis=1)
