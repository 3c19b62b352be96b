"""Shapley values of trees against other rows; `models/tree_shapley.py` says of what."""

import math

import numpy as np
from numba import f4, f8, i8, void

from oddflow.jit import kernel

ENTER, THERE, BACK, ONLY = 0, 1, 2, 3
"""What a step of the walk still has to do: go in; come back for the other row's way; come back and forget; no more."""


@kernel()
def share(first, second, logs):
    """first! second! / (first + second + 1)!, by logarithms of factorials."""
    return math.exp(logs[first] + logs[second] - logs[first + second + 1])


@kernel()
def at_leaf(weight, asked, count, mine, theirs, owner, extra, changed, changes, constant, logs, values):
    """Adds what a leaf gives each column, that is reached by taking `mine` columns from the row and `theirs` from z.

    The leaf is worth `weight` times a factor, which is `constant` plus `extra` of each column that is the row's.
    """
    inside = constant
    outside = 0.0
    for k in range(changes):
        column = changed[k]
        if owner[column] == 1:
            inside += extra[column]
        elif owner[column] == 0:
            outside += extra[column]
    for_mine = for_theirs = 0.0
    if mine > 0:
        for_mine += weight * inside * share(mine - 1, theirs, logs)
    if theirs > 0:
        for_theirs -= weight * inside * share(mine, theirs - 1, logs)
    if changes > 0:
        # with each column more that the leaf does not ask, as if it asked that too
        with_it = weight * share(mine, theirs, logs)
        for_mine += outside * with_it
        if theirs > 0:
            for_theirs -= outside * weight * share(mine + 1, theirs - 1, logs)
        for k in range(changes):
            column = changed[k]
            if owner[column] == 0:
                values[column] += extra[column] * with_it
    for k in range(count):
        column = asked[k]
        values[column] += for_mine if owner[column] == 1 else for_theirs


@kernel(
    void(
        f4[::1], f4[:, ::1], i8[::1], i8[::1], f4[::1], i8[::1], i8[::1], f8[::1], f8, f8[::1], f8[:, ::1], f8[::1],
        i8, f8[::1],
    ),
    allocates=True,
)  # fmt: skip
def shapley_values(
    row, others, roots, feature, threshold, left, right, value, constant, terms, other_terms, logs, deepest, values
):
    """Adds to `values` (d,) the sum over others (p, d) of Shapley values of the trees' sum times a factor.

    The factor is `constant` plus one term a column: `terms` (d,) of the row, `other_terms` (p, d) of the others.
    """
    d = row.shape[0]
    owner = np.zeros(d, np.int64)  # whose a column is on the way: 0 nobody's yet, 1 the row's, 2 the other's
    asked = np.empty(deepest + 2, np.int64)
    nodes = np.empty(deepest + 2, np.int64)
    to_do = np.empty(deepest + 2, np.int64)
    extra = np.empty(d, np.float64)
    changed = np.empty(d, np.int64)
    for z in range(others.shape[0]):
        base = constant
        changes = 0
        for column in range(d):
            base += other_terms[z, column]
            extra[column] = terms[column] - other_terms[z, column]
            if extra[column] != 0.0:
                changed[changes] = column
                changes += 1
        for tree in range(roots.shape[0]):
            mine = theirs = count = depth = 0
            nodes[0] = roots[tree]
            to_do[0] = ENTER
            while depth >= 0:
                node = nodes[depth]
                column = feature[node]
                onward = -1
                if left[node] < 0:
                    at_leaf(
                        value[node], asked, count, mine, theirs, owner, extra, changed, changes, base, logs, values
                    )  # fmt: skip
                elif to_do[depth] == ENTER:
                    here = left[node] if row[column] <= threshold[node] else right[node]
                    there = left[node] if others[z, column] <= threshold[node] else right[node]
                    to_do[depth] = ONLY
                    if here == there or owner[column] == 1:
                        onward = here
                    elif owner[column] == 2:
                        onward = there
                    else:
                        owner[column] = 1
                        asked[count] = column
                        count += 1
                        mine += 1
                        to_do[depth] = THERE
                        onward = here
                elif to_do[depth] == THERE:
                    owner[column] = 2
                    mine -= 1
                    theirs += 1
                    to_do[depth] = BACK
                    onward = left[node] if others[z, column] <= threshold[node] else right[node]
                elif to_do[depth] == BACK:
                    owner[column] = 0
                    theirs -= 1
                    count -= 1
                if onward >= 0:
                    depth += 1
                    nodes[depth] = onward
                    to_do[depth] = ENTER
                else:
                    depth -= 1
