"""KitNET: an ensemble of small autoencoders that learns a packet at a time."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors._kitnet_kernels import correlate, learn
from oddflow.detectors.base import Detector, Exportable
from oddflow.detectors.registry import registered
from oddflow.errors import LearningFailed
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.models.kitnet import CHUNK_ROWS, Autoencoder, KitNet, KitNetScorer
from oddflow.models.rows import Floats

SEED = 1234
"""Of every autoencoder in Kitsune-py; `seed` is added."""


@registered
@final
class KitNetDetector(Detector):
    """Learns which columns move together, and a small autoencoder for each such group; one more draws their errors.

    Rows are learnt in their order, each a step of gradient descent. The first `map_rows`, at most a third of all, only
    make the map; a short baseline is gone through again until `least_rows` were learnt, as Kitsune-py does not.

    Source: Mirsky, Doitshman, Elovici & Shabtai 2018, "Kitsune: An Ensemble of Autoencoders for Online Network
    Intrusion Detection", section V; equal to their Kitsune-py for `least_rows=0`.

    Args:
        features: The columns of a row.
        most_columns: The most of an autoencoder.
        hidden_ratio: Units in the middle, as a share of those outside.
        learning_rate: Of gradient descent.
        map_rows: Rows that the map of columns is made of.
        least_rows: Fewer are gone through several times.
        seed: Of the first weights.
    """

    name: ClassVar[str] = "kitnet"
    summary: ClassVar[str] = "an ensemble of small autoencoders, learnt a packet at a time; on damped packet statistics"
    good_at: ClassVar[str] = "streams without an end; changes of rate and of timing; scans, floods, a man in the middle"
    bad_at: ClassVar[str] = "what one packet says; columns that never moved in the baseline: any move is far out"
    paper: ClassVar[str] = "Mirsky et al. 2018, Kitsune (NDSS)"
    exportable: ClassVar[Exportable] = Exportable.STATE
    reads: ClassVar[Reads] = Reads.PACKETS
    stops_early: ClassVar[bool] = False
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "most_columns": (1, 100),
        "hidden_ratio": (0.01, 1),
        "learning_rate": (0, 10),
        "map_rows": (1, 2**31),
        "least_rows": (0, 2**31),
        "seed": (-(2**63), 2**63 - 1),
    }

    state_: KitNet
    scorer_: KitNetScorer

    def __init__(
        self,
        features: Sequence[Feature],
        *,
        most_columns: int = 10,
        hidden_ratio: float = 0.75,
        learning_rate: float = 0.1,
        map_rows: int = 5_000,
        least_rows: int = 50_000,
        seed: int = 0,
    ) -> None:
        self.features = features
        self.most_columns = most_columns
        self.hidden_ratio = hidden_ratio
        self.learning_rate = learning_rate
        self.map_rows = map_rows
        self.least_rows = least_rows
        self.seed = seed

    def _fit(self, x: Floats, validation: Floats, y: NDArray[np.int64] | None) -> None:  # noqa: ARG002
        rows = np.concatenate([x, validation])
        for_map = max(1, min(int(self.map_rows), len(rows) // 3))
        groups = groups_of(correlation_distances(rows[:for_map]), int(self.most_columns))
        fresh = KitNet(
            tuple(np.array(group) for group in groups),
            tuple(self._fresh(len(group)) for group in groups),
            self._fresh(len(groups)),
        )
        net = fresh.net()
        rest = rows[for_map:]
        for _ in range(max(1, -(-int(self.least_rows) // len(rest)))):
            for start in range(0, len(rest), CHUNK_ROWS):
                learn(rest[start : start + CHUNK_ROWS].astype(np.float64), net, float(self.learning_rate))
        learnt = fresh.learnt(net)
        if not all(np.isfinite(array).all() for array in learnt.arrays().values()):
            raise LearningFailed(f"kitnet diverged: its weights are no numbers; learning_rate is {self.learning_rate}")
        self.state_ = learnt
        self.scorer_ = KitNetScorer(learnt)

    def _fresh(self, width: int) -> Autoencoder:
        return Autoencoder.fresh(width, math.ceil(width * self.hidden_ratio), (SEED + int(self.seed)) % 2**32)

    def _contributions(self, x: Floats) -> Floats:
        return self.scorer_.contributions(x)

    def _score_of(self, contributions: Floats) -> Floats:
        return self.scorer_.score_of(contributions)

    def _state(self) -> KitNet:
        return self.state_

    def weights(self) -> dict[str, Floats]:
        """None beside the state, which holds them."""
        return {}


def correlation_distances(rows: Floats) -> NDArray[np.float64]:
    """How little columns move together, 1 - correlation: (n, d) -> (d, d), the upper half; 1 where one never moved."""
    width = rows.shape[1]
    sums, residuals, products = np.zeros(width), np.zeros(width), np.zeros((width, width))
    for start in range(0, len(rows), CHUNK_ROWS):
        correlate(rows[start : start + CHUNK_ROWS].astype(np.float64), start, sums, residuals, products)
    spread = np.sqrt(np.diag(products))
    together = np.outer(spread, spread)
    together[together == 0] = 1e-100
    return np.asarray(np.maximum(0, 1 - products / together))


def groups_of(distances: NDArray[np.float64], most: int) -> list[list[int]]:
    """Groups of at most `most` columns: the branches of a single-linkage tree where they are small enough.

    The tree is built as SciPy's `linkage` builds it (Prim's algorithm, edges in order of length, the lesser branch
    left), so that the groups come in the order in which Kitsune-py has them. (d, d) -> lists of columns.
    """
    count = len(distances)
    whole = np.triu(distances, 1)
    whole += whole.T
    parents = list(range(2 * count - 1))
    members: list[list[int]] = [[column] for column in range(count)]
    children: dict[int, tuple[int, int]] = {}
    for node, (start, end) in enumerate(_edges(whole), count):
        left, right = sorted((_root(parents, start), _root(parents, end)))
        parents[left] = parents[right] = node
        children[node] = left, right
        members.append(members[left] + members[right])
    waiting, groups = [len(members) - 1], []
    while waiting:
        node = waiting.pop()
        if len(members[node]) <= most:
            groups.append(members[node])
        else:
            left, right = children[node]
            waiting += [right, left]
    return groups


def _edges(distances: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The edges of a least spanning tree, the shortest first."""
    count = len(distances)
    nearest = np.full(count, np.inf)
    is_outside = np.ones(count, bool)
    found, here = [], 0
    for _ in range(count - 1):
        is_outside[here] = False
        nearest = np.minimum(nearest, distances[here])
        there = int(np.argmin(np.where(is_outside, nearest, np.inf)))
        found.append((float(nearest[there]), here, there))
        here = there
    return [(start, end) for _, start, end in sorted(found, key=lambda edge: edge[0])]


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        node = parents[node]
    return node
