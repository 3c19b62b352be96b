"""The process that compares two models; it says nothing but one answer, in a file, and how far it is, in another.

It is started as `python -m oddflow.server.comparisons.comparing`, with a `ComparisonJob` on standard input.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oddflow.server.confined.job import PROGRESS, Job, answer, asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from oddflow.losses import Ledger
    from oddflow.server.comparisons.result import ComparisonResult
    from oddflow.verdicts.shadow.comparing import Contender

PARTS = "flows"
"""The folder with the parts of the flow store, by number in the order of time."""
TELL_S = 0.25
NICENESS = 10


class ComparisonJob(Job):
    """What to compare.

    Attributes:
        active, candidate: Files of sealed models.
        names: What they are called.
        trust: Public keys: only models that one of them signed are taken, where there are any.
        source: What the flows are called; told, never opened.
        since_ns: Flows that ended earlier are passed over, ns since 1970.
        budget, false_alarm_rate: What is put up with; the one or the other.
        home_networks: Of one's own; the models' where there are none.
        payload: Whether bytes of flows may be looked at.
        key: Of the pseudonyms that the flows are under; empty for none.
    """

    active: Path
    candidate: Path
    names: tuple[str, str]
    trust: list[str]
    source: str
    since_ns: int
    budget: str
    false_alarm_rate: float | None
    home_networks: list[str]
    payload: bool
    key: str


def main() -> None:
    """Compares, and answers."""
    job = asked(ComparisonJob)
    os.nice(NICENESS)  # whoever judges live traffic comes first
    answer(job, lambda: compared(job), lambda words: words.replace(f"{job.folder}/", ""), "ask for fewer hours")


def compared(job: ComparisonJob) -> "ComparisonResult":
    """Both models on the flows of the job's folder.

    Raises:
        OddflowError: They cannot be compared.
    """
    # what is imported after the process was confined is bounded, too
    from oddflow.server.comparisons.result import ComparisonResult  # noqa: PLC0415
    from oddflow.verdicts.shadow.advice import advise  # noqa: PLC0415
    from oddflow.verdicts.shadow.comparing import compare  # noqa: PLC0415

    active, candidate = _contenders(job)
    found = compare([job.source], active, candidate, read=_Parts(job).read)
    return ComparisonResult.of(found, advise(found))


def _contenders(job: ComparisonJob) -> "list[Contender]":
    from oddflow.logs.privacy import Privacy  # noqa: PLC0415
    from oddflow.models.format import read_sealed  # noqa: PLC0415
    from oddflow.models.trust import Trust  # noqa: PLC0415
    from oddflow.verdicts.budget import Budget  # noqa: PLC0415
    from oddflow.verdicts.shadow.comparing import Contender  # noqa: PLC0415

    share = job.false_alarm_rate
    budget = Budget.parse(job.budget) if share is None else Budget.of_share(share)
    privacy, trust = Privacy.of(payload=job.payload, key=job.key or None), Trust.of(job.trust)
    found = []
    for path, called in zip((job.active, job.candidate), job.names, strict=True):
        archive = read_sealed(str(path))
        trust.check(archive, called)
        homes = job.home_networks or None
        found.append(Contender.of(archive, called, budget, privacy=privacy, home_networks=homes))
    return found


class _Parts:
    """The stored parts as one source, so that what models remember of hosts goes on from one part to the next."""

    def __init__(self, job: ComparisonJob) -> None:
        from pyarrow import parquet  # noqa: PLC0415

        self._job = job
        self._paths = sorted((job.folder / PARTS).iterdir())
        self._total = sum(parquet.read_metadata(path).num_rows for path in self._paths)
        self._done, self._told_s = 0, 0.0

    def read(self, source: object, ledger: "Ledger", **how: Any) -> "Iterator[pa.RecordBatch]":  # noqa: ARG002
        """Their flows, as `read_flows` gives them."""
        import pyarrow as pa  # noqa: PLC0415

        from oddflow.features.columns import integers  # noqa: PLC0415
        from oddflow.logs.source import read_flows  # noqa: PLC0415

        for path in self._paths:
            for batch in read_flows(str(path), ledger, **how):
                self._tell(batch.num_rows)
                late = integers(batch, "end") >= self._job.since_ns
                if late.any():
                    yield batch if late.all() else batch.filter(pa.array(late))

    def _tell(self, rows: int) -> None:
        self._done += rows
        if time.monotonic() - self._told_s < TELL_S:
            return
        self._told_s = time.monotonic()
        (self._job.folder / PROGRESS).write_text(f"{self._done} {self._total}", "ascii")


if __name__ == "__main__":
    main()
