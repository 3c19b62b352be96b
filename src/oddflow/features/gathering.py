"""The flows of whole sources as one array of feature rows, in memory set by a limit."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.columns import integers
from oddflow.features.feature import Feature
from oddflow.features.ordering import in_end_order
from oddflow.features.representation import Representation
from oddflow.features.scored import scored
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Source, name_of, read_flows
from oddflow.losses import Ledger

MAX_ROWS = 500_000
MAX_NUMBERS = 50_000_000
"""200 MB of feature rows; of a longer baseline an even sample is kept."""


Labels = tuple[NDArray[np.int64], NDArray[np.bool_] | None]
"""What n rows are, (n,), 0 for normal; and which of their parts are an attack, (n, p), where that is known."""


class Labeller(Protocol):
    """Says what flows are; it may keep state between batches, as a representation does."""

    def begin(self) -> None:
        """Another source begins."""

    def labels(self, batch: pa.RecordBatch) -> Labels:
        """Of a flow batch, in end order."""


class Onlooker(Protocol):
    """Sees the flows that are gathered, beside the representation."""

    def begin(self) -> None:
        """Another source begins."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Flows, in end order."""


@dataclass(slots=True)
class Gathered:
    """Feature rows of a baseline, in the order in which flows ended, or packets came.

    Attributes:
        x: Raw feature rows, (n, d) float32.
        times_ns: Ends of the flows, or times of the packets, (n,) int64; ends ascend within a source.
        features: The d columns.
        flows: Flows read; more than n where a sample was kept.
        start_ns, end_ns: First and last packet.
        seen: What was read of each source.
        ledger: What was lost.
        settings: How flows were cut.
        home_networks: Which addresses are ours.
        context: The context settings.
        version: The representation: "tabular-1".
        incomplete: Flows that lacked something which others of their source had: it was taken as 0.
        owners: Where rows are packets: the number of the flow that each went to, (n,); else empty. A flow's score is
            then that of its worst row.
        privacy: What was to be told of them.
        pseudonyms: The fingerprint of the key under whose pseudonyms the flows are; "" for none.
        y: What each row is, its place in `AttackCategory` (0: normal), (n,) int64; None where all are believed to be
            normal.
    """

    x: NDArray[np.float32]
    times_ns: NDArray[np.int64]
    features: tuple[Feature, ...]
    flows: int
    start_ns: int
    end_ns: int
    seen: list[Fingerprint]
    ledger: Ledger
    settings: MeterSettings
    home_networks: tuple[str, ...]
    context: dict[str, Any]
    version: str
    incomplete: int = 0
    owners: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    privacy: Privacy = OPEN
    pseudonyms: str = ""
    y: NDArray[np.int64] | None = None
    hosts: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    """A number for the source of each row, the same for the same address, (n,); empty where nobody knows."""

    marks: NDArray[np.bool_] | None = None
    """Which parts of each row are an attack, (n, p); None where nobody knows."""

    groups: bytes = b""
    """What groups of flows came to, as a part of a sealed model; empty where nobody looked."""

    @property
    def span_s(self) -> float:
        """How long there was traffic: the minutes that saw a flow end; pauses and stray times do not count."""
        occupied_s = 60.0 * len(np.unique(self.times_ns // 60_000_000_000))
        return max(1e-3, min(occupied_s, (self.end_ns - self.start_ns) / 1e9))


@dataclass(slots=True)
class Passed:
    """What was told of a source while its flows passed by.

    Attributes:
        fingerprint: What was read.
        start_ns, end_ns: First and last packet.
        attacks: Flows that are one, where that is known.
    """

    fingerprint: Fingerprint
    start_ns: int = 2**63 - 1
    end_ns: int = 0
    attacks: int = 0


class _Sample:
    """Keeps every row until there are twice too many, then every second, fourth, … one: even in time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._step = 1
        self._passed = 0
        self._kept: list[list[NDArray[Any]]] = []
        self._count = 0

    def add(self, *columns: NDArray[Any]) -> None:
        """Arrays of equal length; the same number of them each time."""
        first = -self._passed % self._step
        self._passed += len(columns[0])
        # copies: a slice would keep the whole batch alive
        self._kept.append([column[first :: self._step].copy() for column in columns])
        self._count += len(self._kept[-1][0])
        if self._count > 2 * self._limit:
            self._kept = [[column[::2].copy() for column in self.all()]]
            self._count = len(self._kept[0][0])
            self._step *= 2

    def all(self) -> list[NDArray[Any]]:
        return [np.concatenate(parts) for parts in zip(*self._kept, strict=True)]


def most_rows(features: Sequence[Feature]) -> int:
    """Half of the rows with these columns that are kept at most."""
    return min(MAX_ROWS, MAX_NUMBERS // len(features))


def step_of(sizes: Iterable[int], limit: int) -> int:
    """Of batches of these sizes, which rows a sample with this limit keeps: each whose number the step divides."""
    step, passed, kept = 1, 0, 0
    for size in sizes:
        kept += len(range(-passed % step, size, step))
        passed += size
        if kept > 2 * limit:
            kept, step = (kept + 1) // 2, 2 * step
    return step


def gather(
    sources: Sequence[Source],
    representation: Representation,
    *,
    settings: MeterSettings,
    ledger: Ledger,
    progress: Progress | None = None,
    max_rows: int | None = None,
    privacy: Privacy = OPEN,
    labeller: Labeller | None = None,
    onlooker: Onlooker | None = None,
) -> Gathered:
    """Reads sources into feature rows; at most 2 × `max_rows` are kept, evenly over time.

    As many as `MAX_ROWS` and `MAX_NUMBERS` allow unless given. The home networks of the representation are as
    `privacy` lets them be seen. With a labeller, `flows` counts the normal ones. An onlooker sees all flows.

    Raises:
        NothingMetered: No source held a flow.
        InputError: A source cannot be read.
        UsageError: Sources are under pseudonyms of several keys, or only some are.
    """
    sample = _Sample(max_rows or most_rows(representation.features))
    passed = []
    for source in sources:
        passed.append(Passed(Fingerprint(name_of(source))))
        for columns in rows_of(
            source,
            representation,
            passed[-1],
            settings=settings,
            ledger=ledger,
            progress=progress,
            privacy=privacy,
            labeller=labeller,
            onlooker=onlooker,
        ):
            sample.add(*columns)
    check_passed(sources, passed, ledger, privacy)
    return gathered_of(
        sample.all(),
        passed,
        representation,
        settings=settings,
        ledger=ledger,
        privacy=privacy,
        incomplete=representation.incomplete,
    )


def rows_of(
    source: Source,
    representation: Representation,
    passed: Passed,
    *,
    settings: MeterSettings,
    ledger: Ledger,
    progress: Progress | None = None,
    privacy: Privacy = OPEN,
    labeller: Labeller | None = None,
    onlooker: Onlooker | None = None,
) -> Iterator[list[NDArray[Any]]]:
    """Feature rows of a source with their ends and hosts, and labels and marks where these are known, as they come."""
    for one in (representation, labeller, onlooker):
        if one:
            one.begin()
    flows = read_flows(source, ledger, settings=settings, seen=passed.fingerprint, progress=progress, privacy=privacy)
    for batch in in_end_order(scored(flows), wait_s=settings.longest_wait_s):
        ends = integers(batch, "end")
        y, marks = labeller.labels(batch) if labeller else (np.zeros(0, np.int64), None)
        passed.attacks += int((y > 0).sum())
        known = [*([y] if labeller else []), *([marks] if marks is not None else [])]
        yield [representation.rows(batch), ends, _hosts(batch), *known]
        if onlooker:
            onlooker.add(batch)
        passed.start_ns = min(passed.start_ns, int(integers(batch, "start").min()))
        passed.end_ns = max(passed.end_ns, int(ends.max()))


def check_passed(sources: Sequence[Source], passed: Sequence[Passed], ledger: Ledger, privacy: Privacy) -> None:
    """Refuses sources that cannot be learnt from, or not together, once their flows have passed.

    Raises:
        NothingMetered: There was no flow.
        UsageError: They are under pseudonyms of several keys, or only some are.
    """
    seen = [one.fingerprint for one in passed]
    if not sum(fingerprint.flows for fingerprint in seen):
        raise ledger.nothing_metered([name_of(source) for source in sources])
    keys = {fingerprint.pseudonyms or privacy.fingerprint for fingerprint in seen}
    if len(keys) > 1:
        named = ", ".join(key or "none" for key in sorted(keys))
        raise UsageError(f"the sources are under pseudonyms of different keys ({named}); give sources of one key")


def gathered_of(
    columns: Sequence[NDArray[Any]],
    passed: Sequence[Passed],
    representation: Representation,
    *,
    settings: MeterSettings,
    ledger: Ledger,
    privacy: Privacy,
    incomplete: int,
) -> Gathered:
    """What `gather` gives, of the columns that `rows_of` yielded and what was told of each source."""
    x, times_ns, hosts, *labels = columns
    seen = [one.fingerprint for one in passed]
    keys = {fingerprint.pseudonyms or privacy.fingerprint for fingerprint in seen}
    return Gathered(
        x=x,
        times_ns=times_ns,
        features=representation.features,
        flows=sum(fingerprint.flows for fingerprint in seen) - sum(one.attacks for one in passed),
        start_ns=min(one.start_ns for one in passed),
        end_ns=max(one.end_ns for one in passed),
        seen=seen,
        ledger=ledger,
        settings=settings,
        home_networks=representation.home_networks,
        context=dict(representation.context_settings),
        version=representation.version,
        incomplete=incomplete,
        privacy=privacy,
        pseudonyms=keys.pop(),
        y=labels[0] if labels else None,
        hosts=hosts,
        marks=labels[1] if len(labels) > 1 else None,
    )


def _hosts(batch: pa.RecordBatch) -> NDArray[np.uint32]:
    """A number for the source of each flow, (n,): the CRC-32 of its address."""
    encoded = batch.column("src_ip").dictionary_encode()
    numbers = np.array([zlib.crc32(address.encode()) for address in encoded.dictionary.to_pylist()], np.uint32)
    return np.asarray(numbers[encoded.indices.to_numpy(zero_copy_only=False)])
