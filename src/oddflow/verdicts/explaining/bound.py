"""Parts that go together in normal traffic, joined: one reason, not four."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.models.measure import Measure
from oddflow.models.rows import Floats
from oddflow.verdicts.explaining.parts import Part

TOGETHER = 0.6
"""Parts whose values correlate so much, on average, are one."""
_HOST = "host_"
_ENOUGH = 50
_MOST = 128


def joined(parts: Sequence[Part], rows: Floats, measure: Measure) -> tuple[Part, ...]:
    """Parts that rise and fall together in normal rows, as one part each, named after the first of them.

    Who sends twice the packets sends twice the bytes: putting one of both back to normal by itself makes a flow that
    never was. The correlation is that of ranks, the greatest over the columns of both; parts are joined as long as
    their mean correlation is 0.6 or more (average linkage). Counts of one host's flows are one from the start: they
    count the same flows, by peers, ports and failures, though normal traffic has too few of some to tell. Packets,
    bytes and categories stay by themselves.

    Source: Spearman 1904; Sokal & Michener 1958 (average linkage).

    Args:
        parts: Of a row.
        rows: Normal rows, (p, d).
        measure: Of these columns.
    """
    alone = len(rows) < _ENOUGH or len(parts) > _MOST or any(part.packet for part in parts)
    if alone:
        return tuple(parts)
    near = _correlations(parts, rows, measure)
    groups = [[place] for place in range(len(parts))]
    while len(groups) > 1:
        means = np.array([[near[np.ix_(a, b)].mean() if a is not b else 0.0 for b in groups] for a in groups])
        first, second = np.unravel_index(int(means.argmax()), means.shape)
        if means[first, second] < TOGETHER:
            break
        kept = sorted(groups[first] + groups[second])
        groups = [group for place, group in enumerate(groups) if place not in {first, second}] + [kept]
    return tuple(
        Part(parts[group[0]].name, np.sort(np.concatenate([parts[place].columns for place in group])))
        for group in sorted(groups)
    )


def _correlations(parts: Sequence[Part], rows: Floats, measure: Measure) -> NDArray[np.float64]:
    """Between parts, (k, k), not negative; 0 for what never varies."""
    order = np.argsort(rows, axis=0, kind="stable")
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, np.arange(len(rows), dtype=float)[:, None], axis=0)
    for column in range(rows.shape[1]):  # values that tie share their mean rank
        _, places = np.unique(rows[:, column], return_inverse=True)
        ranks[:, column] = (np.bincount(places, ranks[:, column]) / np.bincount(places))[places]
    centred = ranks - ranks.mean(axis=0)
    sizes = np.sqrt((centred**2).sum(axis=0))
    sizes[measure.is_category | (sizes == 0)] = np.inf
    between = np.abs((centred / sizes).T @ (centred / sizes))
    near = np.zeros((len(parts), len(parts)))
    for a, first in enumerate(parts):
        for b, second in enumerate(parts[:a]):
            same = first.name.startswith(_HOST) and second.name.startswith(_HOST)
            near[a, b] = near[b, a] = 1.0 if same else between[np.ix_(first.columns, second.columns)].max()
    return near
