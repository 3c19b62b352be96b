"""Robust principal components: the detector that needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors.reconstruction import ReconstructionDetector
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats
from oddflow.models.scaling import LOG_FLOOR, Scaler
from oddflow.models.sketches.products import Products, projected
from oddflow.models.sketches.shares import Places, Shares, Sketch, Stretch
from oddflow.models.tails import STRONGEST


@registered
@final
class RobustPca(ReconstructionDetector):
    """Draws rows by the directions in which normal rows vary most.

    With `core` below 1 it first leaves out the rows farthest from the medians, then refits and again leaves out those
    that fit worst (concentration steps), so that a capture which itself holds attacks can be learnt from.

    Source: Hubert, Rousseeuw & Vanden Branden 2005, "ROBPCA: a new approach to robust principal component analysis";
    the steps are those of Rousseeuw & Van Driessen 1999.

    Args:
        features: The columns of a row.
        variance: Share of the variance that the kept directions explain, 0 to 1; one direction at least is kept.
        core: Share of the rows that are surely normal, 0.5 to 1.
        seed: Unused: there is no chance in it; every detector has one.
    """

    name: ClassVar[str] = "robust-pca"
    summary: ClassVar[str] = "principal components, marginals by service; with core < 1, of the core of the rows"
    good_at: ClassVar[str] = "a first look; small baselines; captures that hold attacks; needs no torch"
    bad_at: ClassVar[str] = "relations that are no straight lines"
    paper: ClassVar[str] = "Hubert et al. 2005, ROBPCA"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"variance": (0, 1), "core": (0.5, 1)}
    stops_early: ClassVar[bool] = False
    order_matters: ClassVar[bool] = False
    learns_from_shares: ClassVar[bool] = True

    mean_: Floats
    projection_: Floats

    def __init__(self, features: Sequence[Feature], *, variance: float = 0.9, core: float = 1.0, seed: int = 0) -> None:
        self.features = features
        self.variance = variance
        self.core = core
        self.seed = seed

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:
        if self.core >= 1:
            super()._fit(x, validation, y)
            return
        rows = np.concatenate([x, validation])
        distance = _from_the_medians(rows, self.features)
        for _ in range(3):
            core = rows[np.argsort(distance, kind="stable")[: max(2, round(self.core * len(rows)))]]
            super()._fit(core, core[:0], y)
            distance = self._score_of(self._contributions(rows))

    def _learn(self, scaled: Floats, validation: Floats) -> None:  # noqa: ARG002
        products = Products(scaled.shape[1])
        products.update(scaled)
        self._draw_by(products)

    def _learn_shares(self, shares: Shares, fitted: Stretch) -> None:
        [products] = shares.told(_Scaled(self.scaler_), fitted)
        self._draw_by(cast("Products", products))

    def _check_shares(self) -> None:
        if self.core < 1:
            raise UsageError(f"core of {self.name} leaves rows out that only all rows together tell; learn with core=1")

    def _draw_by(self, products: Products) -> None:
        """Keeps the directions in which rows vary most, by exact products of the scaled rows."""
        self.mean_ = products.mean().astype(np.float32)
        variances, directions = np.linalg.eigh(products.covariance())
        explained = np.cumsum(variances[::-1]) / max(variances.sum(), 1e-12)
        kept = directions[:, ::-1][:, : int(np.searchsorted(explained, self.variance)) + 1]
        self.projection_ = (kept @ kept.T).astype(np.float32)

    def _reconstruct(self, scaled: Floats) -> Floats:
        return projected(scaled, self.mean_, self.projection_)

    def weights(self) -> dict[str, Floats]:
        """The mean (m,) and the projection (m, m)."""
        return {"mean": self.mean_, "projection": self.projection_}

    def _write_body(self, builder: GraphBuilder, scaled: str) -> str:
        mean = builder.constant(self.mean_)
        drawn = builder.add("MatMul", builder.add("Sub", scaled, mean), builder.constant(self.projection_))
        return builder.add("Add", drawn, mean)


@dataclass(frozen=True, slots=True)
class _Scaled:
    """Exact sums and products of scaled rows."""

    scaler: Scaler

    def __call__(self, x: Floats, places: Places) -> Sequence[Sketch]:  # noqa: ARG002
        products = Products(len(self.scaler.owners))
        products.update(self.scaler.transform(x))
        return [products]


def _from_the_medians(x: Floats, features: Sequence[Feature]) -> Floats:
    """How far each row's farthest columns lie from the medians of all rows, (n,)."""
    numeric = [place for place, feature in enumerate(features) if feature.scale is not Scale.CATEGORY]
    if not numeric:
        return np.zeros(len(x), np.float32)
    # scaled as one group: a scan's ports are services of their own, and would look normal among themselves
    scaled = Scaler.fit(x[:, numeric], [features[place] for place in numeric]).transform(x[:, numeric])
    low, median, high = np.quantile(scaled, [0.25, 0.5, 0.75], axis=0)
    distance = np.abs(scaled - median) / np.maximum((high - low) / 1.349, LOG_FLOOR)
    kept = min(STRONGEST, distance.shape[1])
    return np.asarray(np.sort(distance, axis=1)[:, -kept:].mean(axis=1), np.float32)
