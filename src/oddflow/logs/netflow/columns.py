"""Arrow columns of numbers and words."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.flows._text_kernels import write_addresses, write_macs

ADDRESS_CHARACTERS, MAC_CHARACTERS = 39, 17
NO_MAC = -1


def or_null(values: NDArray[Any], known: NDArray[np.bool_], kind: Any) -> pa.Array:
    """Values, null where they are not known; each of the known fits."""
    return pa.array(np.where(known, values, 0), mask=~known).cast(kind)


def address_text(words: NDArray[np.uint64], versions: NDArray[np.int64]) -> pa.Array:
    """Text of addresses (n, 2)."""
    text = np.empty(ADDRESS_CHARACTERS * len(words), np.uint8)
    offsets = np.empty(len(words) + 1, np.int32)
    highs, lows = np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])
    used = write_addresses(highs, lows, versions, text, offsets)
    return _text(text[:used], offsets)


def mac_text(octets: NDArray[np.uint8]) -> pa.Array:
    """Text of Ethernet addresses (n, 6); null where all is zero."""
    numbers = np.zeros(len(octets), np.int64)
    for column in range(6):
        numbers = numbers << 8 | octets[:, column].astype(np.int64)
    numbers = np.where(numbers == 0, NO_MAC, numbers)
    text = np.empty(MAC_CHARACTERS * len(numbers), np.uint8)
    offsets = np.empty(len(numbers) + 1, np.int32)
    used = write_macs(numbers, text, offsets)
    return _text(text[:used], offsets, numbers != NO_MAC)


def text_or_null(names: list[bytes]) -> pa.Array:
    """Printable ASCII, other bytes as \\xNN; null where there is none."""
    return pa.array([_printable(name.rstrip(b"\0")) or None for name in names], pa.string())


def repeated(names: list[str], places: NDArray[np.int64]) -> pa.Array:
    """The name at each place."""
    return pa.array(names, pa.string()).take(pa.array(places))


def _printable(name: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in name)


def _text(text: NDArray[np.uint8], offsets: NDArray[np.int32], known: NDArray[np.bool_] | None = None) -> pa.Array:
    nulls = 0 if known is None else int((~known).sum())
    validity = pa.py_buffer(np.packbits(known, bitorder="little")) if known is not None and nulls else None
    held = pa.py_buffer(text.copy())
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), held, validity, nulls)
