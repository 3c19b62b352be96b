"""Bytes and packets as numbers near 1."""

import numpy as np

from oddflow.features.image import Image
from oddflow.features.sequence import Sequence
from oddflow.models.graph import GraphBuilder
from oddflow.models.plain import PlainScaler
from oddflow.models.sealed import score_graph

from ..checks.problem import image_rows, packet_rows


def twin(scaler, x):
    """What the nodes give: the score is the sum, so that each column is told by the contributions."""
    builder = GraphBuilder(x.shape[1])
    scaled = scaler.write(builder)
    return score_graph(builder.finish(score=builder.row_sum(scaled), contributions=scaled).SerializeToString(), x)[1]


def test_bytes_stay_as_they_are_and_end_at_0_and_1():
    scaler, x = PlainScaler.of(Image().features), image_rows(5, 0)
    np.testing.assert_array_equal(scaler.transform(x), x)
    far = np.concatenate([x * 1_000, -x, np.full_like(x[:1], 1e38)])
    assert (scaler.transform(far).min(), scaler.transform(far).max()) == (0, 1)
    np.testing.assert_array_equal(twin(scaler, far), scaler.transform(far))


def test_packets_that_are_not_there_stay_0_and_a_second_is_1():
    scaler = PlainScaler.of(Sequence.features)
    row = np.zeros((1, 64), np.float32)
    row[0, [0, 1]], row[0, [32, 33]] = [1_500, -750], [1, 0.001]
    scaled = scaler.transform(row)[0]
    np.testing.assert_allclose(scaled[[0, 1, 32, 33]], [1, -0.5, 1, np.log(2) / np.log(1_001)], rtol=1e-5)
    assert np.flatnonzero(scaled).tolist() == [0, 1, 32, 33]
    x = packet_rows(20, 0)
    far = np.concatenate([x, x * 1_000, -x, np.full_like(x[:1], 1e38)])
    np.testing.assert_allclose(twin(scaler, far), scaler.transform(far), rtol=1e-5)
    assert np.abs(scaler.transform(far)).max() == 30
