"""Known attacks by what was learnt of them, others by oddness, as one detector."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.detectors.base import Detector, Exportable
from oddflow.detectors.rarity import Rarity
from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import MOST_LOG_ODDS
from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

if TYPE_CHECKING:
    import onnx

HELD = 5
"""Of the normal rows, the last of so many tell what is rare; neither part learns from them."""
TENFOLD = np.float32(np.log(10))
LEAST_SCORE = np.float32(1e-9)
"""Of the classifier, so that its logarithm is finite."""
LEAST_PART = np.float32(1e-6)
LEAST_PROBABILITY = 1e-30


@registered
@final
class Hybrid(Detector):
    """Calls an attack what a classifier of known attacks finds rare among normal rows, or a detector of oddness does.

    The two scores become comparable by how few normal rows have such: the rarer of both counts. What share p of normal
    rows is as rare in either is counted again, and the odds of an attack are rate / p: of normal rows `rate` are
    likelier an attack than not, and no classifier that is sure of itself passes what is odd. The kind of an attack is
    the one that the classifier finds likeliest; of an attack that it does not know, the kind that comes nearest.

    The last fifth of the normal rows tell what is rare; neither learns from them. A feature's part is the score times
    the mean of its shares in both scores.

    Source: Depren, Topallar, Anarim & Ciliz 2005, "An intelligent intrusion detection system (IDS) for anomaly and
    misuse detection in computer networks"; the two are joined as tail probabilities, Tippett 1931, "The Methods of
    Statistics".

    Args:
        features: The columns of a row.
        classifier: Name of a detector that learns from labels.
        oddness: Name of one that learns from normal rows alone.
        rate: Of normal rows, the share that is likelier called an attack than not.
        seed: Of both.
    """

    name: ClassVar[str] = "hybrid"
    summary: ClassVar[str] = "known attacks by a classifier, others by oddness; learns from labels"
    good_at: ClassVar[str] = "kinds of attack that are known, and attacks that are not"
    bad_at: ClassVar[str] = "naming the kind of an attack that was not learnt; normal traffic that drifts"
    paper: ClassVar[str] = "Depren et al. 2005; Tippett 1931"
    needs: ClassVar[str] = "train"
    supervised: ClassVar[bool] = True
    several_classes: ClassVar[bool] = True
    stops_early: ClassVar[bool] = False
    begins_from: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"rate": (1e-5, 0.5), "seed": (0, 2**32 - 1)}

    classifier_: Detector
    oddness_: Detector
    rarities_: tuple[Rarity, Rarity, Rarity]
    """Of the classifier's scores, of oddness, and of the rarer of both."""

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        classifier: str = "feed-forward-network",
        oddness: str = "variational-autoencoder",
        rate: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.classifier = classifier
        self.oddness = oddness
        self.rate = rate
        self.seed = seed

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:
        assert y is not None  # noqa: S101  (fit has checked it)
        classifier = self._fresh(self.classifier, supervised=True)
        oddness = self._fresh(self.oddness, supervised=False)
        seen = np.flatnonzero((y == 0) & ~self.made_)
        # of fewer than five rows none is left over
        held = seen[len(seen) - len(seen) // HELD :]
        known = seen[: len(seen) - len(held)]
        is_learnt = np.ones(len(x), bool)
        is_learnt[held] = False
        self.classifier_ = classifier.fit(x[is_learnt], y[is_learnt], made=self.made_[is_learnt])
        self.oddness_ = oddness.fit(x[known] if len(known) > 1 else np.repeat(x[known], 2, axis=0))
        judged = np.concatenate([x[held] if len(held) else x[known], validation])
        scores = [_told(self.classifier_.decision_function(judged)), self.oddness_.decision_function(judged)]
        each = [Rarity.of(one.astype(np.float64)) for one in scores]
        rarer = np.maximum(*(rarity.transform(one) for rarity, one in zip(each, scores, strict=True)))
        self.rarities_ = (each[0], each[1], Rarity.of(rarer.astype(np.float64)))

    def _fresh(self, name: str, *, supervised: bool) -> Detector:
        kind = registry.find(name)
        is_whole = kind.exportable is Exportable.ONNX and kind.reads is Reads.TABULAR and kind is not type(self)
        if kind.supervised != supervised or not is_whole:
            role, what = ("classifier", "labels") if supervised else ("oddness", "normal rows alone")
            raise UsageError(f"{role} of {self.name} must learn from {what}, and have a graph; {name!r} given")
        return registry.create(name, self.features, seed=self.seed)

    def kinds(self) -> tuple[int, ...]:
        """Those of its classifier."""
        return self.classifier_.kinds()

    def _contributions(self, x: Floats) -> Floats:
        known, odd = self.classifier_.contributions(x), self.oddness_.contributions(x)
        of_known, of_odd, of_both = self.rarities_
        rarer = np.maximum(
            of_known.transform(_told(self.classifier_._score_of(known))),  # noqa: SLF001  (a detector's own)
            of_odd.transform(self.oddness_._score_of(odd)),  # noqa: SLF001
        )
        odds = (of_both.transform(rarer) + np.float32(np.log10(self.rate))) * TENFOLD
        score = np.logaddexp(np.float32(0), np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))
        shares = sum(part / part.sum(axis=1, keepdims=True) for part in (known + LEAST_PART, odd + LEAST_PART))
        return np.asarray(shares / 2 * score[:, None], np.float32)

    def _score_of(self, contributions: Floats) -> Floats:
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def weights(self) -> dict[str, Floats]:
        """Both members' arrays, each under its part and name."""
        return {
            f"{part}.{name}": value
            for part, member in (("classifier", self.classifier_), ("oddness", self.oddness_))
            for name, value in member.weights().items()
        }

    def _graph(self) -> "onnx.ModelProto":
        builder = GraphBuilder(self.width_)
        axis = builder.constant(np.array([1], np.int64))
        known, known_parts, *classes = builder.include(self.classifier_.graph(), builder.x)
        odd, odd_parts = builder.include(self.oddness_.graph(), builder.x)
        of_known, of_odd, of_both = self.rarities_
        told = builder.add("Log", builder.add("Max", known, builder.constant(float(LEAST_SCORE))))
        rarer = builder.add(
            "Max",
            of_known.write(builder, builder.add("Unsqueeze", told, axis)),
            of_odd.write(builder, builder.add("Unsqueeze", odd, axis)),
        )
        odds = builder.add("Add", of_both.write(builder, rarer), builder.constant(float(np.log10(self.rate))))
        odds = builder.add("Mul", odds, builder.constant(float(TENFOLD)))
        odds = builder.add("Clip", odds, builder.constant(-MOST_LOG_ODDS), builder.constant(MOST_LOG_ODDS))
        score = builder.add("Softplus", odds)  # (n, 1)
        if classes:
            self._write_classes(builder, classes[0], score)
        parts = [builder.add("Add", one, builder.constant(float(LEAST_PART))) for one in (known_parts, odd_parts)]
        shares = [builder.add("Div", one, builder.add("ReduceSum", one, axis, keepdims=1)) for one in parts]
        share = builder.add("Mul", builder.add("Add", *shares), builder.constant(0.5))
        return builder.finish(score=builder.add("Squeeze", score, axis), contributions=builder.add("Mul", share, score))

    def _write_classes(self, builder: GraphBuilder, classes: str, score: str) -> None:
        """The classifier's probabilities, (n, k), with that of normal rows as the score, (n, 1), has it."""
        count, axis = len(self.kinds()), builder.constant(np.array([1], np.int64))
        attacks = builder.columns(classes, np.arange(1, count), width=count)  # (n, k - 1)
        attacks = builder.add("Add", attacks, builder.constant(LEAST_PROBABILITY))
        shares = builder.add("Div", attacks, builder.add("ReduceSum", attacks, axis, keepdims=1))
        normal = builder.add("Exp", builder.add("Neg", score))  # (n, 1)
        attack = builder.add("Sub", builder.constant(1.0), normal)
        builder.tell_classes(builder.add("Concat", normal, builder.add("Mul", attack, shares), axis=1), count)


def _told(scores: Floats) -> Floats:
    """Logarithms of a classifier's scores, which are crowded near 0: (n,) -> (n,)."""
    return np.asarray(np.log(np.maximum(scores, LEAST_SCORE)), np.float32)
