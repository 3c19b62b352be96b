"""Where in a traffic matrix an alert stands: from when to when, which ports or peers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oddflow.amounts import seconds
from oddflow.features.feature import Feature
from oddflow.features.matrix_settings import SLOTS, age_s, rows_of
from oddflow.verdicts.alert import Reason
from oddflow.verdicts.words import amount

LEAST_PART = 0.1
"""Of the greatest part: cells with less of the score are not what the alert is about."""


def extent(
    features: Sequence[Feature],
    row: NDArray[np.float32],
    parts: NDArray[np.float32],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> Reason | None:
    """The box around the cells that made the score, as a reason; None where the features are no traffic matrix's.

    Its value is what its cells hold together; what is normal is the sum of what is normal in each.

    Args:
        features: The d columns of a row.
        row: Raw values, (d,).
        parts: Their parts of the score, (d,), not negative.
        low, high: What is normal, (d,).
    """
    rows = rows_of(features)
    if rows is None or not parts.any():
        return None
    strong = np.flatnonzero(parts >= LEAST_PART * parts.max())
    lines, times = strong // SLOTS, strong % SLOTS
    drawn = np.zeros(len(features), bool).reshape(-1, SLOTS)
    drawn[lines.min() : lines.max() + 1, times.min() : times.max() + 1] = True
    box = drawn.reshape(-1)
    strongest = features[int(np.argmax(parts))]
    first, last = (age_s(features[time]) for time in (int(times.min()), int(times.max())))
    since = f"from {seconds(first)} before it ended" if first else "when it ended"
    until = f" until {seconds(last)} before" if last else ", until it ended" if first else ""
    value = float(row[box].sum())
    what = amount(value, strongest)
    unit = "" if strongest.unit == "bytes" else f" {strongest.unit}"
    text = f"{what}{unit} to {rows.words(int(lines.min()), int(lines.max()))}, {since}{until}"
    share = float(parts[box].sum() / parts.sum())
    return Reason(strongest.name, value, float(low[box].sum()), float(high[box].sum()), round(share, 4), text)
