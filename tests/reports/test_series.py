"""Lines in one plot, and values on a strip."""

import math
import re

from oddflow.reports.series import SHARES, Axis, Series, lines_chart, strip


def test_points_stand_where_they_belong():
    drawn = lines_chart([Series("a <b>", [(0, 0), (0.5, 1)], 0)], Axis("x", SHARES), Axis("", SHARES), label="Curves")
    assert 'd="M0 240L500 0"' in drawn
    assert 'class="line c0"' in drawn
    assert 'aria-label="Curves: a &lt;b&gt;"' in drawn


def test_what_is_no_number_stays_inside_and_colours_go_round():
    drawn = lines_chart(
        [Series("a", [(math.nan, 2.0), (-1, math.inf)], 9, dots=True), Series("b", [], None)],
        Axis("x", ()), Axis("", ()), label="Curves", guide=[(0, 0), (1, 1)],
    )  # fmt: skip
    assert 'd="M0 0L0 240"' in drawn
    assert 'class="line c1"' in drawn
    assert 'class="line beside"' in drawn
    assert 'class="guide"' in drawn
    assert drawn.count("<circle") == 2


def test_values_lie_on_a_strip_between_the_ends_of_its_range():
    drawn = strip([0.5, 0.75], 0.5, 0.7, of=(0.5, 1.0), style="c2", label="seeds")
    assert re.findall(r'cx="([\d.]+)%"', drawn) == ["0", "50"]
    assert 'x1="0%" x2="40%"' in drawn
    assert "nan" not in strip([0.5], 0.5, 0.5, of=(0.5, 0.5), style="c0", label="one")
