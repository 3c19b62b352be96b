"""Parts of an odd row put back to normal, one after the other: what the score is without them.

The order is found by trying: each next part is the one without which the score is least, given those that are back by
now. What stands in for a part is a normal row's value, and all parts that are back are of the same normal row, so that
they fit each other.

Source: Samek et al. 2017, "Evaluating the Visualization of What a Deep Neural Network Has Learned" (the curve of the
score while features are taken away); Wachter, Mittelstadt & Russell 2018, "Counterfactual Explanations" (the least
change that changes the verdict).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from oddflow.models.rows import Floats
from oddflow.verdicts.explaining.parts import Part

MOST_STEPS = 8
_FAMILIES = 128
"""With more parts, only those with the greatest shares are tried."""

Scores = Callable[[Floats], Floats]
"""(n, d) -> (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One more part put back.

    Attributes:
        part: Which.
        score: Of the row with this part and all before it put back.
        row: That row, (d,).
    """

    part: Part
    score: float
    row: Floats


def put_back(
    scores: Scores,
    row: Floats,
    parts: Sequence[Part],
    substitutes: Floats,
    *,
    threshold: float,
    order: Sequence[int] | None = None,
    steps: int = MOST_STEPS,
    least: int = 0,
) -> list[Step]:
    """Puts parts back until the score is under the threshold.

    Args:
        scores: The model's.
        row: The odd row, (d,).
        parts: What may be put back.
        substitutes: Normal rows to take values from, (c, d).
        threshold: Under which the row is no alert.
        order: In which parts are put back; found by trying unless given.
        steps: Most parts put back.
        least: Parts that are put back even if fewer bring the score under the threshold.
    """
    found: list[Step] = []
    left = list(range(len(parts))) if order is None else list(order)
    back = np.zeros(len(row), bool)
    while left and len(found) < steps and (len(found) < least or not found or found[-1].score >= threshold):
        tried = left if order is None else left[:1]
        rows = np.repeat(row[None], len(tried) * len(substitutes), axis=0).reshape(len(tried), len(substitutes), -1)
        for place, part in enumerate(tried):
            mask = back.copy()
            mask[parts[part].columns] = True
            rows[place][:, mask] = substitutes[:, mask]
        given = scores(rows.reshape(-1, len(row))).reshape(len(tried), len(substitutes))
        best, source = np.unravel_index(int(given.argmin()), given.shape)
        chosen = left.pop(int(best)) if order is None else left.pop(0)
        back[parts[chosen].columns] = True
        found.append(Step(parts[chosen], float(given[best, source]), rows[best, source].copy()))
    return found


def few_enough(parts: Sequence[Part], shares: Floats) -> list[Part]:
    """The parts with the greatest shares, at most 128, in the order of these: shares of columns, (d,)."""
    by_part = np.array([shares[part.columns].sum() for part in parts])
    return [parts[place] for place in np.argsort(-by_part, kind="stable")[:_FAMILIES]]
