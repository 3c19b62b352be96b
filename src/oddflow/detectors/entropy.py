"""Information beyond entropy, by service."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.binned import BinnedDetector, shares_beside
from oddflow.features.feature import Feature, Scale


@final
class Entropy(BinnedDetector):
    """Measures how much more a flow tells than flows of its service usually do.

    A value of probability p carries -log₂ p bits; a column of conditional entropy H (given the first CATEGORY column, a
    flow's service) carries H on average. A feature's part is what exceeds H, so that a column that always says much
    does not drown one that hardly ever does. Entropy of addresses and ports over time is in the context features.

    Source: Lee & Xiang 2001, "Information-Theoretic Measures for Anomaly Detection", sections 3.1 and 3.2.

    Args:
        features: The columns of a row.
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

    def __init__(self, features: Sequence[Feature], *, bins: int = 14, prior: float = 5.0, seed: int = 0) -> None:
        self.features = features
        self.bins = bins
        self.prior = prior
        self.seed = seed

    def _tables(self, codes: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        # codes have categories behind numbers; without a category each column is looked at alone
        numbers = sum(feature.scale is not Scale.CATEGORY for feature in self.features)
        width = codes.shape[1]
        if numbers == width:
            codes = np.concatenate([codes, np.zeros((len(codes), 1), np.int64)], axis=1)
        service = np.full(width, numbers)
        likely = shares_beside(codes[:, [*range(width), numbers]], np.full(width + 1, width), count, self.prior)[:width]
        parents = np.arange(width) if numbers == width else service
        bits = -np.log2(likely)
        entropy = (likely * bits).sum(axis=2, keepdims=True)
        if numbers == width:
            bits = np.repeat(bits[:, :1], count, axis=1)
            entropy = entropy[:, :1]
        else:
            # beside itself the service has no entropy: it is looked at alone
            alone = np.bincount(codes[:, numbers], minlength=count) + 0.5
            bits[numbers] = -np.log2(alone / alone.sum())
            entropy[numbers] = (alone / alone.sum() * bits[numbers, 0]).sum()
        return parents, np.maximum(bits - entropy, 0)
