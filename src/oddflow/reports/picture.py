"""Pictures of numbers as PNG files in data URIs, which a page holds itself."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2
_COLD, _HOT = np.array([33, 102, 172]), np.array([178, 24, 43])
_WARM = np.array([255, 120, 0])


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Grey pixels (h, w), or colours (h, w, 3), as PNG.

    Source: ISO/IEC 15948 (PNG), sections 5 and 11.2; 8 bits, filter 0 on every line.
    """
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR if pixels.ndim > 2 else _GREY, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def uri(pixels: NDArray[np.uint8]) -> str:
    """The picture as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def grey(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """0 (black) to 1 (white): (h, w) -> (h, w)."""
    return np.asarray(np.clip(values * 255, 0, 255).round(), np.uint8)


def signed(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Below 0 blue, above red, 0 white, by the greatest amount: (h, w) -> (h, w, 3)."""
    most = float(np.abs(values).max()) or 1.0
    part = np.clip(np.abs(values) / most, 0, 1)[..., None]
    hue = np.where((values < 0)[..., None], _COLD, _HOT)
    return np.asarray((1 - part) * 255 + part * hue, np.uint8)


def warmed(values: NDArray[np.floating], heat: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Grey values with heat laid over them, both 0 to 1: (h, w), (h, w) -> (h, w, 3)."""
    part = 0.75 * np.clip(heat, 0, 1)[..., None]
    return np.asarray((1 - part) * grey(values)[..., None] + part * _WARM, np.uint8)


def tiled(pictures: NDArray[np.floating], columns: int) -> NDArray[np.floating]:
    """Pictures side by side in rows of `columns`, a line of zeros between: (k, h, w) -> (H, W)."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    board = np.zeros((rows * (height + 1) - 1, min(count, columns) * (width + 1) - 1), np.float32)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        board[top : top + height, left : left + width] = picture
    return board
