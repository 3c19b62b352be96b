"""What exporters tell of themselves in options: how they sample, and when they were started."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oddflow.logs.netflow.layout import Layout, Rows

MOST_SAMPLERS = 1_024
LARGEST_INTERVAL = 0xFFFFFFFF
SAMPLER_IDS = ("samplerId", "selectorId")
BOOT = "systemInitTimeMilliseconds"
_INTERVALS = ("samplingInterval", "samplerRandomInterval")
_SHARES = (("samplingPacketInterval", "samplingPacketSpace"), ("samplingSize", "samplingPopulation"))

Numbers = NDArray[np.uint64]


class Sampling(NamedTuple):
    """One packet of so many is looked at: of all, and by the sampler that a record names. Never changed, only replaced.

    `every` is 0 where nothing was told.
    """

    every: int = 0
    by_sampler: Mapping[int, int] = MappingProxyType({})

    def with_told(self, sampler: int | None, interval: int) -> "Sampling":
        """The same, knowing one more interval; itself where that is known already, or too many are."""
        if sampler is None:
            return self if self.every == interval else self._replace(every=interval)
        is_new = sampler not in self.by_sampler
        if self.by_sampler.get(sampler) == interval or (is_new and len(self.by_sampler) >= MOST_SAMPLERS):
            return self
        return self._replace(by_sampler=MappingProxyType({**self.by_sampler, sampler: interval}))


class Told(NamedTuple):
    """What one options record tells, as far as it does."""

    sampler: int | None
    interval: int | None
    boot_ms: int | None


def tells(layout: Layout) -> bool:
    """Whether records of this layout tell anything that is read here."""
    return BOOT in layout or any(name in layout for name in (*_INTERVALS, *(pair[0] for pair in _SHARES)))


def intervals(layout: Layout, rows: Rows) -> Numbers | None:
    """The sampling interval that each record tells, (n,); 0 where that is none, nothing where no field does.

    Source: RFC 3954 section 8 (34, 50), RFC 5477 section 8.2 (305, 306, 309, 310).
    """
    for name in _INTERVALS:
        told = layout.numbers(rows, name)
        if told is not None:
            return np.where(told <= LARGEST_INTERVAL, told, 0).astype(np.uint64)
    for part_name, rest_name in _SHARES:
        part, rest = layout.numbers(rows, part_name), layout.numbers(rows, rest_name)
        if part is None:
            continue
        share = part.astype(np.float64)
        other = np.zeros(len(rows)) if rest is None else rest.astype(np.float64)
        whole = other if part_name == "samplingSize" else share + other
        told_floats = np.divide(whole, share, out=np.zeros(len(rows)), where=share > 0)
        return np.where(told_floats <= LARGEST_INTERVAL, np.rint(told_floats), 0).astype(np.uint64)
    return None


def read_options(layout: Layout, rows: Rows) -> list[Told]:
    """What options records tell."""
    sampler = next((found for name in SAMPLER_IDS if (found := layout.numbers(rows, name)) is not None), None)
    interval, boot = intervals(layout, rows), layout.numbers(rows, BOOT)
    nothing = [None] * len(rows)
    columns = [nothing if found is None else found.tolist() for found in (sampler, interval, boot)]
    return [Told(*told) for told in zip(*columns, strict=True)]
