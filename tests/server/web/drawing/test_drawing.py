"""Charts of the service's pages: what they draw and say, and nothing where there is nothing."""

import re

import pytest

from oddflow.server.web.drawing.balance import Part, balance_bar
from oddflow.server.web.drawing.buckets import buckets_chart
from oddflow.server.web.drawing.courses import Band, Course, courses_chart
from oddflow.server.web.drawing.day_strip import day_strip
from oddflow.server.web.drawing.spark import sparkline
from oddflow.server.web.drawing.time_bars import time_bars

NIGHT_S = 1_700_000_000


@pytest.mark.parametrize(
    "drawn",
    [
        balance_bar([], "packets"),
        balance_bar([Part("metered", 0)], "packets"),
        buckets_chart([0, 0], ["1 s"], label="x", unit="flows"),
        buckets_chart([1, 2, 3], ["1 s"], label="x", unit="flows"),
        courses_chart([], 0, 60, label="x"),
        courses_chart([Course("x", [None, None])], 0, 60, label="x"),
        day_strip([0] * 24),
        sparkline([], "x"),
        time_bars([0, 0], [0, 0], 0, 60),
    ],
)
def test_nothing_is_drawn_of_nothing(drawn):
    assert drawn == ""


def test_a_bar_shows_even_a_small_loss():
    drawn = balance_bar([Part("metered", 999_999), Part("lost: <ring>", 1, "lost")], "packets")
    widths = [float(width) for width in re.findall(r'width="([\d.]+)%"', drawn)]
    assert sum(widths) == pytest.approx(100, abs=0.1)
    assert widths[1] > 0.3
    assert "lost: &lt;ring&gt;\n1 packets, 0.0001 %" in drawn


def test_an_axis_of_zeros_has_no_other_value():
    drawn = courses_chart([Course("lost", [0.0, 0.0])], NIGHT_S, 60, label="x", say="{:g}".format)
    assert re.findall(r'text-anchor="end"[^>]*class="axis"[^>]*>([^<]+)<', drawn) == ["0"]


def test_steps_beyond_are_marked_and_gaps_break_the_line():
    drawn = courses_chart([Course("bytes", [1.0, None, 3.0])], NIGHT_S, 3_600, label="x", odd={2})
    assert drawn.count("<circle") == 1
    (line,) = re.findall(r'class="line c0" d="([^"]+)"', drawn)
    assert line.count("M") == 2
    assert "bytes: nothing known" in drawn


def test_a_band_tells_what_is_usual():
    band = Band([1.0, None], [2.0, None])
    drawn = courses_chart([Course("bytes", [5.0, 1.0])], NIGHT_S, 3_600, label="x", band=band, stepped=True)
    assert "usual: 1 to 2" in drawn
    assert drawn.count("usual:") == 1


def test_the_fullest_hour_is_the_darkest():
    drawn = day_strip([0, 1, 100, *[0] * 21])
    assert re.findall(r"hour h(\d)", drawn)[:3] == ["0", "1", "9"]
    assert "most between 02:00 and 03:00" in drawn


def test_one_flow_among_many_is_seen():
    drawn = time_bars([100_000, 1], [0, 1], NIGHT_S, 60)
    assert "1 flow\n1 alert" in drawn
    assert "V78" in drawn  # two pixels above the base of 80


def test_buckets_beyond_the_cut_are_alarms():
    drawn = buckets_chart([5, 1, 2], ["1 ×", "2 ×"], label="x", unit="flows", cut=1, cut_words="threshold 3")
    assert drawn.count('"bar over"') == 2
    assert "over 2 ×\n2 flows, 25 %" in drawn
