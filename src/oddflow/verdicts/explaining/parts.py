"""What can be put back to normal at once: a count over all its windows, a packet, a few bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.features.matrix_settings import SLOTS, rows_of
from oddflow.models.prototypes import SPOKEN
from oddflow.verdicts.naming import without_window

BYTES_TOGETHER = 16
"""A line of a dump."""


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of a row that mean one thing.

    Attributes:
        name: Of the thing: a feature's name without its window, "packet 3", "bytes 16 to 31".
        columns: Their places, (k,).
        packet: Which packet of the flow it is, from 1; 0 for none.
    """

    name: str
    columns: NDArray[np.int64]
    packet: int = 0


def parts_of(features: Sequence[Feature]) -> tuple[Part, ...]:
    """The parts of a row with these columns, each column in one of them, in the order of their first columns."""
    lines = rows_of(features)
    found: dict[str, list[int]] = {}
    packets: dict[str, int] = {}
    for place, feature in enumerate(features):
        if lines is not None:
            name = lines.words(place // SLOTS, place // SLOTS)
        elif feature.unit in SPOKEN or feature.name.startswith("pixel_"):
            name = _stretch(feature.name)
        elif packet := _packet(feature.name):
            name = f"packet {packet}"
            packets[name] = packet
        else:
            name = without_window(feature.name)
        found.setdefault(name, []).append(place)
    return tuple(Part(name, np.array(places, np.int64), packets.get(name, 0)) for name, places in found.items())


def _stretch(name: str) -> str:
    """The line of a dump that a byte stands in: reverse_byte_018 -> "reverse bytes 16 to 31"."""
    kind, _, number = name.rpartition("_")
    start = int(number) // BYTES_TOGETHER * BYTES_TOGETHER if number.isdigit() else 0
    return f"{kind.replace('_', ' ')}s {start} to {start + BYTES_TOGETHER - 1}"


def _packet(name: str) -> int:
    """Which packet a column of a sequence tells of: length_03 -> 3; 0 for none."""
    kind, _, number = name.partition("_")
    return int(number) if kind in {"length", "gap"} and number.isdigit() and len(number) == 2 else 0
