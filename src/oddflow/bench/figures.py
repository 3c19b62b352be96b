"""What was measured of metering, as figures held against targets."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oddflow.bench.peers import PEERS
from oddflow.errors import UsageError

MEMORY_LIMIT_MIB = 400


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured with.

    Attributes:
        packets: Packets of the capture that rates are taken on.
        rounds: How often each contestant runs.
        flood_flows: Flows, of one packet each, of the SYN flood.
        memory_bytes: Sizes of the two captures that peak memory is taken on.
    """

    packets: int = 4_000_000
    rounds: int = 3
    flood_flows: int = 5_000_000
    memory_bytes: tuple[int, int] = (200_000_000, 2_000_000_000)

    def __post_init__(self) -> None:
        """Refuses sizes that tell nothing."""
        if min(self.packets, self.flood_flows) < 1000 or self.rounds < 1:
            raise UsageError(
                f"{self.packets} packets, {self.flood_flows} flows, {self.rounds} rounds; "
                "expected at least 1,000 packets and flows, and one round"
            )


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the result.

    Attributes:
        what: What was measured.
        value: The figure, None where it could not be taken.
        unit: Its unit; "×" for a ratio.
        target: What it is held against, and `at_least` whether more is better.
        detail: What it was taken on; where there is no value, why.
        rounds: The figures of the single rounds.
    """

    what: str
    value: float | None
    unit: str
    target: float | None = None
    at_least: bool = True
    detail: str = ""
    rounds: list[float] = field(default_factory=list)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where nothing can be said."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass
class Measured:
    """What the steps of a bench have found so far.

    Attributes:
        sizes: How much it was measured with.
        rates: Packets a second, round by round, of each contestant.
        peaks: Greatest memory in bytes of whole processes.
        failed: Why something could not be measured.
        told: What commands said of themselves, as JSON.
        present: The version of each tool beside us that is installed.
    """

    sizes: Sizes
    rates: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    present: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, rate: float) -> None:
        """Notes one round of a contestant."""
        self.rates.setdefault(name, []).append(rate)

    def figures(self) -> list[Figure]:
        """The rows of the result."""
        return [*self._rate_figures(), *self._peer_figures(), *self._memory_figures(), *self._other_figures()]

    def _median(self, name: str) -> float | None:
        return statistics.median(self.rates[name]) if name in self.rates else None

    def _ratio(self, name: str, other: str) -> tuple[float | None, list[float]]:
        """The median of one over that of the other, and their ratios round by round."""
        one, two = self._median(name), self._median(other)
        if one is None or two is None:
            return None, []
        return one / two, [float(r) for r in np.divide(self.rates[name], self.rates[other])]

    def _rate_figures(self) -> Iterator[Figure]:
        rates = self.rates.get("in process", [])
        whole = f"{self.sizes.packets:,} packets"
        best = f", median of {len(rates)} rounds; best {max(rates) / 1e6:.2f} M/s" if rates else ""
        what = "decode + meter + all columns, in process, one core"
        yield Figure(what, self._median("in process"), "packets/s", 4e6, detail=whole + best, rounds=rates)
        yield Figure(
            "the same, by processor time",
            self._median("in process, processor time"),
            "packets/s",
            detail="what other processes take is not counted",
            rounds=self.rates.get("in process, processor time", []),
        )
        yield Figure(
            "oddflow flows, whole process",
            self._median("whole process"),
            "packets/s",
            detail=self.failed.get("whole process", whole),
            rounds=self.rates.get("whole process", []),
        )

    def _peer_figures(self) -> Iterator[Figure]:
        for peer in PEERS:
            what = f"whole process against {peer.name}"
            if peer.name in self.failed or peer.name not in self.present:
                why = self.failed.get(peer.name, f"absent; to get it: {peer.remedy}")
                yield Figure(what, None, "×", peer.target, detail=why)
                continue
            ratio, rounds = self._ratio("whole process", peer.name)
            rate = self._median(peer.name) or 0.0
            count = peer.packets(self.sizes.packets)
            did = f"{peer.name} {self.present[peer.name]}: {rate:,.0f} packets/s on {count:,} packets"
            by_processor, _ = self._ratio("whole process, processor time", f"{peer.name}, processor time")
            did += f" ({peer.does}); {by_processor or 0:.2f} × by processor time"
            yield Figure(what, ratio, "×", peer.target, detail=did, rounds=rounds)

    def _memory_figures(self) -> Iterator[Figure]:
        small, large = (self.peaks.get(f"memory{place}") for place in (0, 1))
        for place, peak in enumerate((small, large)):
            size = f"{self.sizes.memory_bytes[place] / 1e9:g} GB of input"
            rate = self._median(f"memory{place}") or 0.0
            why = self.failed.get(f"memory{place}", f"a whole process, default settings: {rate:,.0f} packets/s")
            mib = peak / 2**20 if peak else None
            yield Figure(f"peak memory, {size}", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=why)
        grown = large / small if small and large else None
        yield Figure("peak memory, the larger input over the smaller", grown, "×", 1.05, at_least=False)

    def _other_figures(self) -> Iterator[Figure]:
        flows = f"{self.sizes.flood_flows:,} flows of one packet"
        ratio, rounds = self._ratio("flood", "in process")
        rate = self._median("flood")
        detail = f"{flows}; {rate:,.0f} packets/s in process, one core" if rate else flows
        yield Figure("SYN flood, its rate over the normal one", ratio, "×", 1 / 3, detail=detail, rounds=rounds)
        peak = self.peaks.get("flood")
        mib = peak / 2**20 if peak else None
        failed = self.failed.get("flood", flows)
        yield Figure("SYN flood, peak memory", mib, "MiB", MEMORY_LIMIT_MIB, at_least=False, detail=failed)
        told = self.told.get("flood")
        ended = told["ledger"]["evicted_flows"] if told and told["flows"] == self.sizes.flood_flows else None
        yield Figure("SYN flood, flows ended early and counted", ended, "flows", 1, detail=flows)
        ratio, rounds = self._ratio("2 workers", "1 workers")
        detail = self.failed.get("workers", f"oddflow flows on two files of {self.sizes.packets // 2:,} packets each")
        yield Figure("two workers against one", ratio, "×", 1.7, detail=detail, rounds=rounds)
        yield from self._live_figures()

    def _live_figures(self) -> Iterator[Figure]:
        rate, fair = "live, one core sends, one meters", "live, packets of these not metered"
        more = "live, not accounted for above our rate"
        why = self.failed.get("live", "not measured: it needs root and the repository's benchmarks/live.py")
        told, above = self.told.get("live"), self.told.get("live above")
        if told is None:
            yield Figure(rate, None, "packets/s", 4e5, detail=why)
            return
        sent = f"{told['sent']:,} packets in {told['seconds']} s"
        yield Figure(rate, told["sent_per_s"], "packets/s", 4e5, detail=sent)
        yield Figure(fair, told["sent"] - told["metered"], "packets", 0, at_least=False, detail=sent)
        if above is None:
            return
        lost = above["sent"] - above["metered"]
        detail = f"{above['sent']:,} sent, {above['metered']:,} metered, {lost:,} told as lost"
        yield Figure(more, abs(above["unaccounted"]), "packets", 0, at_least=False, detail=detail)
