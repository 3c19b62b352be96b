"""The payload picture holds the payload's very bytes."""

import base64
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from oddflow.reports.payload import data_uri, dump


def png(payload):
    return base64.b64decode(data_uri(payload).partition(",")[2])


def pixels(picture):
    """What an independent reader finds in a grey 8-bit PNG whose lines are not filtered."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", picture, at + 8 + length)[0] == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    lines = zlib.decompress(chunks[b"IDAT"])
    assert lines[::29] == bytes(28)
    return b"".join(lines[start + 1 : start + 29] for start in range(0, len(lines), 29))


@given(binary(max_size=900))
def test_png_decodes_to_the_payload(payload):
    assert pixels(png(payload)) == payload[:784].ljust(784, b"\0")


def test_png_opens_in_another_library():
    image = pytest.importorskip("PIL.Image")
    payload = bytes(range(256)) * 3
    with image.open(io.BytesIO(png(payload))) as picture:
        assert picture.mode == "L"
        assert picture.tobytes() == payload.ljust(784, b"\0")


@given(binary(max_size=300))
def test_dump_can_be_read_back(payload):
    lines = dump(payload, at_most=300).splitlines()
    assert b"".join(bytes.fromhex(line[6:54]) for line in lines) == payload
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_dump_is_short():
    assert len(dump(bytes(784)).splitlines()) == 16
