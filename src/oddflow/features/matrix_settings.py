"""How a traffic matrix is drawn: what its rows, cells and time slots stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Self

from oddflow.errors import UsageError
from oddflow.features.feature import Feature, Scale

ROWS = 28
SLOTS = 28
CELLS = ROWS * SLOTS
PORT_EDGES = tuple(ceil(65_537 ** (row / ROWS)) - 1 for row in range(ROWS + 1))
"""Row r holds the ports from PORT_EDGES[r] to PORT_EDGES[r + 1] - 1: as many rows for 20 to 200 as for 200 to 2,000."""

PEER_EDGES = tuple(ceil(256 * row / ROWS) for row in range(ROWS + 1))
"""Row r holds the peers whose address ends in PEER_EDGES[r] to PEER_EDGES[r + 1] - 1."""


class MatrixRows(StrEnum):
    """What a row stands for: a range of destination ports, or of peers by the last byte of their address."""

    PORTS = "ports"
    PEERS = "peers"

    def words(self, first: int, last: int) -> str:
        """The rows from one to another as a person names them: "ports 16–22", "addresses that end in 0–9"."""
        edges = PORT_EDGES if self is MatrixRows.PORTS else PEER_EDGES
        low, high = edges[first], edges[last + 1] - 1
        span = f"{low}" if low == high else f"{low}–{high}"
        if self is MatrixRows.PORTS:
            return f"port {span}" if low == high else f"ports {span}"
        return f"addresses that end in {span}"


class MatrixCounts(StrEnum):
    """What a cell counts, of the flows that ended in its time slot."""

    FLOWS = "flows"
    PACKETS = "packets"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class MatrixSettings:
    """How a traffic matrix is drawn.

    Attributes:
        rows: What its rows stand for.
        counts: What its cells count.
        slot_s: How long a time slot is, in seconds; there are 28, and they begin at whole multiples of it.
        max_hosts: The most hosts that are remembered; about 3.2 KB each.
    """

    rows: MatrixRows = MatrixRows.PORTS
    counts: MatrixCounts = MatrixCounts.FLOWS
    slot_s: float = 2.0
    max_hosts: int = 4_096

    def __post_init__(self) -> None:
        """Refuses settings that no matrix can be drawn by."""
        for name, words in (("rows", MatrixRows), ("counts", MatrixCounts)):
            if getattr(self, name) not in list(words):
                raise UsageError(f"matrix {name} is {getattr(self, name)!r}; expected one of {', '.join(words)}")
        if not 0.01 <= self.slot_s <= 3_600:
            raise UsageError(f"matrix slot_s is {self.slot_s}; expected 0.01 to 3,600 seconds")
        if not 16 <= self.max_hosts <= 65_536:
            raise UsageError(f"matrix max_hosts is {self.max_hosts}; expected 16 to 65,536")

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Self:
        """The settings that `as_dict` gave; raises UsageError for any others."""
        try:
            return cls(
                MatrixRows(known["rows"]),
                MatrixCounts(known["counts"]),
                float(known["slot_s"]),
                int(known["max_hosts"]),
            )
        except (TypeError, KeyError, ValueError):
            raise UsageError(f"no matrix settings: {dict(known)}; was the model made by another version?") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings for a manifest."""
        return asdict(self) | {"rows": str(self.rows), "counts": str(self.counts)}

    def features(self) -> tuple[Feature, ...]:
        """The cells, row by row, the oldest time slot first."""
        found = []
        for row in range(ROWS):
            for column in range(SLOTS):
                age = SLOTS - 1 - column
                when = f"{age * self.slot_s:g} s before" if age else f"in the {self.slot_s:g} s in which it ended"
                words = f"{{value}} to {self.rows.words(row, row)}, {when}"
                if self.counts is not MatrixCounts.BYTES:
                    words = words.replace("{value}", f"{{value}} {self.counts}", 1)
                # one reason a row: the part behind the last _ is taken for a window
                name = f"{self.rows}_{row:02}_{age * self.slot_s:g}s"
                found.append(Feature(name, str(self.counts), Scale.LOG, words))
        return tuple(found)


def rows_of(features: Sequence[Feature]) -> MatrixRows | None:
    """What the rows of a traffic matrix stand for, if the features are those of one."""
    kind = features[0].name.partition("_")[0]
    return MatrixRows(kind) if len(features) == CELLS and kind in set(MatrixRows) else None


def age_s(feature: Feature) -> float:
    """By how many seconds a cell's time slot began before that in which the flow ended."""
    return float(feature.name.rpartition("_")[2].removesuffix("s"))
