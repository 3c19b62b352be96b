"""An even sample of rows, told before or after they have passed."""

import numpy as np
import pytest

from oddflow.features.gathering import _Sample, step_of


@pytest.mark.parametrize("limit", [1, 10, 64])
@pytest.mark.parametrize("sizes", [[5], [100, 3, 900], [7] * 60, [1, 0, 2_000, 1]])
def test_what_a_sample_keeps_is_told_by_the_sizes_of_its_batches(sizes, limit):
    sample = _Sample(limit)
    starts = np.cumsum([0, *sizes])
    for start, size in zip(starts, sizes, strict=False):
        sample.add(np.arange(start, start + size))
    assert sample.all()[0].tolist() == list(range(0, sum(sizes), step_of(sizes, limit)))
