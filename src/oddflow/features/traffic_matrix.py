"""The traffic matrix: what a flow's source did lately, as an image of ports or peers × time."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features import _matrix_kernels as kernels
from oddflow.features._matrix_kernels import ROWS, SLOTS
from oddflow.features.columns import integers, numbers, text_hashes
from oddflow.features.feature import Feature, Scale

VERSION = "traffic-matrix-1"
CELLS = ROWS * SLOTS
PORT_EDGES = tuple(int(np.ceil(65_537 ** (row / ROWS))) - 1 for row in range(ROWS + 1))
"""Row r holds the ports from PORT_EDGES[r] to PORT_EDGES[r + 1] - 1: as many rows for 20 to 200 as for 200 to 2,000."""


class MatrixRows(StrEnum):
    """What a row stands for: a range of destination ports, or of peers by the last byte of their address."""

    PORTS = "ports"
    PEERS = "peers"


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
                MatrixRows(known["rows"]), MatrixCounts(known["counts"]), float(known["slot_s"]), int(known["max_hosts"])
            )
        except (TypeError, KeyError, ValueError):
            raise UsageError(f"no matrix settings: {dict(known)}; was the model made by another version?") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings for a manifest."""
        return asdict(self) | {"rows": str(self.rows), "counts": str(self.counts)}

    def row_words(self, first: int, last: int | None = None) -> str:
        """The rows from one to another as a person names them: "ports 16–23", "addresses that end in 0–9"."""
        edges = PORT_EDGES if self.rows is MatrixRows.PORTS else PEER_EDGES
        low, high = edges[first], edges[(first if last is None else last) + 1] - 1
        span = f"{low}" if low == high else f"{low}–{high}"
        if self.rows is MatrixRows.PORTS:
            return f"port {span}" if low == high else f"ports {span}"
        return f"addresses that end in {span}"

    def features(self) -> tuple[Feature, ...]:
        """The cells, row by row, the oldest time slot first."""
        found = []
        for row in range(ROWS):
            for column in range(SLOTS):
                age = SLOTS - 1 - column
                when = f"{age * self.slot_s:g} s before" if age else f"in the {self.slot_s:g} s in which it ended"
                words = f"{{value}} to {self.row_words(row)}, {when}"
                if self.counts is not MatrixCounts.BYTES:
                    words = words.replace("{value}", f"{{value}} {self.counts}", 1)
                # one reason a row: the part behind the last _ is taken for a window
                name = f"{self.rows}_{row:02}_{age * self.slot_s:g}s"
                found.append(Feature(name, str(self.counts), Scale.LOG, words))
        return tuple(found)


PEER_EDGES = tuple(-(-256 * row // ROWS) for row in range(ROWS + 1))


class TrafficMatrix:
    """For each flow an image of what its source did: 28 rows of ports or peers, 28 slots of time up to its end.

    A cell holds what ended in its slot, the flow itself included, as it was known when the flow ended. A flow that comes
    late counts in its host's latest slot. Hosts are bounded: the one that was silent longest gives way.

    Source: Kim & Reddy 2005, "A study of analyzing network traffic as images in real-time"; Lakhina et al. 2005, "Mining
    anomalies using traffic feature distributions" (addresses and ports against time).
    """

    version = VERSION
    home_networks: tuple[str, ...] = ()
    incomplete = 0
    """Every source knows what a matrix is made of."""

    def __init__(self, settings: MatrixSettings | None = None) -> None:
        self.settings = settings or MatrixSettings()
        self.features = self.settings.features()
        self._seed = secrets.randbits(64)
        self._forgotten = 0
        self._empty()

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """How it is drawn."""
        return self.settings.as_dict()

    def begin(self) -> None:
        """Another source begins: hosts are forgotten, its time need not follow that of the last."""
        self._forgotten += int(self._counters[kernels.FORGOTTEN])
        self._empty()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Images of a flow batch, in end order: shape (n, 784) float32, row by row, the oldest slot first."""
        return self.drawn(batch, self._amounts(batch))

    def drawn(self, batch: pa.RecordBatch, amounts: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same of any amounts (n,) that flows add to their cells."""
        images = np.empty((batch.num_rows, CELLS), np.float32)
        kernels.draw_matrices(
            np.maximum(text_hashes(batch, "src_ip", self._seed), np.uint64(1)),
            integers(batch, "end") // round(self.settings.slot_s * 1e9),
            self._places(batch),
            amounts,
            self._table,
            self._table_places,
            self._names,
            self._used,
            self._latest,
            self._counts,
            self._counters,
            images,
        )
        return images

    def remarks(self) -> list[str]:
        """Whether hosts gave way that were still seen."""
        forgotten = self._forgotten + int(self._counters[kernels.FORGOTTEN])
        if not forgotten:
            return []
        return [
            f"more than {self.settings.max_hosts:,} hosts at once: {forgotten:,} times a host's recent traffic was "
            "forgotten for another's"
        ]

    def _empty(self) -> None:
        hosts = self.settings.max_hosts
        slots = 1 << (2 * hosts - 1).bit_length()
        self._table = np.zeros(slots, np.uint64)
        self._table_places = np.zeros(slots, np.int64)
        self._names = np.zeros(hosts, np.uint64)
        self._used = np.zeros(hosts, np.int64)
        self._latest = np.zeros(hosts, np.int64)
        self._counts = np.zeros((hosts, SLOTS, ROWS), np.float32)
        self._counters = np.zeros(kernels.COUNTERS, np.int64)

    def _amounts(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        if self.settings.counts is MatrixCounts.FLOWS:
            return np.ones(batch.num_rows, np.float32)
        both = (np.nan_to_num(numbers(batch, f"{way}_{self.settings.counts}")) for way in ("forward", "reverse"))
        return np.asarray(sum(both), np.float32)

    def _places(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        if self.settings.rows is MatrixRows.PORTS:
            return np.searchsorted(PORT_EDGES, integers(batch, "dst_port"), side="right") - 1
        encoded = batch.column("dst_ip").dictionary_encode()
        last = np.array([_last_byte(address) for address in encoded.dictionary.to_pylist()], np.int64)
        return last[encoded.indices.to_numpy(zero_copy_only=False)] * ROWS // 256


@lru_cache(maxsize=65_536)
def _last_byte(address: str) -> int:
    """Of an IP address; 0 for what is none."""
    try:
        return ip_address(address).packed[-1]
    except ValueError:
        return 0
