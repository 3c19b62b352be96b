"""Port vectors: what is written is read, and a file that is none is refused."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from oddflow.errors import InputError, UsageError
from oddflow.models.port_vectors import MOST_SERVICES, PortVectors

SERVICES = np.array([22, 80, 443, 8443], np.float32)
VECTORS = np.array([[1, 0], [-1, 0.1], [0, 2], [0.1, 3]], np.float32)


def test_what_is_written_is_read_and_the_nearest_come_first(tmp_path):
    PortVectors(SERVICES, VECTORS).write(tmp_path / "a.safetensors")
    found = PortVectors.read(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    near = found.nearest(443)
    assert [service for service, _ in near] == [8443, 80, 22]
    assert near[0][1] == pytest.approx(3 / np.hypot(0.1, 3))
    with pytest.raises(UsageError, match="too rare; it"):
        found.nearest(23)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"services": SERVICES}, "arrays are services and not"),
        ({"services": SERVICES, "vectors": VECTORS[:3]}, "do not go together"),
        ({"services": SERVICES[::-1].copy(), "vectors": VECTORS}, "do not ascend"),
        ({"services": SERVICES, "vectors": VECTORS * np.float32(np.nan)}, "not finite"),
        ({"services": SERVICES, "vectors": VECTORS.astype(np.float64)}, "no float32"),
        ({"services": SERVICES[:0], "vectors": VECTORS[:0]}, f"at most {MOST_SERVICES} services"),
        ({"services": SERVICES, "vectors": np.ones((4, 65), np.float32)}, "of 64 numbers"),
    ],
)
def test_arrays_that_are_no_port_vectors_are_refused(arrays, words, tmp_path):
    save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=words):
        PortVectors.read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\xff" * 64, b"\x08" + b"\0" * 7 + b"{}      "])
def test_a_file_that_is_none_is_refused(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="oddflow embed"):
        PortVectors.read(tmp_path / "a")


def test_what_is_no_file_or_too_large_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"\0" * 1_000_000)
    for place in (tmp_path, tmp_path / "none", tmp_path / "a", "/dev/zero"):
        with pytest.raises(InputError, match="oddflow embed"):
            PortVectors.read(place)
