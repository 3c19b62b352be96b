"""Sketches as bytes: named arrays of plain numbers, no pickle, checked when they come back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from oddflow.errors import UnknownFormat

MOST_BYTES = 1 << 30
_WORD = 8
_MOST_WORDS = 32

Integers = NDArray[Any]
"""Python's integers, of any size."""


def pack(kind: str, **arrays: NDArray[Any]) -> bytes:
    """Arrays under the name of what they are."""
    return save({f"{kind}.{name}": np.ascontiguousarray(array) for name, array in sorted(arrays.items())})


def unpack(content: bytes, kind: str, shapes: Mapping[str, tuple[type[np.generic], int]]) -> dict[str, NDArray[Any]]:
    """The arrays, each of its type and number of axes.

    Raises:
        UnknownFormat: The bytes, which may be a stranger's, are something else.
    """
    if len(content) > MOST_BYTES:
        raise refused(kind, f"they are {len(content):,}, and at most {MOST_BYTES:,} are read")
    try:
        found = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise refused(kind, str(error)) from None
    if set(found) != {f"{kind}.{name}" for name in shapes}:
        raise refused(kind, f"their arrays are {', '.join(sorted(found)) or 'none'}")
    arrays = {name: found[f"{kind}.{name}"] for name in shapes}
    for name, (dtype, axes) in shapes.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != axes:
            raise refused(kind, f"{name} must be {dtype.__name__} of {axes} axes")
    return arrays


def refused(kind: str, why: str) -> UnknownFormat:
    """The error for bytes that are no sketch of this kind."""
    return UnknownFormat(f"these bytes hold no {kind}: {why}; make the sketch again from its rows")


def words_of(integers: Integers) -> NDArray[np.uint8]:
    """Integers of any size as two's complement, little end first: (…) -> (…, bytes)."""
    longest = max((value.bit_length() for value in integers.flat), default=0)
    size = _WORD * (longest // (8 * _WORD) + 1)
    told = b"".join(value.to_bytes(size, "little", signed=True) for value in integers.flat)
    return np.frombuffer(told, np.uint8).reshape(*integers.shape, size)


def integers_of(words: NDArray[np.uint8], kind: str) -> Integers:
    """And back: (…, bytes) -> (…).

    Raises:
        UnknownFormat: They are too long.
    """
    *shape, size = words.shape
    if not 0 < size <= _WORD * _MOST_WORDS:
        raise refused(kind, f"an integer has 1 to {_WORD * _MOST_WORDS} bytes; {size} given")
    found = np.zeros(shape, object)
    flat, told = found.reshape(-1), words.reshape(-1, size)
    for place in range(len(flat)):
        flat[place] = int.from_bytes(told[place].tobytes(), "little", signed=True)
    return flat.reshape(shape)
