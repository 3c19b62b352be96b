import gzip
import struct

import numpy as np
import pytest

from oddflow.errors import InputError
from oddflow.features.image import Image
from tests.datasets.given import classes, rows_of

NAMES = ["normal", "bot"]


def images(*pixels, magic=0x803, count=None, size=(2, 2)):
    return struct.pack(">IIII", magic, len(pixels) if count is None else count, *size) + b"".join(pixels)


def labels(*numbers, count=None):
    return struct.pack(">II", 0x801, len(numbers) if count is None else count) + bytes(numbers)


def read(folder, image_bytes, label_bytes, **known):
    (folder / "x-images").write_bytes(gzip.compress(image_bytes))
    (folder / "x-labels").write_bytes(gzip.compress(label_bytes))
    return rows_of("idx", folder, "x-images", truth="x-labels", labels=NAMES, names=NAMES, **known)


def test_images_are_rows_of_pixels(tmp_path):
    rows = read(tmp_path, images(b"\x00\x01\x02\xff", b"\x05\x05\x05\x05"), labels(1, 0))
    assert rows.x.tolist() == [[0, 1, 2, 255], [5, 5, 5, 5]]
    assert [feature.name for feature in rows.features] == ["pixel_000", "pixel_001", "pixel_002", "pixel_003"]
    assert [rows.labels[y].name for y in rows.y] == ["bot", "normal"]


def test_images_as_large_as_those_of_flows_are_the_same_rows(tmp_path):
    rows = read(tmp_path, images(bytes([0, 51, 255]) + bytes(781), size=(28, 28)), labels(1))
    assert rows.features == Image().features
    np.testing.assert_allclose(rows.x[0, :4], [0, 0.2, 1, 0])


def test_many_images_are_read_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("oddflow.datasets.readers.idx.BLOCK_PIXELS", 8)
    pixels = [bytes([n] * 4) for n in range(101)]
    rows = read(tmp_path, images(*pixels), labels(*[n % 2 for n in range(101)]))
    assert rows.x[:, 0].tolist() == list(range(101))
    assert classes(rows) == {"normal": 51, "bot": 50}


@pytest.mark.parametrize(
    ("image_bytes", "label_bytes", "what"),
    [
        (images(b"abcd", magic=0x801), labels(0), "begins with 0x00000801"),
        (images(b"abc"), labels(0), "is cut: 1 bytes"),
        (images(b"abcd", b"abcd"), labels(0), "2 images, and .* 1 labels"),
        (images(b"abcd"), labels(0, count=2), "is cut"),
        (images(b"abcd"), labels(2), "the label 2; expected 0 to 1"),
        (images(b"abcd", size=(1 << 20, 1 << 20)), labels(0), "pixels; at most"),
        (images(b"", size=(0, 2)), labels(0), "0 × 2"),
        (images(b"abcd", count=1 << 31), labels(0), "at most"),
        (b"\0\0", labels(0), "is cut"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, image_bytes, label_bytes, what):
    with pytest.raises(InputError, match=what):
        read(tmp_path, image_bytes, label_bytes)


def test_pixels_are_float32(tmp_path):
    assert read(tmp_path, images(b"abcd"), labels(0)).x.dtype == np.float32
