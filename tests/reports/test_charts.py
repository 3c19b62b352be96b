"""Charts: every number in them is finite, whatever comes in."""

import math
import re

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, sampled_from, tuples
from tests.reports import factory

from oddflow.reports.charts import packets_chart, range_strip, share_bar
from oddflow.reports.scores import scores_chart
from oddflow.reports.svg import decades, element, fixed, round_ticks, steps, time_ticks
from oddflow.reports.timeline import MOST_BINS, coarser, timeline_chart
from oddflow.verdicts.alert import AlertRow, Reason
from oddflow.verdicts.detection import ScoreHistogram, Threshold, Timeline

NUMBER = re.compile(r"-?\d+(\.\d+)?%?")
PLACES = re.compile(r' (x|y|x1|x2|y1|y2|cx|cy|r|rx|dx|width|height)="([^"]*)"')


def numbers_are_fine(markup):
    text = str(markup)
    assert not re.search(r"\b(nan|inf|NaN|Infinity)\b", re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", text))
    for _, value in PLACES.findall(text):
        assert NUMBER.fullmatch(value)
    for path in re.findall(r' d="([^"]*)"', text):
        assert re.fullmatch(r"([MHV]-?[\d.]+( -?[\d.]+)?|Z)+", path)
    for size in re.findall(r' (?:width|height|r)="([^"%]*)%?"', text):
        assert float(size) >= 0


threshold = Threshold(score=9.0, budget="", promise="", expected_false=0.0, held_back=0)
anything = floats(allow_nan=True, allow_infinity=True)


@given(anything, anything, anything, sampled_from(["", "s", "bytes"]))
def test_strip(value, low, high, unit):
    numbers_are_fine(range_strip(Reason("feature", value, low, high, 0.5, ""), unit))


@given(anything)
def test_share(share):
    numbers_are_fine(share_bar(share))


@given(lists(integers(-32_768, 32_767), max_size=40), lists(integers(0, 2**32 - 1), max_size=40))
def test_packets(lengths, gaps_us):
    numbers_are_fine(packets_chart(lengths, gaps_us))


@given(
    integers(-(2**60), 2**60),
    integers(0, 2**50),
    lists(tuples(integers(0, 2**40), integers(0, 2**40)), max_size=30),
)
def test_timeline(start_ns, width_ns, bins):
    line = Timeline(start_ns, width_ns, tuple(b[0] for b in bins), tuple(b[1] for b in bins))
    rows = [AlertRow(1, [factory.alert()]), AlertRow(2, [factory.alert(start_ns=start_ns, end_ns=start_ns)])]
    numbers_are_fine(timeline_chart(line, rows))


@given(lists(anything, max_size=6), lists(integers(0, 2**40), max_size=6), anything)
def test_scores(edges, counts, score):
    histogram = ScoreHistogram(tuple(sorted(edges, key=str)), tuple(counts), tuple(reversed(counts)))
    numbers_are_fine(scores_chart(histogram, Threshold(score, "", "", 0.0, 0)))


def test_empty_inputs_draw_nothing():
    assert timeline_chart(Timeline(0, 1, (), ()), []) == ""
    assert scores_chart(ScoreHistogram((), (), ()), threshold) == ""
    assert range_strip(Reason("feature", math.nan, 0, 1, 0.5, "")) == ""
    numbers_are_fine(packets_chart((), ()))


def test_one_element_inputs_draw():
    numbers_are_fine(timeline_chart(Timeline(0, 1, (1,), (0,)), []))
    numbers_are_fine(scores_chart(ScoreHistogram((0.0, 1.0), (1,), (1,)), threshold))
    numbers_are_fine(packets_chart((60,), (0,)))


def test_packets_stand_up_for_the_initiator_and_down_for_the_responder():
    chart = str(packets_chart((100, -50, 0, 0), (0, 1_500, 0, 0)))
    assert chart.count('class="hit up"') == chart.count('class="hit down"') == 1
    assert "Packet 2 from the responder\n50 bytes, 1.5 ms after the one before" in chart


def test_a_value_outside_its_range_is_marked():
    assert 'class="odd"' in range_strip(Reason("ports", 398, 0, 3, 1, ""))
    assert 'class="even"' in range_strip(Reason("ports", 2, 0, 3, 1, ""))


def test_a_strip_is_logarithmic_only_where_it_spans():
    assert "(log scale)" in range_strip(Reason("bytes", 1e9, 40, 1_500, 1, ""))
    assert "(log scale)" not in range_strip(Reason("bits", 7.3, 1.2, 5.4, 1, ""))


def test_coarser_keeps_every_flow_and_alert():
    line = Timeline(5, 10, tuple(range(1_000)), (1,) * 1_000)
    short = coarser(line)
    assert len(short.flows) <= MOST_BINS
    assert sum(short.flows) == sum(line.flows)
    assert sum(short.alerts) == 1_000
    assert short.width_ns * len(short.flows) >= 10_000


def test_benign_rows_have_quiet_lanes():
    rows = [AlertRow(1, [factory.alert(truth="port scan")]), AlertRow(2, [factory.alert(truth="")])]
    chart = str(timeline_chart(Timeline(factory.START, 10**12, (5,) * 9, (0,) * 9), rows))
    assert chart.count('class="hit lane"') == chart.count('class="hit lane quiet"') == 1


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 1.0000001), (-5, 5), (0, 1e300), (math.nan, 1)])
def test_ticks_are_few_and_inside(low, high):
    ticks = round_ticks(low, high)
    assert len(ticks) < 20
    assert all(low - 1e-6 <= tick <= high * (1 + 1e-9) + 1e-6 for tick in ticks)


def test_decades_need_numbers_above_zero():
    assert decades(1, 1_000) == [1, 10, 100, 1_000]
    assert decades(0, 10) == []


@given(integers(0, 2**62), integers(0, 2**61))
def test_time_ticks_are_few_and_inside(start_ns, span_ns):
    ticks = time_ticks(start_ns, start_ns + span_ns)
    assert len(ticks) < 40
    assert all(start_ns <= time_ns <= start_ns + span_ns for time_ns, _ in ticks)


def test_a_new_day_shows_its_date():
    day = 86_400 * 10**9
    assert ("2 Jan" in [words for _, words in time_ticks(0, 2 * day)]) is True


@pytest.mark.parametrize(("value", "text"), [(-0.0001, "0"), (1.5, "1.5"), (math.inf, "0"), (100, "100")])
def test_fixed(value, text):
    assert fixed(value) == text


def test_steps_touch():
    assert steps([1, 2], 5, closed=True) == "M0 5V4H1V3H2V5Z"


def test_attributes_and_texts_are_escaped():
    assert element("text", "<b>", id='"><script>') == '<text id="&#34;&gt;&lt;script&gt;">&lt;b&gt;</text>'
