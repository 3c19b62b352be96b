import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddflow.errors import UnknownFormat
from oddflow.models.sketches.packed import pack
from oddflow.models.sketches.tops import Tops
from tests.models.sketches.make import merged, parted, sent

VALUES = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=30, deadline=None)
@given(parted(VALUES), st.sampled_from([0.0, 0.3, 0.5, 0.9, 0.999, 1.0]))
def test_any_partition_gives_the_quantile_of_numpy_bit_for_bit(given_rows, share):
    x, parts = given_rows
    groups = np.arange(len(x)) % 3
    counts = np.bincount(groups, minlength=2)[:2]

    def of(part):
        tops = Tops.for_share(counts, share, 2)
        tops.update(x[part], groups[part])
        return sent(tops)

    found = merged(of, parts)
    assert found.counts.tolist() == counts.tolist()
    for group in np.flatnonzero(counts).tolist():
        assert np.array_equal(found.quantile(group, share), np.quantile(x[groups == group], share, axis=0))


def test_places_count_from_the_greatest():
    tops = Tops([3], 1)
    tops.update(np.array([[5], [1], [4], [9]], np.float32))
    assert [float(tops.greatest(0, place)[0]) for place in range(3)] == [9, 5, 4]


@pytest.mark.parametrize(
    ("counts", "depths", "sizes", "kept"),
    [
        ([3], [2], [1], [[1.0]]),
        ([3], [2], [2], [[1.0]]),
        ([3], [-2], [2], [[1.0], [2.0]]),
        ([3, 1], [2], [2], [[1.0], [2.0]]),
        ([3], [2], [2], [[1.0], [np.inf]]),
    ],
)
def test_other_bytes_are_refused(counts, depths, sizes, kept):
    whole = {"counts": counts, "depths": depths, "sizes": sizes}
    arrays = {name: np.array(numbers, np.int64) for name, numbers in whole.items()}
    with pytest.raises(UnknownFormat, match="hold no tops"):
        Tops.from_bytes(pack("tops", kept=np.array(kept, np.float32), **arrays))
