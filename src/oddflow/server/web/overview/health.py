"""How the service itself is: its processes, its sources, who is told, how late verdicts are."""

from collections.abc import Sequence
from dataclasses import dataclass

from oddflow.reports.words import UNKNOWN, duration
from oddflow.server.status import LATENCY_BOUNDS_S, SourceStatus, State, Status

STYLES = {
    State.RUNNING: "good",
    State.STARTING: "",
    State.STOPPING: "",
    State.DEGRADED: "warn",
    State.DOWN: "bad",
}


@dataclass(frozen=True, slots=True)
class Latency:
    """From the end of a flow's record to its verdict stored, in words; as buckets know it."""

    half: str
    most: str
    flows: int

    @classmethod
    def of(cls, sources: Sequence[SourceStatus]) -> "Latency":
        """Of all sources.

        >>> print(Latency.of([SourceStatus(name="a", latency=[90, 9, 1])]).most)
        at most 100 ms
        """
        counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        for source in sources:
            for place, number in enumerate(source.latency[: len(counts)]):
                counts[place] += number
        return cls(_within(counts, 0.5), _within(counts, 0.99), sum(counts))


def _within(counts: Sequence[int], share: float) -> str:
    total, passed = sum(counts), 0
    if not total:
        return UNKNOWN
    for place, number in enumerate(counts[:-1]):
        passed += number
        if passed >= share * total:
            return f"at most {duration(round(LATENCY_BOUNDS_S[place] * 1e9))}"
    return f"over {duration(round(LATENCY_BOUNDS_S[-1] * 1e9))}"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the service: what it is, how it is, and a little more; all in words but the style."""

    name: str
    state: str
    style: str
    more: str = ""


def parts(status: Status) -> list[Part]:
    """Workers, the store and outputs."""
    found = []
    for worker in status.workers:
        more = f"{worker.memory_bytes / (1 << 20):,.0f} MiB" if worker.memory_bytes else ""
        if worker.restarts:
            more += f"{', ' if more else ''}restarted {worker.restarts:,} ×"
        found.append(Part(worker.name, worker.state.value, STYLES[worker.state], more))
    is_well = status.store == "running"
    waiting = sum(source.waiting_alerts for source in status.sources)
    more = f"{waiting:,} alerts wait for it" if waiting else ""
    found.append(Part("store", "running" if is_well else "down", "good" if is_well else "bad", more))
    for output in status.outputs:
        told = f"{output.delivered:,} delivered" + (f", {output.waiting:,} wait" if output.waiting else "")
        told += f", {output.refused:,} refused" if output.refused else ""
        state, style = ("down", "bad") if output.problem else ("running", "good")
        found.append(Part(output.to, state, style, told))
    return found
