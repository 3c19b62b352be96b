"""Labelled rows made of what a test cares about."""

import numpy as np
import pyarrow as pa

from oddflow.datasets.rows import Label, LabelledRows, Split
from oddflow.features.feature import Feature, Scale
from oddflow.schema import AttackCategory

LABELS = (Label("benign", AttackCategory.NORMAL), Label("flood", AttackCategory.DOS, ("T1498",)))


def rows_of(x, y=None, *, names=None, scales=None, labels=LABELS, src=None, dst=None, **more):
    """Rows (n, d) with classes y, alternating ones unless given; `src` and `dst` are addresses of each."""
    x = np.asarray(x, np.float32)
    count, width = x.shape
    y = np.arange(count) % len(labels) if y is None else np.asarray(y)
    names = names or [f"f{place}" for place in range(width)]
    scales = scales or [Scale.LINEAR] * width
    if src is not None:
        ports = pa.array(np.zeros(count, np.uint16))
        ends = {"src_ip": src, "src_port": ports, "dst_ip": dst or src, "dst_port": ports, "protocol": ports}
        more["ends"] = pa.table(ends)
    features = tuple(Feature(name, "", scale, "{value}") for name, scale in zip(names, scales, strict=True))
    return LabelledRows("made", x, features, tuple(labels), y.astype(np.int16), **more)


def halves(rows):
    """The first half is learnt from, the second tested on."""
    middle = len(rows) // 2
    return Split("halves", np.arange(middle), np.arange(middle, len(rows)))


def shuffled(rows, seed=0):
    """Seven tenths at random are learnt from."""
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = 7 * len(rows) // 10
    return Split("random", np.sort(order[:cut]), np.sort(order[cut:]))


def noise(count=1_000, width=4, seed=1):
    """Rows that say nothing, (n, d)."""
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
