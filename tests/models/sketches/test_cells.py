import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UnknownFormat
from oddflow.models.sketches.cells import RELATIVE_ERROR, Cells, FinerCells
from oddflow.models.sketches.packed import pack
from oddflow.models.sketches.ranks import nearest
from tests.models.sketches.make import merged, parted, sent

LEAST_NORMAL = 2.0**-126


def of(x):
    cells = Cells(x.shape[1])
    cells.update(x)
    return cells


def finer(cells, x, places):
    found = cells.finer(places)
    found.update(x)
    return found


@settings(max_examples=30, deadline=None)
@given(parted(), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_one_pass_is_near_and_two_are_exact_in_any_partition(given_rows, shares):
    x, parts = given_rows
    places = [nearest(len(x), share) for share in shares]
    expected = np.sort(x, axis=0)[places]
    cells = merged(lambda part: sent(of(x[part])), parts)
    assert cells.rows == len(x)
    off = np.abs(cells.estimates(places).astype(np.float64) - expected)
    assert (off <= RELATIVE_ERROR * np.maximum(np.abs(expected.astype(np.float64)), LEAST_NORMAL)).all()
    exact = merged(lambda part: sent(finer(cells, x[part], places)), parts)
    assert np.array_equal(exact.values(), expected)


@pytest.mark.parametrize("order", ["ascending", "descending", "from the middle", "zigzag"])
def test_no_order_makes_it_worse(order):
    ascending = np.exp(np.random.default_rng(0).normal(0, 8, 4_001)).astype(np.float32)
    ascending.sort()
    middle = np.argsort(np.abs(np.arange(4_001) - 2_000), kind="stable")
    rows = {
        "ascending": ascending,
        "descending": ascending[::-1],
        "from the middle": ascending[middle],
        "zigzag": np.concatenate([ascending[::2], ascending[::-2]])[:4_001],
    }[order]
    cells = Cells(1)
    for piece in np.array_split(rows[:, None], 40):
        cells.update(piece)
    for share in (0.001, 0.5, 0.999):
        place = nearest(len(rows), share)
        true = np.sort(rows)[place]
        assert abs(cells.estimates([place])[0, 0] - true) <= RELATIVE_ERROR * true


@pytest.mark.parametrize(
    ("columns", "cells", "counts"),
    [([5], [1], [1]), ([0], [70_000], [1]), ([0], [1], [0]), ([0, 0], [1, 1], [2, 3]), ([0], [1, 2], [1])],
)
def test_other_bytes_are_refused(columns, cells, counts):
    content = pack(
        "cells", width=np.array([1]), columns=np.array(columns), cells=np.array(cells), counts=np.array(counts)
    )
    with pytest.raises(UnknownFormat, match="hold no cells"):
        Cells.from_bytes(content)


@pytest.mark.parametrize("keys", [[3, 3], [4, 1], [-1, 5], [1, 1 << 32]])
def test_other_bytes_are_no_finer_cells(keys):
    table = np.zeros((1, 1), np.int64)
    content = pack(
        "finer cells", cells=table, within=table, sizes=np.array([2]), keys=np.array(keys), counts=np.array([1, 1])
    )
    with pytest.raises(UnknownFormat, match="hold no finer cells"):
        FinerCells.from_bytes(content)
