"""A flow's first payload bytes for the eye: as a grey picture and as a hexadecimal dump."""

import numpy as np

from oddflow.reports.picture import uri
from oddflow.schema import PAYLOAD_BYTES

SIDE = 28
DUMP_BYTES = 256
_PER_LINE = 16


def data_uri(payload: bytes) -> str:
    """The first 784 bytes as a 28 × 28 grey picture, one pixel a byte, rows from the top, zeros after the end."""
    pixels = np.frombuffer(payload[:PAYLOAD_BYTES].ljust(PAYLOAD_BYTES, b"\0"), np.uint8)
    return uri(pixels.reshape(SIDE, SIDE))


def dump(payload: bytes, at_most: int = DUMP_BYTES) -> str:
    """Offset, sixteen bytes in hexadecimal and in ASCII a line; what cannot be printed is a dot.

    >>> print(dump(b"GET / HTTP/1.1" + bytes([13, 10])))
    0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
    """
    return "\n".join(_line(at, payload[at : at + _PER_LINE]) for at in range(0, min(len(payload), at_most), _PER_LINE))


def _line(at: int, part: bytes) -> str:
    left, right = part[:8].hex(" "), part[8:].hex(" ")
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{at:04x}  {left:<23}  {right:<23}  {text}"
