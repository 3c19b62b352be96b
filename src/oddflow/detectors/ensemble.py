"""Several detectors as one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.detectors.base import Detector, Exportable
from oddflow.detectors.rarity import Rarity
from oddflow.detectors.registry import registered
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

if TYPE_CHECKING:
    import onnx

RANK, PROBABILITY = "rank", "probability"
DOUBTED = 3.0
"""Deviations above the mean at which a member is as likely right as wrong."""


@registered
@final
class Ensemble(Detector):
    """Lets several detectors score a row and combines what their scores mean among rows that none has learnt from.

    With "rank", a member's score becomes -log₁₀ of the share of those rows that score as high, between 11 knots in
    straight lines and beyond them as steeply as between the last two; the mean of all is the score (Fisher's method).
    With "probability", it becomes p = σ(z - 3), z its deviations above the mean; the score is the mean of -log(1 - p):
    it grows with the probability 1 - Π (1 - p) that at least one member is right. A feature's part is the score times
    the mean of its shares in the members' scores.

    Source: Fisher 1932, "Statistical Methods for Research Workers", section 21.1; Kriegel, Kröger, Schubert & Zimek
    2011, "Interpreting and Unifying Outlier Scores".

    Args:
        features: The columns of a row.
        members: Names of detectors that need no labels and are no ensembles.
        combination: "rank" or "probability".
        seed: Of all members.
    """

    name: ClassVar[str] = "ensemble"
    summary: ClassVar[str] = "several detectors by rank or by probability"
    good_at: ClassVar[str] = "not failing where one of its members does"
    bad_at: ClassVar[str] = "speed: all members score; being better than the best of them"
    paper: ClassVar[str] = "Fisher 1932; Kriegel et al. 2011"
    needs: ClassVar[str] = "train"
    decomposes: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"seed": (0, 2**32 - 1)}

    members_: list[Detector]
    rarities_: list[Rarity]
    means_: Floats
    deviations_: Floats

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        members: Sequence[str] = ("isolation-forest", "nearest-neighbours", "robust-pca"),
        combination: str = RANK,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.members = members
        self.combination = combination
        self.seed = seed

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        fresh = self._fresh()
        if len(x) < 2:  # of two rows none is left over
            x = np.concatenate([x, validation])
        self.members_ = [member.fit(x) for member in fresh]
        scores = np.stack([member.decision_function(validation) for member in self.members_]).astype(np.float64)
        self.rarities_ = [Rarity.of(one) for one in scores]
        self.means_ = scores.mean(axis=1).astype(np.float32)
        self.deviations_ = np.maximum(scores.std(axis=1), 1e-3 * np.maximum(1, self.means_)).astype(np.float32)

    def _fresh(self) -> list[Detector]:
        if self.combination not in (RANK, PROBABILITY):
            raise UsageError(f"combination of {self.name} must be {RANK} or {PROBABILITY}; {self.combination!r} given")
        if isinstance(self.members, str) or len(self.members) < 2:
            raise UsageError(f"members of {self.name} must be two names or more; {self.members!r} given")
        for name in self.members:
            kind = registry.find(name)
            if kind.supervised or kind is type(self) or kind.exportable is not Exportable.ONNX:
                raise UsageError(
                    f"{name} cannot be a member of an {self.name}: it needs labels, is one, or has no graph"
                )
        return [registry.create(name, self.features, seed=self.seed) for name in self.members]

    def _contributions(self, x: Floats) -> Floats:
        meanings = np.zeros(len(x), np.float32)
        shares = np.zeros(x.shape, np.float32)
        for place, member in enumerate(self.members_):
            parts = member.contributions(x)
            meanings += self._meaning(place, member._score_of(parts))  # noqa: SLF001  (a detector's own)
            parts = parts + np.float32(1e-6)
            shares += parts / parts.sum(axis=1, keepdims=True)
        count = np.float32(len(self.members_))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True) * (meanings / count)[:, None], np.float32)

    def _meaning(self, place: int, scores: Floats) -> Floats:
        """What a member's scores mean, not negative: (n,) -> (n,)."""
        if self.combination == PROBABILITY:
            z = (scores - self.means_[place]) / self.deviations_[place]
            return np.asarray(np.logaddexp(0, np.minimum(z - np.float32(DOUBTED), np.float32(1e6))), np.float32)
        return self.rarities_[place].transform(scores)

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def weights(self) -> dict[str, Floats]:
        """The members' arrays, each under its place and name."""
        return {
            f"{place}.{member.name}.{name}": value
            for place, member in enumerate(self.members_)
            for name, value in member.weights().items()
        }

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        axis = builder.constant(np.array([1], np.int64))
        meanings, shares = [], []
        for place, member in enumerate(self.members_):
            score, parts = builder.include(member.graph(), builder.x)
            meanings.append(self._write_meaning(builder, place, builder.add("Unsqueeze", score, axis)))
            parts = builder.add("Add", parts, builder.constant(1e-6))
            shares.append(builder.add("Div", parts, builder.add("ReduceSum", parts, axis, keepdims=1)))
        whole = builder.add("ReduceMean", builder.add("Concat", *meanings, axis=1), axis, keepdims=1)
        share = shares[0]
        for other in shares[1:]:
            share = builder.add("Add", share, other)
        share = builder.add("Div", share, builder.add("ReduceSum", share, axis, keepdims=1))
        return builder.finish(score=builder.add("Squeeze", whole, axis), contributions=builder.add("Mul", share, whole))

    def _write_meaning(self, builder: GraphBuilder, place: int, score: str) -> str:
        """Adds the same as nodes: (n, 1) -> (n, 1)."""
        if self.combination == PROBABILITY:
            off = builder.add("Sub", score, builder.constant(float(self.means_[place])))
            z = builder.add("Div", off, builder.constant(float(self.deviations_[place])))
            z = builder.add("Min", builder.add("Sub", z, builder.constant(DOUBTED)), builder.constant(1e6))
            return builder.add("Softplus", z)
        return self.rarities_[place].write(builder, score)
