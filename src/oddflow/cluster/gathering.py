"""A baseline gathered by many machines: each reads whole sources, and the rows stay where they were made.

The rows are those that `baselines.gather` gives of the same sources, in the same order: each source is looked at by
itself there too, and of a baseline that is too long each 2nd, 4th, … row is kept, by their numbers in all.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from oddflow.baselines import View
from oddflow.cluster.answers import ask, remote
from oddflow.cluster.shares import Block, RayShares
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered, Passed, check_passed, gathered_of, most_rows, rows_of, step_of
from oddflow.learning.over_shares import places_of
from oddflow.logs.source import Fingerprint, Progress, Source, name_of
from oddflow.losses import Ledger

BLOCK_ROWS = 65_536
"""Rows of an object in Ray's store: 16 MB of statistics."""


@dataclass(slots=True)
class Told:
    """What is told of a source once its rows have been made.

    Attributes:
        passed: What passed by.
        ledger: What was lost.
        incomplete: Flows that lacked something.
        groups: What groups of flows came to, for `GroupLearner.merge`.
        sizes: Of the batches in which rows came.
    """

    passed: Passed
    ledger: Ledger
    incomplete: int
    groups: dict[str, NDArray[Any]]
    sizes: list[int]


@dataclass(slots=True)
class Spread:
    """A baseline whose rows lie on the cluster.

    Attributes:
        gathered: All that is known of it but the rows: x is empty, times and hosts are of the rows.
        shares: The rows.
    """

    gathered: Gathered
    shares: RayShares

    def together(self) -> Gathered:
        """The same with its rows, on this machine: what `baselines.gather` gives."""
        return replace(self.gathered, x=self.shares.rows(len(self.gathered.features)))


def gather(
    sources: Sequence[Source],
    view: View,
    *,
    ledger: Ledger,
    progress: Progress | None = None,
    max_rows: int | None = None,
) -> Spread:
    """Reads sources on the cluster that was joined.

    Args:
        sources: Files that all its machines can read, or URLs; each is one machine's work.
        view: What of their flows is looked at.
        ledger: Told of all that was lost.
        progress: Told how many bytes were read, a source at a time.
        max_rows: Half of the rows that are kept at most; as `baselines.gather` unless given.

    Raises:
        NothingMetered: No source held a flow.
        InputError: A source cannot be read.
        UsageError: Sources are under pseudonyms of several keys, or one is standard input.
        ClusterFailed: Work was lost that could not be done again.
    """
    if "-" in sources:
        raise UsageError("standard input cannot be read by the machines of a cluster; give a file that all of them see")
    representation = view.representation()
    shown, folder = ray.put(view), str(Path.cwd())
    streams: list[Any] = [remote(_read, answers="streaming").remote(source, shown, folder) for source in sources]
    groups, told, blocks, columns = view.groups(), [], [], []
    for stream in streams:
        found = list(stream)
        one: Told = ask(found.pop())
        told.append(one)
        blocks += found[::2]
        columns += ask(found[1::2])
        ledger.add(one.ledger)
        if one.ledger.total:
            ledger.unit = one.ledger.unit
        groups.merge(one.groups)
        if progress:
            progress(one.passed.fingerprint.total_bytes)
    passed = [one.passed for one in told]
    check_passed(sources, passed, ledger, view.privacy)
    step = step_of((size for one in told for size in one.sizes), max_rows or most_rows(representation.features))
    ends = np.cumsum([0, *(len(times_ns) for times_ns, _ in columns)])
    firsts = [-int(start) % step for start in ends[:-1]]
    if step > 1:
        blocks = [remote(_thinned).remote(block, first, step) for block, first in zip(blocks, firsts, strict=True)]
    times_ns, hosts = (
        np.concatenate([column[place][first::step] for column, first in zip(columns, firsts, strict=True)])
        for place in (0, 1)
    )
    gathered = gathered_of(
        [np.zeros((0, len(representation.features)), np.float32), times_ns, hosts],
        passed,
        representation,
        settings=view.settings,
        ledger=ledger,
        privacy=view.privacy,
        incomplete=sum(one.incomplete for one in told),
    )
    gathered.groups = groups.normal().part()
    sizes = [len(range(first, len(ends_ns), step)) for (ends_ns, _), first in zip(columns, firsts, strict=True)]
    return Spread(gathered, RayShares(_placed(blocks, sizes, times_ns)))


def _placed(blocks: Sequence[Any], sizes: Sequence[int], times_ns: NDArray[np.int64]) -> list[Block]:
    parts = np.split(places_of(times_ns), np.cumsum(sizes)[:-1])
    return [Block(block, places) for block, places in zip(blocks, parts, strict=True) if len(places)]


def _read(source: Source, view: View, folder: str) -> Iterator[Any]:
    """Rows, and their ends and hosts, in turn; and what is told of the source at the end."""
    with _inside(folder):
        yield from _rows(source, view)


def _rows(source: Source, view: View) -> Iterator[Any]:
    representation, groups, ledger = view.representation(), view.groups(), Ledger()
    passed, sizes = Passed(Fingerprint(name_of(source))), []
    waiting: list[list[NDArray[Any]]] = []
    for columns in rows_of(
        source, representation, passed, settings=view.settings, ledger=ledger, privacy=view.privacy, onlooker=groups
    ):
        waiting.append(columns)
        sizes.append(len(columns[0]))
        if sum(len(x) for x, *_ in waiting) >= BLOCK_ROWS:
            yield from _block(waiting)
            waiting = []
    if waiting:
        yield from _block(waiting)
    yield Told(passed, ledger, representation.incomplete, groups.seen(), sizes)


def _block(waiting: list[list[NDArray[Any]]]) -> Iterator[Any]:
    x, times_ns, hosts = (np.concatenate(column) for column in zip(*waiting, strict=True))
    yield x
    yield times_ns, hosts


def _thinned(x: NDArray[np.float32], first: int, step: int) -> NDArray[np.float32]:
    return x[first::step].copy()


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Where the driver stands, if this machine has such a folder: sources are named from there."""
    before = Path.cwd()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
