"""From log-odds of a row's parts to marks, a score and contributions, in NumPy and as ONNX nodes.

A part is a packet of a flow, or a cell of a traffic matrix. Its *mark* is log(1 + odds) = -log P(normal), 0 where there
is no such part; from log 2 on, an attack is likelier than not.

    score           the greatest mark of the parts that decide
    contributions   the score, shared out by marks; 0 for columns that are no part
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.models.graph import GraphBuilder
from oddflow.models.rows import Floats

MOST_LOG_ODDS = 50.0
"""Beyond it odds are told apart no more; e to that power is still finite in float32."""
LEAST_SUM = 1e-30
LIKELY = float(np.log(2))
"""The mark of what is as likely an attack as not."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Which columns of a row say that there is a part, by not being 0.

    Attributes:
        columns: Their places in a row, (p,).
        deciding: Which parts decide on the row, (p,).
        width: Columns d of a row.
    """

    columns: NDArray[np.int64]
    deciding: NDArray[np.bool_]
    width: int

    def present(self, x: Floats) -> NDArray[np.bool_]:
        """Which parts there are: (n, d) -> (n, p)."""
        return np.asarray(x[:, self.columns] != 0)

    def of(self, x: Floats, log_odds: NDArray[np.floating]) -> Floats:
        """Marks from rows and the log-odds of their parts: (n, d), (n, p) -> (n, p)."""
        odds = np.clip(log_odds.astype(np.float64), -MOST_LOG_ODDS, MOST_LOG_ODDS)
        return np.asarray(np.logaddexp(0, odds) * self.present(x), np.float32)

    def contributions(self, marks: Floats) -> Floats:
        """(n, p) -> (n, d); a row's sum is its score."""
        whole = marks.sum(axis=1, keepdims=True, dtype=np.float64)
        found = np.zeros((len(marks), self.width), np.float32)
        score = (marks * self.deciding).max(axis=1, keepdims=True)
        found[:, self.columns] = marks / np.maximum(whole, LEAST_SUM) * score
        return found

    def score(self, contributions: Floats) -> Floats:
        """(n, d) -> (n,)."""
        return np.asarray(contributions.sum(axis=1, dtype=np.float64), np.float32)

    def marks(self, contributions: Floats) -> Floats:
        """What `contributions` was given: (n, d) -> (n, p). So a sealed model's marks are had, too."""
        parts = contributions[:, self.columns].astype(np.float64)
        greatest = np.where(self.deciding, parts, 0).max(axis=1, keepdims=True)
        score = parts.sum(axis=1, keepdims=True)
        return np.asarray(parts * np.divide(score, greatest, out=np.zeros_like(score), where=greatest > 0), np.float32)

    def write(self, builder: GraphBuilder, log_odds: str) -> tuple[str, str]:
        """Adds the same as nodes, from the graph's x and log-odds (n, p); the names of score and contributions."""
        axis = builder.constant(np.array([1], np.int64))
        odds = builder.add("Clip", log_odds, builder.constant(-MOST_LOG_ODDS), builder.constant(MOST_LOG_ODDS))
        parts = builder.columns(builder.x, self.columns, width=self.width)
        present = builder.add("Cast", builder.add("Greater", builder.add("Abs", parts), builder.constant(0.0)), to=1)
        marks = builder.add("Mul", builder.add("Softplus", odds), present)
        whole = builder.add("Max", builder.add("ReduceSum", marks, axis, keepdims=1), builder.constant(LEAST_SUM))
        decide = builder.add("Mul", marks, builder.constant(self.deciding.astype(np.float32)))
        score = builder.add("ReduceMax", decide, axis, keepdims=1)
        shares = builder.add("Mul", builder.add("Div", marks, whole), score)
        if len(self.columns) != self.width:
            placed = (self.columns[:, None] == np.arange(self.width)).astype(np.float32)
            shares = builder.add("MatMul", shares, builder.constant(placed))
        return builder.add("Squeeze", score, axis), shares
