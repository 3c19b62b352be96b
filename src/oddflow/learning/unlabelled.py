"""Rows without labels, beside a few that have one."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.models.rows import Floats


def without_labels(
    gathered: Gathered, unlabelled: Gathered | None, labelled_share: float, *, seed: int
) -> tuple[Gathered, Floats | None]:
    """What has labels, and all rows that have none, (u, d), or None.

    Raises:
        UsageError: Rows without labels are seen otherwise than the rows with labels, or a share is none.
    """
    rows = []
    if unlabelled is not None:
        if unlabelled.features != gathered.features:
            raise UsageError(
                "rows without labels must have the columns of those with labels; read both from traffic, and a data "
                "set's from --labelled-share"
            )
        rows.append(unlabelled.x)
        gathered = replace(gathered, seen=[*gathered.seen, *unlabelled.seen])
    if labelled_share != 1:
        gathered, others = some_labels(gathered, labelled_share, seed=seed)
        rows.append(others)
    return gathered, np.concatenate(rows) if rows else None


def some_labels(gathered: Gathered, share: float, *, seed: int) -> tuple[Gathered, Floats]:
    """Keeps the labels of a share of each kind of rows, two at least; the others are rows without a label.

    Returns:
        What has labels, and the rows that have none, (u, d).

    Raises:
        UsageError: The share is none, or there are no labels.
    """
    if not 0 < share <= 1:
        raise UsageError(f"--labelled-share must be above 0 and at most 1; {share!r} given")
    if gathered.y is None or gathered.marks is not None:
        raise UsageError("--labelled-share goes with labelled flows: --labels TRUTH.csv or --dataset NAME")
    chance, kept = np.random.default_rng([seed, 7]), np.zeros(len(gathered.x), bool)
    for kind in np.unique(gathered.y):
        places = np.flatnonzero(gathered.y == kind)
        kept[chance.permutation(places)[: max(2, round(share * len(places)))]] = True
    left = _taken(gathered, kept)
    return left, gathered.x[~kept]


def _taken(gathered: Gathered, kept: NDArray[np.bool_]) -> Gathered:
    assert gathered.y is not None  # noqa: S101  (checked above)
    # flows stay: they tell how busy the network is
    return replace(gathered, x=gathered.x[kept], times_ns=gathered.times_ns[kept], y=gathered.y[kept])
