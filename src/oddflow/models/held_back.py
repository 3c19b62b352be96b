"""Scores of held-back normal flows, and where each of them came from: what a threshold is set on.

A model file keeps them as arrays of equal length, in the order of their scores (calibration.safetensors):

    scores      float32     ascending
    hosts       uint32      the sources, numbered from 0 as they came; no address is kept
    windows     uint32      stretches of `block_s` seconds, numbered from 0 since the first
    services    int32       the service as the feature of that name tells it, -1 where there is none
    roles       uint8       the role of the ends (features/homes.py), 255 where there is none
    hours       uint8       hour of the week, 0 to 167 from Monday 00:00 UTC

Files of before have scores alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import NotAModel
from oddflow.features.feature import Feature

HOURS = 168
NO_SERVICE, NO_ROLE = -1, 255
BLOCKS_S = (3_600, 1_800, 900, 600, 300, 120, 60, 30, 10)
"""Lengths that a block of time may have, in seconds."""
FEWEST_WINDOWS = 10
"""A baseline has at least so many blocks of time, or the shortest there are."""

_FIRST_MONDAY_H = 96
"""Hours from Thursday 1 January 1970 to Monday."""
_TYPES: Mapping[str, type[np.generic]] = {
    "hosts": np.uint32, "windows": np.uint32, "services": np.int32, "roles": np.uint8, "hours": np.uint8,
}  # fmt: skip

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of n flows beside their scores: `services` int32, `roles` uint8 and `hours` uint8, each (n,)."""

    services: NDArray[np.int32]
    roles: NDArray[np.uint8]
    hours: NDArray[np.uint8]

    @classmethod
    def of(cls, x: NDArray[np.float32], times_ns: NDArray[np.int64], features: Sequence[Feature]) -> "Circumstances":
        """Those of feature rows (n, d) whose flows ended at `times_ns` (n,)."""
        names = [feature.name for feature in features]

        def column(name: str, absent: int) -> NDArray[Any]:
            return x[:, names.index(name)] if name in names else np.full(len(x), absent)

        hours = (times_ns // 3_600_000_000_000 - _FIRST_MONDAY_H) % HOURS
        return cls(
            np.clip(column("service", NO_SERVICE), NO_SERVICE, 2**24).astype(np.int32),
            np.clip(column("role", NO_ROLE), 0, NO_ROLE).astype(np.uint8),
            hours.astype(np.uint8),
        )

    def __getitem__(self, places: Any) -> "Circumstances":
        """Those of some flows."""
        return Circumstances(self.services[places], self.roles[places], self.hours[places])


@dataclass(frozen=True, slots=True)
class Origins:
    """Where n held-back flows came from: `hosts` and `windows` uint32 (n,), and their circumstances."""

    hosts: NDArray[np.uint32]
    windows: NDArray[np.uint32]
    circumstances: Circumstances

    @classmethod
    def of(
        cls, hosts: NDArray[np.uint32], times_ns: NDArray[np.int64], block_s: float, circumstances: Circumstances
    ) -> "Origins":
        """Those of flows from `hosts` (n,), any numbers, that ended at `times_ns` (n,)."""
        first = times_ns.min(initial=np.iinfo(np.int64).max) if len(times_ns) else 0
        windows = np.minimum((times_ns - first) // round(block_s * 1e9), 2**32 - 1).astype(np.uint32)
        _, begins, numbers = np.unique(hosts, return_index=True, return_inverse=True)
        as_met = np.empty(len(begins), np.uint32)
        as_met[np.argsort(begins)] = np.arange(len(begins), dtype=np.uint32)
        return cls(as_met[numbers], windows, circumstances)

    def __getitem__(self, places: Any) -> "Origins":
        """Those of some flows."""
        return Origins(self.hosts[places], self.windows[places], self.circumstances[places])


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Scores of held-back normal flows, ascending, (n,) float32; their origins where these are known."""

    scores: Floats
    origins: Origins | None = None
    block_s: float = 0.0

    @classmethod
    def of(cls, scores: Floats, origins: Origins | None = None, block_s: float = 0.0) -> "HeldBack":
        """From scores (n,) in any order."""
        order = np.argsort(scores, kind="stable")
        kept = np.asarray(scores, np.float32)[order]
        return cls(kept, origins[order] if origins is not None else None, block_s if origins is not None else 0.0)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """As the file keeps it."""
        found: dict[str, NDArray[Any]] = {"scores": self.scores}
        if self.origins is not None:
            of = self.origins.circumstances
            found |= {"hosts": self.origins.hosts, "windows": self.origins.windows}
            found |= {"services": of.services, "roles": of.roles, "hours": of.hours}
        return {name: np.ascontiguousarray(array) for name, array in found.items()}

    @classmethod
    def checked(cls, tensors: Mapping[str, NDArray[Any]], rows: int, block_s: float, name: str) -> "HeldBack":
        """From a file that may be hostile.

        Args:
            tensors: What it holds.
            rows: How many there must be.
            block_s: How long a block of time is.
            name: What to call the part in messages.

        Raises:
            NotAModel: It holds something else.
        """
        scores = tensors.get("scores")
        known = {"scores"} if set(tensors) == {"scores"} else {"scores", *_TYPES}
        if set(tensors) != known or scores is None or scores.dtype != np.float32 or scores.shape != (rows,):
            raise NotAModel(
                f"{name} must hold {rows} float32 scores, as the manifest says, and their origins or nothing else; "
                "learn it again"
            )
        if not np.isfinite(scores).all() or (np.diff(scores) < 0).any():
            raise NotAModel(f"{name} must hold finite scores in ascending order; learn it again")
        if len(known) == 1:
            return cls(scores)
        for array, kind in _TYPES.items():
            if tensors[array].dtype != kind or tensors[array].shape != (rows,):
                raise NotAModel(f"{name} must hold {rows} {array} of type {kind.__name__}; learn it again")
        within = (
            block_s > 0
            and tensors["hosts"].max() < rows
            and tensors["services"].min() >= NO_SERVICE
            and tensors["hours"].max() < HOURS
        )
        if not within:
            raise NotAModel(f"{name} has flows of no block, host, service or hour that there is; learn it again")
        circumstances = Circumstances(tensors["services"], tensors["roles"], tensors["hours"])
        return cls(scores, Origins(tensors["hosts"], tensors["windows"], circumstances), block_s)


def block_length_s(times_ns: NDArray[np.int64]) -> float:
    """An hour, or less where the flows of (n,) times would not fill ten of them.

    >>> block_length_s(np.arange(720) * 1_000_000_000)
    60.0
    """
    for block_s in BLOCKS_S:
        if len(np.unique(times_ns // (block_s * 1_000_000_000))) >= FEWEST_WINDOWS:
            return float(block_s)
    return float(BLOCKS_S[-1])
