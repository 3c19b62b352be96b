"""From scaled columns and their reconstruction to scores, one pass a row; `models/tails.py` says what it computes."""

import math

import numpy as np
from numba import b1, f4, i8

from oddflow.jit import kernel


@kernel()
def _square(squared, scaled, drawn, middles, far, missed, most):
    """Squared surprises of a row's columns, (m,) each; NaN where either way gives none.

    That all are of one length is said first, so that no number's bounds need a check of their own.
    """
    m = squared.shape[0]
    if (
        scaled.shape[0] != m
        or drawn.shape[0] != m
        or middles.shape[0] != m
        or far.shape[0] != m
        or missed.shape[0] != m
    ):
        return
    for j in range(m):
        out = (scaled[j] - middles[j]) * far[j]
        out = out * out
        off = (scaled[j] - drawn[j]) * missed[j]
        off = off * off
        greater = out if out > off else off
        greater = greater if greater < most else most
        both = out + off
        squared[j] = greater if both == both else both  # noqa: PLR0124


@kernel()
def _six(squared):
    """The root mean of the six greatest; NaN where one is NaN."""
    first = second = third = fourth = fifth = sixth = np.float32(-np.inf)
    for j in range(squared.shape[0]):
        value = squared[j]
        if not value <= first:
            if value != value:  # noqa: PLR0124
                return value
            # it takes the least one's place, and goes up as far as it belongs
            first, value = min(value, second), max(value, second)
            second, value = min(value, third), max(value, third)
            third, value = min(value, fourth), max(value, fourth)
            fourth, value = min(value, fifth), max(value, fifth)
            fifth, sixth = min(value, sixth), max(value, sixth)
    return math.sqrt((first + second + third + fourth + fifth + sixth) / np.float32(6))


@kernel(b1(f4[:, ::1], f4[:, ::1], i8[::1], f4[::1], f4[:, ::1], f4[:, ::1], f4, i8[::1], f4[::1], f4[::1], f4[::1]))
def score_rows(scaled, drawn, groups, middles, far, missed, most, owners, squared, features, scores):
    """Fills scores (n,); False where a group has no row in the tables (g, m), or a surprise is no number.

    `squared` (m,) and `features` (d,) are room to work in; `owners` has no places where columns are features.
    """
    for i in range(scaled.shape[0]):
        group = groups[i]
        if group < 0 or group >= far.shape[0]:
            return False
        _square(squared, scaled[i], drawn[i], middles, far[group], missed[group], most)
        if owners.shape[0]:
            features[:] = 0
            for j in range(owners.shape[0]):
                features[owners[j]] = max(features[owners[j]], squared[j])
                if squared[j] != squared[j]:
                    return False
            scores[i] = _six(features)
        else:
            scores[i] = _six(squared)
        if scores[i] != scores[i]:
            return False
    return True
