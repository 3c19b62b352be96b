import math

import pytest

from oddflow.errors import UsageError
from oddflow.server.store.page import bounded, number_of, token, whole_of


@pytest.mark.parametrize("score", [0.0, -1.5, 1e300, 5e-324, 0.1, math.pi, 3])
def test_a_token_names_a_row_exactly(score):
    assert number_of(token(float(score), "0a")) == (score, "0a")


@pytest.mark.parametrize("time_ns", [0, -1, 1_700_000_000_123_456_789])
def test_of_whole_numbers_too(time_ns):
    assert whole_of(token(time_ns, 7)) == (time_ns, "7")


@pytest.mark.parametrize("after", ["", "x", "1_2_3", "nan_a", "9" * 30 + "_a", "1_\0", "0x1p99999_a", "é_1", "1.5_a"])
def test_a_wrong_token_of_whole_numbers_is_told(after):
    with pytest.raises(UsageError, match="expected what the page before gave"):
        whole_of(after)


@pytest.mark.parametrize("after", ["", "x", "1_2_3", "nan_a", "1_\0", "0x1p99999_a", "é_1", "inf_a", "1_a b"])
def test_a_wrong_token_of_scores_is_told(after):
    with pytest.raises(UsageError, match="expected what the page before gave"):
        number_of(after)


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_a_wrong_limit_is_told(limit):
    with pytest.raises(UsageError, match="rows were asked for"):
        bounded(limit)
