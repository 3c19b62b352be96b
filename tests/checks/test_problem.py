"""The problems that detectors are checked on are what they claim: no column alone tells."""

import numpy as np
import pytest

from .problem import (
    area_under_curve,
    image_rows,
    mixed_columns,
    name_rows,
    normal_rows,
    odd_packets,
    odd_rows,
    packet_rows,
    pair_rows,
    rate_rows,
)


@pytest.mark.parametrize(
    ("normal", "odd"),
    [
        (normal_rows(2_000, 1), odd_rows(2_000, 2)),
        (pair_rows(2_000, 3), pair_rows(2_000, 2, sign=-1)),
        (image_rows(1_000, 1), mixed_columns(image_rows(1_000, 2), 3)),
        (packet_rows(1_000, 1), odd_packets(1_000)),
        (name_rows(1_000, 1), mixed_columns(name_rows(1_000, 2), 3)),
        (rate_rows(1_000, 1), mixed_columns(rate_rows(1_000, 2), 3)),
    ],
    ids=["mixed", "pair", "image", "packets", "names", "rates"],
)
def test_no_column_alone_tells_odd_rows_from_normal_ones(normal, odd):
    centres = np.median(normal, axis=0)
    for far, usual in ((odd, normal), (abs(odd - centres), abs(normal - centres))):
        for column in range(normal.shape[1]):
            assert 0.35 < area_under_curve(far[:, column], usual[:, column]) < 0.65


def test_the_area_under_the_curve_is_that_of_hand():
    assert area_under_curve([3.0, 1.0], [0.0, 1.0, 2.0]) == pytest.approx((3 + 1.5) / 6)
