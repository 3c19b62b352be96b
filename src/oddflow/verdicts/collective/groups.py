"""The tables in which groups of flows are counted: fixed memory, whatever comes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.columns import integers, numbers, services, text_hashes
from oddflow.features.portable import PORTABLE
from oddflow.verdicts.collective import _groups_kernels as kernels
from oddflow.verdicts.collective.measures import COUNTED, MEANINGS, WIDTHS_S

SEED = 0x6F64_6466_6C6F_7731
"""Of the names of groups, which a model keeps: the same wherever it is used."""

SMALL_BYTES = 8_192
"""Exchanges of at most so many payload bytes either way are small: a failed login, a question."""

GROUP_BYTES = 8 * (1 + kernels.GROUP_FIELDS) + 2 * 16 + 8 * (1 + kernels.BEAT_FIELDS) // 4
"""Of memory: a group with its key, two members with the ends of their windows, and a quarter of a pair."""
SLICE = 2_048
QUIET_S = 3_600

Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
ICMP = (1, 58)


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """How much is remembered.

    Attributes:
        max_groups: Groups at a time, a power of two; twice as many members of distinct counts, a quarter as many pairs
            for beats. 131,072 take 25 MB.
    """

    max_groups: int = 131_072

    def __post_init__(self) -> None:
        """Refuses what no table can be."""
        if not 256 <= self.max_groups <= 1 << 22 or self.max_groups & (self.max_groups - 1):
            raise UsageError(f"max_groups is {self.max_groups}; expected a power of two from 256 to 4,194,304")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is normal for groups, as the kernel reads it: see `_groups_kernels.count_groups`."""

    least: Floats
    limits: Floats
    known: Keys
    known_limits: Floats
    wider: Keys
    wider_limits: Floats
    most_irregular: float
    fewest_gaps: int
    acquainted: Keys
    periodic: Keys
    periods_ns: Floats

    @classmethod
    def none(cls, *, most_irregular: float, fewest_gaps: int) -> "Limits":
        """Nothing but beats is told of."""
        shape = (len(COUNTED), kernels.SCALES)
        nobody, nothing = np.zeros(0, np.uint64), np.zeros((0, kernels.SCALES))
        never = np.full(shape, np.inf)
        return cls(
            never, never, nobody, nothing, nobody, nothing, most_irregular, fewest_gaps, nobody, nobody,
            np.zeros((0, 2)),
        )  # fmt: skip


LEAST = np.array([MEANINGS[measure].least for measure in COUNTED], np.float64)


class Groups:
    """Counts flows, in the order in which they ended, in the groups that they belong to.

    Args:
        limits: What is normal.
        settings: How much is remembered.
        notes: Keeps what each group came to in each window, for learning.
    """

    def __init__(self, limits: Limits, settings: GroupSettings | None = None, *, notes: bool = False) -> None:
        self.settings = settings or GroupSettings()
        self._limits = limits
        self._notes = notes
        self._counters = np.zeros(kernels.COUNTERS, np.int64)
        self.evicted = 0
        self._gaps = np.zeros(kernels.BEATS, np.int64)
        self._told = np.zeros((SLICE * kernels.MEASURES, kernels.TOLD_FIELDS), np.int64)
        self._closed = np.zeros((SLICE * 40 if notes else 0, kernels.CLOSED_FIELDS), np.int64)
        self._widths = np.array([width * 1_000_000_000 for width in WIDTHS_S], np.int64)
        self.reset()

    def reset(self) -> None:
        """Forgets all: another source begins."""
        size = self.settings.max_groups
        self._keys, self._groups = np.zeros(size, np.uint64), np.zeros((size, kernels.GROUP_FIELDS), np.int64)
        self._members, self._until = np.zeros(2 * size, np.uint64), np.zeros(2 * size, np.int64)
        self._pair_keys = np.zeros(size // 4, np.uint64)
        self._pairs = np.zeros((size // 4, kernels.BEAT_FIELDS), np.int64)

    def add(self, flows: Integers) -> tuple[Integers, Integers]:
        """What a batch of flows (n, 8) brings about: groups over their limit (t, 7), and closed windows (c, 5)."""
        told, closed = [], []
        limits = self._limits
        for start in range(0, len(flows), SLICE):
            self._counters[:] = 0
            kernels.count_groups(
                flows[start : start + SLICE], np.uint64(SEED), self._widths, limits.least, limits.limits, limits.known,
                limits.known_limits, limits.wider, limits.wider_limits, limits.most_irregular, limits.fewest_gaps,
                limits.acquainted, limits.periodic, limits.periods_ns, QUIET_S * 1_000_000_000, self._keys,
                self._groups, self._members, self._until, self._pair_keys, self._pairs, self._gaps, self._closed,
                self._told, self._counters,
            )  # fmt: skip
            self.evicted += int(self._counters[kernels.EVICTED_GROUPS :].sum())
            if count := int(self._counters[kernels.TOLD]):
                told.append(self._told[:count].copy())
                told[-1][:, kernels.TOLD_FLOW] += start
            if count := int(self._counters[kernels.CLOSED]):
                closed.append(self._closed[:count].copy())
        return _joined(told, kernels.TOLD_FIELDS), _joined(closed, kernels.CLOSED_FIELDS)

    def close(self) -> Integers:
        """What is still open counts as closed, (c, 5)."""
        closed = []
        step = SLICE * 8
        for start in range(0, len(self._keys), step):
            self._counters[:] = 0
            kernels.close_all(self._keys[start : start + step], self._groups[start : start + step], 0, self._closed,
                              self._counters)  # fmt: skip
            closed.append(self._closed[: int(self._counters[kernels.CLOSED])].copy())
        return _joined(closed, kernels.CLOSED_FIELDS)

    @property
    def repeated(self) -> Keys:
        """Pairs that have met in three beats or more."""
        return np.asarray(self._pair_keys[(self._pairs[:, kernels.BEAT_COUNT] >= 3) & (self._pair_keys != 0)])


def _joined(parts: list[Integers], width: int) -> Integers:
    return np.concatenate(parts) if parts else np.zeros((0, width), np.int64)


def group_rows(batch: pa.RecordBatch, *, portable: bool = False) -> Integers:
    """What the kernel reads of flows, (n, 8); a null counts as nothing. `portable` takes only what all sources know."""
    protocol = integers(batch, "protocol")
    # what logs and exporters do not say is estimated, as portable features have it
    filled = list(PORTABLE.exchanged(batch))
    if not portable:
        told = (numbers(batch, f"{way}_payload_bytes") for way in ("forward", "reverse"))
        filled = [np.where(np.isnan(own), about, own) for own, about in zip(told, filled, strict=True)]
    sent, received = (np.nan_to_num(column).astype(np.int64) for column in filled)
    is_used = (sent > 0) & (received > 0)
    rows = np.empty((batch.num_rows, kernels.FLOW_FIELDS), np.int64)
    rows[:, kernels.SOURCE] = text_hashes(batch, "src_ip", SEED).view(np.int64)
    rows[:, kernels.DESTINATION] = text_hashes(batch, "dst_ip", SEED).view(np.int64)
    rows[:, kernels.SERVICE] = services(batch)
    rows[:, kernels.START] = integers(batch, "start")
    rows[:, kernels.END] = integers(batch, "end")
    rows[:, kernels.BYTES_OUT] = sent
    rows[:, kernels.FAILED] = ~is_used & ~np.isin(protocol, ICMP)
    rows[:, kernels.SMALL] = is_used & (sent <= SMALL_BYTES) & (received <= SMALL_BYTES)
    return rows
