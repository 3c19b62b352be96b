"""Bytes as vectors: each byte has one of its own, wherever it stands."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oddflow.networks.byte_vectors import ByteVectors  # noqa: E402


def test_each_byte_has_its_vector_wherever_it_stands():
    torch.manual_seed(0)
    vectors = ByteVectors(3)
    codes = np.random.default_rng(0).permutation(512).reshape(1, 2, 16, 16) % 256
    image = torch.from_numpy(codes.astype(np.float32) / np.float32(255))
    found = vectors(image).detach()
    assert found.shape == (1, 6, 16, 16)
    for place in np.ndindex(2, 16, 16):
        channel, row, column = place
        wanted = vectors.vectors.weight[codes[0][place]]
        torch.testing.assert_close(found[0, 3 * channel : 3 * channel + 3, row, column], wanted)
