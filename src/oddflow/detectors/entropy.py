"""Information beyond entropy, by service."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.binned import BinnedDetector, shares, shares_beside
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.features.windows import BITS


class EntropyOf(StrEnum):
    """Which columns tell."""

    ALL = "all"
    WINDOWS = "windows"


@registered
@final
class Entropy(BinnedDetector):
    """Measures how much more a flow tells than flows of its service usually do.

    A value of probability p carries -log₂ p bits; a column of conditional entropy H (given the first CATEGORY column, a
    flow's service) carries H on average. A feature's part is what exceeds H, so that a column that always says much
    does not drown one that hardly ever does.

    Source: Lee & Xiang 2001, "Information-Theoretic Measures for Anomaly Detection", sections 3.1 and 3.2.

    Args:
        features: The columns of a row.
        of: all columns, or of `--windows` only the entropies and divergences of addresses, ports and sizes.
        bins: Inner bins of a column.
        prior: Rows that all services together count as, beside one.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "entropy"
    summary: ClassVar[str] = "bits that a flow tells beyond the entropy of its service"
    good_at: ClassVar[str] = "values that are rare for their service; columns that hardly ever vary"
    bad_at: ClassVar[str] = "features that part which went together: it looks at each beside the service alone"
    paper: ClassVar[str] = "Lee & Xiang 2001"
    relations: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"bins": (1, 256), "prior": (1e-3, 1e6)}
    choices: ClassVar[Mapping[str, type[StrEnum]]] = {"of": EntropyOf}

    def __init__(
        self, features: Sequence[Feature], *, of: str = EntropyOf.ALL, bins: int = 14, prior: float = 5.0, seed: int = 0
    ) -> None:
        self.features = features
        self.of = of
        self.bins = bins
        self.prior = prior
        self.seed = seed

    def _tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        parents, table = self._all_tables(codes, count)
        if self.of == EntropyOf.ALL:
            return parents, table
        told = np.array([self.features[place].unit == BITS for place in self.bins_.order])
        if not told.any():
            raise UsageError(f"{self.name} of windows needs entropies of windows; learn with --windows")
        return parents, np.where(told[:, None, None], table, 0)

    def _all_tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        width = codes.shape[1]
        # categories stand behind numbers; where there is none, all flows are of one service
        first = sum(feature.scale is not Scale.CATEGORY for feature in self.features)
        if first == width:
            likely = shares(codes, count)[:, None, :]
            return np.arange(width), np.repeat(_beyond_entropy(likely), count, axis=1)
        parents = np.full(width, first)
        likely = shares_beside(codes, parents, count, self.prior)
        likely[first] = shares(codes[:, [first]], count)
        return parents, _beyond_entropy(likely)


def _beyond_entropy(likely: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits of each bin beyond the mean of its row: probabilities (…, B) -> (…, B)."""
    bits = -np.log2(likely)
    return np.asarray(np.maximum(bits - (likely * bits).sum(axis=-1, keepdims=True), 0))
