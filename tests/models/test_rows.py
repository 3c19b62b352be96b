import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.models.rows import check_rows, five_digits


def test_rows_come_back_as_float32_and_are_not_copied_for_nothing():
    x = np.ones((2, 3), np.float32)
    assert check_rows(x) is x
    assert check_rows([[1, 2], [3, 4]]).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], r"shape \(n, d\)"),
        (3.0, r"shape \(n, d\)"),
        (np.empty((2, 0)), "d ≥ 1"),
        ([["a", "b"]], "must be numbers"),
        ([[1.0], [1.0, 2.0]], "must be numbers"),
        ([[1.0, 2.0]], "3 columns.*2 given"),
        (np.empty((0, 3)), "1 rows or more.*0 given"),
        ([[1.0, 2.0, np.nan]], r"column 2 \(third\) holds nan in row 0"),
        ([[1.0, np.inf, 1.0]], "column 1 .*holds inf"),
        ([[1.0, 1e300, 1.0]], "column 1 .*holds inf"),
    ],
)
def test_a_refusal_says_what_came(x, words):
    with pytest.raises(UsageError, match=words):
        check_rows(x, width=3, at_least=1, names=("first", "second", "third"))


def test_five_digits_hide_the_last_bits():
    assert five_digits(np.array([1.2345649])) == five_digits(np.array([1.2345651]))
    assert five_digits(np.array([0.0, 12345.678, -1e-9])).tolist() == pytest.approx([0, 12346, -1e-9])
