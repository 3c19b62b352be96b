import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oddflow.verdicts.tally import MAX_TIME_BINS, ScoreTally, TimeTally


@given(st.lists(st.floats(0, 2.0**40, width=32), min_size=1), st.lists(st.floats(0, 2.0**20, width=32), min_size=1))
def test_every_score_is_drawn_once(seen, normal):
    source, held_back = ScoreTally(), ScoreTally()
    source.add(np.array(seen, np.float32))
    held_back.add(np.array(normal, np.float32))
    drawn = source.drawn_beside(held_back)
    assert sum(drawn.seen) == len(seen)
    assert sum(drawn.normal) == len(normal)
    assert len(drawn.edges) == len(drawn.seen) + 1
    assert list(drawn.edges) == sorted(drawn.edges)


@given(st.lists(st.tuples(st.integers(-(2**61), 2**61), st.booleans()), min_size=1, max_size=50))
def test_flows_over_any_span_fit_few_bins_and_none_is_lost(flows):
    tally = TimeTally()
    for time_ns, is_alert in flows:
        tally.add(np.array([time_ns]), np.array([is_alert]))
    drawn = tally.drawn()
    assert len(drawn.flows) <= MAX_TIME_BINS
    assert sum(drawn.flows) == len(flows)
    assert sum(drawn.alerts) == sum(is_alert for _, is_alert in flows)
    assert drawn.start_ns <= min(time_ns for time_ns, _ in flows)
