"""Fuzzy rules: "if a row is about here, it is an attack with this certainty"."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from oddflow.detectors.grown import LEAST
from oddflow.detectors.registry import registered
from oddflow.detectors.supervised import SupervisedDetector, log_odds_of, write_log_odds_of
from oddflow.features.feature import Feature
from oddflow.models.distances import squared_distances, write_squared_distances
from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

_FIT_ROWS = 20_000
_ROWS_A_RULE = 10
"""Fewer rows do not tell how wide a rule is."""


@registered
@final
class FuzzyRules(SupervisedDetector):
    """Each rule holds to a degree: the product of a bell for each column about the rule's centre.

    Centres are those of clusters of attacks and of normal rows; a rule's certainty is the part of the rows about it
    that are attacks, both kinds weighing the same. The answer is the mean of certainties by degree (a Takagi–Sugeno
    system of order 0).

    Source: Takagi & Sugeno 1985, "Fuzzy Identification of Systems and Its Applications to Modeling and Control";
    certainties after Ishibuchi, Nozaki & Tanaka 1992; on traffic, Gomez & Dasgupta 2002.

    Args:
        features: The columns of a row.
        rules: The most of each kind; fewer where there are fewer than ten rows for each.
        width: Of the bells, in root mean square distances of a rule's rows over the root of their columns.
        seed: Of the first centres.
    """

    name: ClassVar[str] = "fuzzy-rules"
    summary: ClassVar[str] = "rules about centres that hold by degree (Takagi–Sugeno); learns from labels"
    good_at: ClassVar[str] = "soft borders; rules that a person can look at"
    bad_at: ClassVar[str] = "many columns that do not matter; attacks that were not learnt"
    paper: ClassVar[str] = "Takagi & Sugeno 1985; Ishibuchi et al. 1992"
    needs: ClassVar[str] = "train"
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "rules": (1, 4_096), "width": (1e-2, 1e3), "seed": (0, 2**32 - 1),
    }  # fmt: skip

    centres_: Floats
    halves_: Floats
    certainties_: Floats

    def __init__(self, features: Sequence[Feature], *, rules: int = 32, width: float = 1.0, seed: int = 0) -> None:
        self.features = features
        self.rules = rules
        self.width = width
        self.seed = seed

    def _learn(self, x: Floats, scaled: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        assert y is not None  # noqa: S101  (fit has checked it)
        found = [self._centres(scaled[y == kind]) for kind in (0, 1)]
        self.centres_ = np.concatenate([centres for centres, _ in found])
        per_column = np.concatenate([squared for _, squared in found]) / scaled.shape[1]
        self.halves_ = (0.5 / (self.width**2 * np.maximum(per_column, 0.05**2))).astype(np.float32)
        # a rule's certainty is measured by degree, of attacks and of normal rows alike
        degrees = [self._degrees(scaled[y == kind]).mean(axis=0) for kind in (0, 1)]
        self.certainties_ = ((degrees[1] + 1e-9) / (degrees[0] + degrees[1] + 2e-9)).astype(np.float32)

    def _centres(self, rows: Floats) -> tuple[Floats, NDArray[np.float64]]:
        """Centres (k, m) of rows (n, m), and the mean squared distance of those about each, (k,)."""
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _FIT_ROWS)).astype(np.int64)]
        count = min(self.rules, max(1, len(rows) // _ROWS_A_RULE), len(np.unique(rows, axis=0)))
        with threadpool_limits(1):  # the order of sums is that of threads
            fitted = KMeans(n_clusters=count, n_init=1, random_state=self.seed).fit(rows)
        centres = fitted.cluster_centers_.astype(np.float32)
        nearest = squared_distances(rows, centres).min(axis=1)
        members = np.bincount(fitted.labels_, minlength=count)
        return centres, np.bincount(fitted.labels_, nearest, minlength=count) / np.maximum(members, 1)

    def _degrees(self, scaled: Floats) -> NDArray[np.float64]:
        """How far each rule holds, beside all others: (n, m) -> (n, r), rows sum to 1."""
        out = np.empty((len(scaled), len(self.centres_)))
        for start in range(0, len(scaled), 4_096):
            rows = slice(start, start + 4_096)
            exponents = -squared_distances(scaled[rows], self.centres_) * self.halves_
            degrees = np.exp(exponents - exponents.max(axis=1, keepdims=True))
            out[rows] = degrees / degrees.sum(axis=1, keepdims=True)
        return out

    def _log_odds(self, x: Floats, scaled: Floats) -> NDArray[np.floating]:  # noqa: ARG002
        return log_odds_of(self._degrees(scaled) @ self.certainties_.astype(np.float64), LEAST)

    def _write_log_odds(self, builder: GraphBuilder, scaled: str) -> str:
        distances = write_squared_distances(builder, scaled, self.centres_)
        exponents = builder.add("Neg", builder.add("Mul", distances, builder.constant(self.halves_)))
        degrees = builder.add("Softmax", exponents, axis=1)
        return write_log_odds_of(builder, builder.add("MatMul", degrees, builder.constant(self.certainties_)), LEAST)

    def weights(self) -> dict[str, Floats]:
        """Centres (r, m), what squared distances are multiplied by and certainties, (r,)."""
        return {"centres": self.centres_, "halves": self.halves_, "certainties": self.certainties_}
