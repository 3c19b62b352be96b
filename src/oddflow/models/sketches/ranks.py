"""Which places of n sorted values a quantile lies between, as `numpy.quantile` takes them."""

import math

import numpy as np

from oddflow.models.rows import Floats


def nearest(count: int, share: float) -> int:
    """The place of the value that is nearest to a quantile, from 0, as `method="nearest"`."""
    return int(np.around((count - 1) * share))


def before(count: int, share: float) -> int:
    """The place of the value at or below a quantile, from 0."""
    return min(math.floor((count - 1) * share), count - 1)


def between(low: Floats, high: Floats, count: int, share: float) -> Floats:
    """The quantile between the values at that place and the next, (k,) each, as `method="linear"`, bit for bit."""
    place = (count - 1) * share
    part = place - math.floor(place)
    apart = high - low
    return np.asarray(high - apart * (1 - part) if part >= 0.5 else low + apart * part, np.float32)
