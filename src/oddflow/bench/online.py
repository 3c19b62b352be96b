"""Measures KitNET on packets: their incremental statistics, learning and scoring, on one core.

Packets are decoded before the clock starts: decoding and metering are what `bench ingest` measures. Time is that of the
processor, which what else runs on the machine touches less; rates are medians over rounds.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from oddflow.bench.figures import Figure
from oddflow.bench.machine import machine
from oddflow.bench.traffic import Traffic
from oddflow.capture.packets import PacketBatch
from oddflow.capture.reader import packets
from oddflow.detectors.kitnet import KitNetDetector
from oddflow.features.incremental import FEATURES, IncrementalStatistics, within_bounds
from oddflow.losses import Ledger

LEARNING_TARGET, SCORING_TARGET = 200_000.0, 300_000.0
PAPER_LEARNING, PAPER_SCORING = 2_100, 3_400
"""Packets a second of Kitsune-py on a machine of two cores, as Mirsky et al. 2018 are cited."""


@dataclass(frozen=True, slots=True)
class OnlineBench:
    """What was measured: seconds of processor time a packet, round by round.

    Attributes:
        count: Packets.
        captures: What they were made of.
        features_s, learning_s, scoring_s: Of incremental statistics, of KitNET's learning and of its scores.
    """

    count: int
    captures: tuple[str, ...]
    features_s: tuple[float, ...]
    learning_s: tuple[float, ...]
    scoring_s: tuple[float, ...]

    def figures(self) -> list[Figure]:
        """Rates with their targets, and what their parts take."""
        learning = self._rates(self.learning_s)
        scoring = self._rates(self.scoring_s)
        per_second, times = "packets/s", "×"
        found = [
            Figure("learning: statistics and KitNET", _median(learning), per_second, LEARNING_TARGET, rounds=learning),
            Figure("scoring: statistics and KitNET", _median(scoring), per_second, SCORING_TARGET, rounds=scoring),
            Figure(
                "learning, to Kitsune-py's rate", _median(learning) / PAPER_LEARNING, times, 100.0,
                detail=f"{PAPER_LEARNING:,} packets/s, as published, on another machine",
            ),
            Figure(
                "scoring, to Kitsune-py's rate", _median(scoring) / PAPER_SCORING, times,
                detail=f"{PAPER_SCORING:,} packets/s, as published, on another machine",
            ),
        ]  # fmt: skip
        parts = {"statistics": self.features_s, "KitNET learns": self.learning_s, "KitNET scores": self.scoring_s}
        for what, seconds in parts.items():
            each = [second * 1e9 for second in seconds]
            found.append(Figure(f"a packet: {what}", _median(each), "ns", rounds=each))
        return [replace(figure, detail=figure.detail or f"{self.count:,} packets, one core") for figure in found]

    def as_dict(self) -> dict[str, Any]:
        """All figures with the machine, for JSON."""
        return {
            "machine": machine(),
            "input": {"captures": list(self.captures), "packets": self.count},
            "figures": [
                {
                    "what": f.what, "value": f.value, "unit": f.unit, "target": f.target, "met": f.met,
                    "detail": f.detail, "rounds": f.rounds,
                }
                for f in self.figures()
            ],
        }  # fmt: skip

    def _rates(self, net_s: Sequence[float]) -> list[float]:
        return [1 / (features + net) for features, net in zip(self.features_s, net_s, strict=True)]


def measure(captures: Sequence[Path], folder: Path, *, count: int, rounds: int) -> OnlineBench:
    """Makes a capture of so many packets, and puts them through everything `rounds` times.

    Args:
        captures: What the traffic is made of.
        folder: Holds the capture while it is read.
        count: Packets; about 0.6 KB of memory each.
        rounds: How often.

    Raises:
        InputError: A capture cannot be read.
        UsageError: They hold no packets.
    """
    path = folder / "online.pcap"
    with path.open("wb") as file:
        Traffic.of(captures).write(file, count)
    batches = [_own(batch) for batch in packets(str(path), Ledger())]
    path.unlink()
    total = sum(batch.count for batch in batches)
    features_s: list[float] = []
    learning_s: list[float] = []
    scoring_s: list[float] = []
    for _ in range(rounds):
        for seconds, spent in zip((features_s, learning_s, scoring_s), _one_round(batches), strict=True):
            seconds.append(spent / total)
    return OnlineBench(total, tuple(p.name for p in captures), tuple(features_s), tuple(learning_s), tuple(scoring_s))


def _one_round(batches: Sequence[PacketBatch]) -> tuple[float, float, float]:
    """Seconds of statistics, learning and scores."""
    streams = IncrementalStatistics()
    begun = time.process_time()
    x = [within_bounds(streams.add(batch, range(batch.count))) for batch in batches]
    features_s = time.process_time() - begun
    rows = np.concatenate(x)
    begun = time.process_time()
    detector = KitNetDetector(FEATURES, map_rows=1_000, least_rows=0).fit(rows)
    learning_s = time.process_time() - begun
    begun = time.process_time()
    for some in x:
        detector.decision_function(some)
    return features_s, learning_s, time.process_time() - begun


def _own(batch: PacketBatch) -> PacketBatch:
    """A copy: a reader uses its arrays again."""
    end = int((batch.field("start") + batch.field("captured")).max(initial=0))
    return replace(batch, data=batch.data[:end].copy(), packets=batch.packets[: batch.count].copy())


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)
