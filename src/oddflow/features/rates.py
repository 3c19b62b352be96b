"""The rates representation: how much a flow's hosts did of late, slot by slot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features import _rates_kernels as kernels
from oddflow.features.columns import integers, text_hashes
from oddflow.features.feature import Feature, Scale
from oddflow.features.kind import both_ways
from oddflow.features.presence import Presence
from oddflow.features.recent import Recent
from oddflow.flows.meter import Companion

VERSION = "rates-1"
NEEDED = ("forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes")
SLOTS = kernels.SLOTS
MOST_HOSTS = 4_096
_HASHED_WITH = 0


@dataclass(frozen=True, slots=True)
class Series:
    """What is summed over slots of one width.

    Attributes:
        whose: Column of the address whose flows are summed.
        of: The host, in words.
        slot_s: Width of a slot.
        quantities: "flows", "packets", "bytes".
    """

    whose: str
    of: str
    slot_s: int
    quantities: tuple[str, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns, oldest slot first, quantity by quantity."""
        host = "source" if self.whose == "src_ip" else "target"
        ago = [self.slot_s * (SLOTS - 1 - slot) for slot in range(SLOTS)]
        return tuple(
            Feature(
                f"{host}_{quantity}_{self.slot_s}s_{s:04}",
                quantity,
                Scale.LOG,
                f"{{value}} {self.of} in {self.slot_s} s, {f'{s:,} s before' if s else 'that of this flow'}",
            )
            for quantity in self.quantities
            for s in ago
        )


SERIES = (
    Series("src_ip", "of the source", 1, ("flows", "packets", "bytes")),
    Series("src_ip", "of the source", 16, ("flows",)),
    Series("dst_ip", "to the target", 1, ("flows",)),
)


class _Sums:
    """The state of one series."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.recent = Recent(MOST_HOSTS)
        self.sums = np.zeros((MOST_HOSTS, len(series.quantities), SLOTS), np.float32)
        self.last = np.zeros(MOST_HOSTS, np.int64)
        self.latest = np.full(1, np.iinfo(np.int64).min)

    def add(
        self, end_ns: NDArray[np.int64], key: NDArray[np.uint64], amounts: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(n,), (n,), (n, k) -> (n, k × SLOTS)."""
        told = np.empty((*amounts.shape, SLOTS), np.float32)
        kernels.tell_rates(
            end_ns,
            key,
            amounts,
            self.series.slot_s * 10**9,
            self.recent.seed,
            self.recent.slots,
            self.recent.keys,
            self.recent.links,
            self.recent.fields,
            self.sums,
            self.last,
            self.latest,
            told,
        )
        return told.reshape(len(key), amounts.shape[1] * SLOTS)


class Rates:
    """Five series of 64 slots: flows, packets and bytes of the source by the second, its flows by 16 s, and flows to
    the target by the second. The slot in which the flow ended is the last; it is not over yet.

    A flow counts where it ends, with all its packets and bytes both ways. It keeps state between batches: use one for
    one stream of flows.
    """

    version = VERSION
    companion: Companion | None = None
    has_arp = False
    home_networks: tuple[str, ...] = ()
    features = tuple(feature for series in SERIES for feature in series.features)

    def __init__(self) -> None:
        self._presence = Presence(NEEDED)
        self._sums = [_Sums(series) for series in SERIES]

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """None: the version says how far back it looks."""
        return {}

    @property
    def incomplete(self) -> int:
        """Flows that lacked a counter in a source where others had it."""
        return self._presence.incomplete

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last."""
        self._presence.begin()
        self._sums = [_Sums(series) for series in SERIES]

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Series of each flow: shape (n, 320) float32.

        Raises:
            SchemaMismatch: The source does not count packets and bytes.
        """
        absent = self._presence.absent(batch)
        if absent:
            raise SchemaMismatch(
                f"this source does not know {', '.join(absent)}; does it count packets and bytes both ways?"
            )
        end_ns = integers(batch, "end")
        counted = {"flows": np.ones(batch.num_rows)}
        counted |= {name: np.nan_to_num(both_ways(batch, name)) for name in ("packets", "bytes")}
        keys = {name: text_hashes(batch, name, _HASHED_WITH) for name in ("src_ip", "dst_ip")}
        told = []
        for sums in self._sums:
            amounts = np.stack([counted[name] for name in sums.series.quantities], axis=1).astype(np.float32)
            told.append(sums.add(end_ns, keys[sums.series.whose], amounts))
        return np.concatenate(told, axis=1)

    def remarks(self) -> list[str]:
        """How far the series can be trusted."""
        widest = max(series.slot_s for series in SERIES) * SLOTS
        said = [f"rates are warming up in the first {widest:,} s: what was before the source began counts as silence"]
        forgotten = max(sums.recent.forgotten for sums in self._sums)
        if forgotten:
            said.append(f"{forgotten:,} hosts were forgotten: rates remember {MOST_HOSTS:,}")
        return said
