"""Rows in any partition and order."""

import numpy as np
from hypothesis import strategies as st

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def parted(draw, values=FINITE, *, width=2, least=1, most=40):
    """Rows (n, width), and the places of each of some parts of them, in any order."""
    rows = draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=least, max_size=most))
    order = draw(st.permutations(range(len(rows))))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    return np.array(rows, np.float32).reshape(-1, width), np.split(np.array(order, np.int64), cuts)


def merged(make, parts):
    """What sketches of parts come to: those behind the first two are merged among themselves before."""
    first, *others = [make(part) for part in parts]
    for other in others[1:]:
        others[0].merge(other)
    if others:
        first.merge(others[0])
    return first


def sent(sketch):
    """A sketch that went through a wire."""
    return type(sketch).from_bytes(sketch.to_bytes())
