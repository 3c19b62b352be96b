"""The traffic matrix: what a flow's source did lately, as an image of ports or peers × time."""

import secrets
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features import _matrix_kernels as kernels
from oddflow.features.columns import integers, numbers, text_hashes
from oddflow.features.matrix_settings import CELLS, PORT_EDGES, ROWS, SLOTS, MatrixCounts, MatrixRows, MatrixSettings
from oddflow.flows.meter import Companion

VERSION = "traffic-matrix-1"


class TrafficMatrix:
    """For each flow an image of what its source did: 28 rows of ports or peers, 28 slots of time up to its end.

    A cell holds what ended in its slot, the flow itself included, as it was known when the flow ended. A flow that
    comes late counts in its host's latest slot. Hosts are bounded: the one that was silent longest gives way.

    Source: Kim & Reddy 2005, "A study of analyzing network traffic as images in real-time"; Lakhina et al. 2005,
    "Mining anomalies using traffic feature distributions" (addresses and ports against time).
    """

    version = VERSION
    home_networks: tuple[str, ...] = ()
    companion: Companion | None = None
    has_arp = False
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
        return np.asarray(last[encoded.indices.to_numpy(zero_copy_only=False)] * ROWS // 256)


@lru_cache(maxsize=65_536)
def _last_byte(address: str) -> int:
    """Of an IP address; 0 for what is none."""
    try:
        return ip_address(address).packed[-1]
    except ValueError:
        return 0
