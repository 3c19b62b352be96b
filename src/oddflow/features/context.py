"""Context: what the hosts of a flow did in the trailing windows before it ended.

Computed in one ordered stage over the merged flows (see ordering.py), so that it does not depend on how many meters
made them. State is bounded by `max_flows` a window; a window that had to forget early says so.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features import _context_kernels as kernels
from oddflow.features.columns import Floats, integers, services, text_hashes
from oddflow.features.feature import Feature, Scale


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """How far back context looks.

    Attributes:
        windows_s: Widths of the trailing windows, in seconds.
        max_flows: The most flows a window remembers; about 0.6 KB each.
    """

    windows_s: tuple[float, ...] = (10.0, 120.0)
    max_flows: int = 32_768

    def __post_init__(self) -> None:
        """Refuses settings that no context can keep."""
        if not 1 <= len(self.windows_s) <= 4 or not all(0 < width <= 86_400 for width in self.windows_s):
            raise UsageError(f"context windows are {self.windows_s}; expected one to four, of up to a day in seconds")
        if not 16 <= self.max_flows <= 262_144:
            raise UsageError(f"context max_flows is {self.max_flows}; expected 16 to 262,144")

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Self:
        """The settings that `as_dict` gave; raises UsageError for any others."""
        try:
            return cls(**{**known, "windows_s": tuple(known["windows_s"])})
        except (TypeError, KeyError):
            raise UsageError(f"no context settings: {dict(known)}; was the model made by another version?") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings for a manifest."""
        return asdict(self) | {"windows_s": list(self.windows_s)}


WORDS = {
    kernels.HOST_FLOWS: ("host_flows", "flows", "{value} flows of the same kind from one host in {window}"),
    kernels.HOST_PEERS: ("host_peers", "hosts", "{value} different hosts contacted in {window}"),
    kernels.PAIR_PORTS: ("pair_ports", "ports", "{value} different ports on one host in {window}"),
    kernels.HOST_PORTS: ("host_ports", "ports", "{value} different ports tried by one host in {window}"),
    kernels.SERVICE_FLOWS: ("service_flows", "flows", "{value} flows to this service in {window}"),
    kernels.SERVICE_CLIENTS: ("service_clients", "hosts", "{value} hosts at this service in {window}"),
    kernels.REPEATS: ("repeats", "flows", "{value} flows from this host to this service in {window}"),
    kernels.ALIKE: ("alike", "flows", "{value} nearly identical flows to this service in {window}"),
    kernels.HOST_FAILURES: ("host_failures", "flows", "{value} failed flows from one host in {window}"),
    kernels.SENT: ("sent", "bytes", "{value} sent to this service in {window}"),
}


class _Window:
    """The state of one trailing window."""

    def __init__(self, width_s: float, max_flows: int) -> None:
        slots = 1 << (kernels.KEYS_AN_EVENT * 2 * max_flows - 1).bit_length()
        self.width_ns = round(width_s * 1e9)
        self.ring_ns = np.zeros(max_flows, np.int64)
        self.ring = np.zeros((max_flows, kernels.EVENT_FIELDS), np.uint64)
        self.table = np.zeros(slots, np.uint64)
        self.values = np.zeros(slots, np.int64)
        self.counters = np.zeros(kernels.WINDOW_FIELDS, np.int64)


class Context:
    """Counts over trailing windows for each flow, in the order in which flows ended."""

    def __init__(self, settings: ContextSettings | None = None) -> None:
        self.settings = settings or ContextSettings()
        self._seed = secrets.randbits(64)
        self._windows = [_Window(width, self.settings.max_flows) for width in self.settings.windows_s]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns that `add` gives."""
        return tuple(
            Feature(f"{name}_{width:g}s", unit, Scale.LOG, words.replace("{window}", f"{width:g} s"))
            for width in self.settings.windows_s
            for name, unit, words in (WORDS[place] for place in range(kernels.COUNTS))
        )

    @property
    def cut_short(self) -> int:
        """Flows that left a window early because it was full."""
        return sum(int(window.counters[kernels.CUT_SHORT]) for window in self._windows)

    def reset(self) -> None:
        """Forgets all: another source begins, and its time need not follow that of the last."""
        self._windows = [_Window(width, self.settings.max_flows) for width in self.settings.windows_s]

    def add(self, batch: pa.RecordBatch, sent: Floats, received: Floats) -> NDArray[np.float32]:
        """Counts of each flow, itself included: shape (n, windows × 10) float32.

        Args:
            batch: n flows, in end order.
            sent, received: Payload bytes of the initiator and of the responder, (n,); NaN counts as none.
        """
        end_ns = integers(batch, "end")
        events = self._events(batch, np.nan_to_num(sent), np.nan_to_num(received))
        counts = np.empty((len(self._windows), batch.num_rows, kernels.COUNTS), np.float32)
        for window, out in zip(self._windows, counts, strict=True):
            kernels.count_windows(
                end_ns,
                events,
                window.width_ns,
                np.uint64(self._seed),
                window.ring_ns,
                window.ring,
                window.table,
                window.values,
                window.counters,
                out,
            )
        return np.concatenate(list(counts), axis=1)

    def _events(self, batch: pa.RecordBatch, sent: Floats, received: Floats) -> NDArray[np.uint64]:
        exchanged = (sent > 0) & (received > 0)
        # quarter octaves: flows of one tool against one service fall together, a person's rarely do
        shape = np.floor(4 * np.log2(1 + sent)) * 256 + np.floor(4 * np.log2(1 + received))
        events = np.empty((batch.num_rows, kernels.EVENT_FIELDS), np.uint64)
        events[:, kernels.SOURCE] = text_hashes(batch, "src_ip", self._seed)
        events[:, kernels.DESTINATION] = text_hashes(batch, "dst_ip", self._seed)
        events[:, kernels.SERVICE] = services(batch)
        events[:, kernels.EXCHANGED] = exchanged
        events[:, kernels.FAILED] = (integers(batch, "protocol") != 1) & (received == 0)
        events[:, kernels.SHAPE] = shape
        events[:, kernels.BYTES_OUT] = sent
        return events
