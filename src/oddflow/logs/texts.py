"""Text of logs: bytes that are no UTF-8, and what came from the wire made safe to show."""

import codecs
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

UNSAFE = r"[^ -\[\]-~]"
"""All but printable ASCII, and the backslash."""

_ZEEK_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(\\))")


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("oddflow-latin1", _as_latin1)


def as_utf8(data: bytes) -> tuple[bytes, int | None]:
    """Bytes as UTF-8; those that are none are taken as Latin-1.

    Returns:
        The bytes, and the place of the first that was no UTF-8, None where all was.

    >>> as_utf8(b"caf\\xe9")
    (b'caf\\xc3\\xa9', 3)
    """
    if data.isascii():
        return data, None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return data.decode("utf-8", "oddflow-latin1").encode(), error.start
    return data, None


def safe_texts(texts: Any, limit: int, *, escaped: bool) -> Any:
    """Text from the wire as the flow table holds it: printable ASCII; other bytes and backslashes are \\xNN.

    Args:
        texts: A string array, (n,).
        limit: The most characters kept.
        escaped: Whether it is written as Zeek writes its tables: \\xNN and \\\\.

    Returns:
        A string array, (n,).
    """
    odd = pc.fill_null(pc.match_substring_regex(texts, UNSAFE), False)
    if pc.any(odd).as_py():
        known = texts.filter(odd).dictionary_encode()
        safe = pa.array([_safe(text, limit, escaped) for text in known.dictionary.to_pylist()], pa.string())
        texts = pc.replace_with_mask(texts, odd, safe.take(known.indices))
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    return pc.utf8_slice_codeunits(texts, 0, limit) if longest > limit else texts


def _safe(text: str, limit: int, escaped: bool) -> str:
    data = text.encode()
    if escaped:
        data = _ZEEK_ESCAPE.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else b"\\", data)
    parts, length = [], 0
    for byte in data[:limit]:
        part = chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}"
        length += len(part)
        if length > limit:
            break
        parts.append(part)
    return "".join(parts)
