"""A flow's first payload bytes for the eye: as a grey picture and as a hexadecimal dump."""

import base64
import struct
import zlib

from oddflow.schema import PAYLOAD_BYTES

SIDE = 28
DUMP_BYTES = 256
_PER_LINE = 16
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(payload: bytes) -> bytes:
    """The first 784 bytes as a 28 × 28 grey PNG, one pixel a byte, rows from the top, zeros after the end.

    Source: ISO/IEC 15948 (PNG), sections 5 and 11.2; grey, 8 bits, filter 0 on every line.
    """
    pixels = payload[:PAYLOAD_BYTES].ljust(PAYLOAD_BYTES, b"\0")
    lines = b"".join(b"\0" + pixels[at : at + SIDE] for at in range(0, PAYLOAD_BYTES, SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_uri(payload: bytes) -> str:
    """The picture of a payload as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png(payload)).decode("ascii")


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
