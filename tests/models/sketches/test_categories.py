from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UnknownFormat
from oddflow.models.categories import most_frequent
from oddflow.models.sketches.categories import Counts
from oddflow.models.sketches.packed import pack
from tests.models.sketches.make import merged, parted, sent

VALUES = st.integers(0, 12).map(float)


def of(column, most=65_536):
    counts = Counts(most)
    counts.update(column)
    return counts


@settings(max_examples=30, deadline=None)
@given(parted(VALUES, width=1))
def test_any_partition_counts_exactly_while_there_is_room(given_rows):
    x, parts = given_rows
    found = merged(lambda part: sent(of(x[part, 0])), parts)
    assert dict(zip(found.values.tolist(), found.counts.tolist(), strict=True)) == Counter(x[:, 0].tolist())
    assert found.exact
    assert np.array_equal(found.most_frequent(3), most_frequent(x[:, 0], 3))
    assert found.of([99.0]) == [0]


@settings(max_examples=30, deadline=None)
@given(parted(VALUES, width=1, most=80), st.integers(1, 6))
def test_beyond_its_room_no_count_is_off_by_more_than_it_says(given_rows, most):
    x, parts = given_rows
    found = merged(lambda part: of(x[part, 0], most), parts)
    assert len(found.values) <= most
    assert found.error <= len(x) // (most + 1)
    for value, count in Counter(x[:, 0].tolist()).items():
        [told] = found.of([value])
        assert told <= count <= told + found.error


def test_what_comes_often_is_kept_however_late_it_comes():
    x = np.concatenate([np.arange(1_000), np.full(200, 7_777)]).astype(np.float32)
    for order in (slice(None), slice(None, None, -1)):
        found = merged(lambda part: of(part, 10), np.split(x[order], 12))
        assert 7_777 in found.values


@pytest.mark.parametrize(
    ("about", "values", "counts"),
    [
        ([8, 3], [1], [3]),
        ([8, 3, -1], [1], [3]),
        ([8, 3, 0], [2, 1], [1, 1]),
        ([8, 3, 0], [1], [4]),
        ([1, 3, 0], [1, 2], [1, 1]),
        ([8, 3, 0], [np.nan], [1]),
        ([8, 3, 0], [1], [0]),
    ],
)
def test_other_bytes_are_refused(about, values, counts):
    content = pack(
        "counts of categories",
        about=np.array(about, np.int64),
        values=np.array(values, np.float32),
        counts=np.array(counts, np.int64),
    )
    with pytest.raises(UnknownFormat, match="hold no counts"):
        Counts.from_bytes(content)
