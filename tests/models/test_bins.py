import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oddflow.features.feature import Feature, Scale
from oddflow.models.bins import Bins
from oddflow.models.graph import GraphBuilder
from oddflow.models.sealed import score_graph
from tests.checks.problem import FEATURES, normal_rows

ROWS = normal_rows(300, 0)
BINS = Bins.fit(ROWS, FEATURES, 6)
NUMBERS = st.floats(-(2.0**127), 2.0**127, width=32) | st.sampled_from(
    [0.0, -0.0, 22.0, 53.0, 443.0, 1e-45, *BINS.edges[0].tolist()]
)


def of_graph(bins, x):
    builder = GraphBuilder(x.shape[1])
    codes = bins.write(builder)
    return score_graph(builder.finish(score=builder.row_sum(codes), contributions=codes).SerializeToString(), x)[1]


@settings(max_examples=60)
@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.just(len(FEATURES))), elements=NUMBERS))
def test_graph_and_numpy_agree_on_every_bin(x):
    np.testing.assert_array_equal(of_graph(BINS, x), BINS.codes(x))


def test_what_was_learnt_is_in_inner_bins_and_the_rest_outside():
    codes = BINS.codes(ROWS)[:, : len(BINS.numbers)]
    assert codes.min() == 1
    assert codes[:, :8].max() == 6
    far = np.concatenate([ROWS[:1] + 1e9, ROWS[:1] - 1e9])
    outside = BINS.codes(far)[:, :8]
    assert (outside[0] == 7).all()
    assert (outside[1] == 0).all()


def test_a_known_category_has_a_bin_of_its_own_and_others_share_one():
    x = ROWS[:5].copy()
    x[:, 0] = [22, 53, 443, 80, -1]
    assert BINS.codes(x)[:, -1].tolist() == [1, 2, 3, 0, 0] or len(set(BINS.codes(x)[:3, -1])) == 3
    assert BINS.codes(x)[3:, -1].tolist() == [0, 0]


def test_bins_of_a_log_column_are_of_equal_ratio():
    column = np.geomspace(1, 1e6, 100).astype(np.float32)[:, None] - 1
    edges = Bins.fit(column, [Feature("bytes", "bytes", Scale.LOG, "{value}")], 6).edges[0][1:-1]
    np.testing.assert_allclose((edges[1:] + 1) / (edges[:-1] + 1), 10, rtol=1e-3)
