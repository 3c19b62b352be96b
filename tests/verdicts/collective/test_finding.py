"""What is told of a group that came over its limit."""

import pytest

from oddflow.verdicts.collective.finding import Finding
from oddflow.verdicts.collective.measures import Measure


@pytest.mark.parametrize(
    ("measure", "as_high", "windows", "p_value"),
    [
        (Measure.PORTS, 0, 999, 0.001),
        (Measure.SENT, 9, 99, 0.1),
        (Measure.FLOOD, 0, 0, None),
        (Measure.BEACON, 0, 0, None),
    ],
)
def test_the_p_value_is_the_share_of_windows_that_came_to_as_much(measure, as_high, windows, p_value):
    assert Finding(measure, 0, 50, 0, 10, 0, as_high, windows).p_value == p_value
