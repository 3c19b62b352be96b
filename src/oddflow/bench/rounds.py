"""Learners measured in rounds, one after the other, so that whatever else the machine does hits all alike."""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oddflow.bench.figures import Figure
from oddflow.bench.ingest import Step
from oddflow.bench.learners import Learner


@dataclass
class Rounds:
    """What learners did, round by round.

    Attributes:
        peers: The folder that other tools are installed in.
        folder: What all of them read.
        asked: What all of them are asked; a seed is another in each round.
        count: How often each runs.
        failed: Why a learner has no figures.
    """

    peers: Path
    folder: Path
    asked: Mapping[str, Any]
    count: int
    failed: dict[str, str] = field(default_factory=dict)
    _found: dict[tuple[str, int], list[dict[str, Any]]] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)

    def steps(self, learners: Sequence[Learner]) -> Iterator[Step]:
        """Each learner in each round, with each count of threads."""
        for number in range(1, self.count + 1):
            for learner in learners:
                for threads in learner.threads:
                    said = f"round {number} of {self.count}: {learner.name}{_threads(threads)}"
                    yield Step(said, lambda one=learner, many=threads, at=number - 1: self._measure(one, many, at))  # type: ignore[misc]

    def _measure(self, learner: Learner, threads: int, number: int) -> None:
        if learner.name in self.failed:
            return
        asked = {**self.asked, "seed": self.asked.get("seed", 0) + number}
        found = learner.measure(self.peers, self.folder, threads, asked)
        if isinstance(found, str):
            self.failed[learner.name] = found
            return
        self._versions[learner.name] = learner.version(self.peers)
        self._found.setdefault((learner.name, threads), []).append(found)

    def best(self, learner: Learner) -> int | None:
        """The count of threads with which its median rate is greatest; None where it has no figures."""
        known = [threads for threads in learner.threads if (learner.name, threads) in self._found]
        if learner.name in self.failed or not known:
            return None
        return max(known, key=lambda threads: statistics.median(self.rates(learner, threads)))

    def rates(self, learner: Learner, threads: int, clock: str = "seconds") -> list[float]:
        """Rows a second, by the clock or by `processor_s`, round by round."""
        return [found["rows"] / found[clock] for found in self._found[learner.name, threads]]

    def errors(self, learner: Learner) -> list[float]:
        """What it got wrong on held-out rows, round by round, with its best count of threads."""
        best = self.best(learner)
        return [] if best is None else [found["error"] for found in self._found[learner.name, best]]

    def rate_figures(self, learner: Learner, what: str, target: float | None = None) -> Iterator[Figure]:
        """Its rate with each count of threads; the target is that of the greatest."""
        best = self.best(learner)
        if best is None:
            yield Figure(what, None, "rows/s", target, detail=self._why(learner))
            return
        for threads in learner.threads:
            if (learner.name, threads) in self._found:
                rates = self.rates(learner, threads)
                by_processor = statistics.median(self.rates(learner, threads, "processor_s"))
                detail = f"{min(rates):,.0f} to {max(rates):,.0f}; {by_processor:,.0f} a second of processor time"
                yield Figure(
                    f"{what}{_threads(threads)}", statistics.median(rates), "rows/s",
                    target if threads == best else None, detail=detail, rounds=rates,
                )  # fmt: skip

    def ratio_figure(self, ours: Learner, other: Learner, what: str, target: float | None) -> Figure:
        """Our rate over another's, each with its best count of threads."""
        mine, theirs = self.best(ours), self.best(other)
        if mine is None or theirs is None:
            return Figure(what, None, "×", target, detail=self._why(other if theirs is None else ours))
        one, two = self.rates(ours, mine), self.rates(other, theirs)
        by_processor = statistics.median(self.rates(ours, mine, "processor_s")) / statistics.median(
            self.rates(other, theirs, "processor_s")
        )
        detail = f"{other.name} {self._versions[other.name]}".strip()
        detail += f": {statistics.median(two):,.0f} rows/s{_threads(theirs)}; {by_processor:.2f} × by processor time"
        rounds = [a / b for a, b in zip(one, two, strict=False)]
        return Figure(what, statistics.median(one) / statistics.median(two), "×", target, detail=detail, rounds=rounds)

    def error_figure(self, ours: Learner, other: Learner, what: str, most: float | None) -> Figure:
        """Our error on held-out rows over another's, medians of rounds."""
        one, two = self.errors(ours), self.errors(other)
        if not one or not two:
            return Figure(what, None, "×", most, at_least=False, detail=self._why(other if not two else ours))
        mine, theirs = statistics.median(one), statistics.median(two)
        detail = f"{mine:.4g} and {theirs:.4g} after {self.asked['epochs']} epochs, on the same held-out rows"
        return Figure(what, mine / theirs, "×", most, at_least=False, detail=detail)

    def _why(self, learner: Learner) -> str:
        return self.failed.get(learner.name, f"{learner.name} was not measured")

    def versions(self) -> dict[str, str]:
        """Of those that ran and tell one."""
        return {f"{name} version": version for name, version in self._versions.items() if version}


def cores() -> tuple[int, ...]:
    """Counts of threads to measure with: one, and as many as there are cores."""
    return tuple(dict.fromkeys((1, len(os.sched_getaffinity(0)))))


def _threads(count: int) -> str:
    if not count:
        return ""
    return ", one thread" if count == 1 else f", {count} threads"
