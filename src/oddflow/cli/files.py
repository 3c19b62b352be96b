"""What `oddflow flows` does with files: reads them to their end, or follows one that grows."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    import pyarrow as pa

    from oddflow.flows.settings import MeterSettings
    from oddflow.logs.privacy import Privacy
    from oddflow.logs.source import Fingerprint
    from oddflow.logs.table import TableWriter
    from oddflow.losses import Ledger

Follow = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="Go on reading as the file grows or is replaced, or as new files appear in the folder, until interrupted.",
    ),
]


@dataclass(slots=True)
class Told:
    """How the result is told.

    Attributes:
        output: The table to write, if any.
        limit: Rows shown where there is none.
        statistics: Whether the table has those of CICFlowMeter.
    """

    output: str | None
    limit: int
    statistics: bool
    as_json: bool
    strict: bool
    privacy: "Privacy"


@dataclass(slots=True)
class Shown:
    """Keeps the first flows, to show them."""

    limit: int
    batches: "list[pa.RecordBatch]" = field(default_factory=list)

    def take(self, batch: "pa.RecordBatch") -> None:
        """Keeps as many of these as are wanted still."""
        missing = self.limit - sum(shown.num_rows for shown in self.batches)
        if missing > 0:
            self.batches.append(batch.slice(0, missing))


def meter_files(given: Sequence[str], cut: "MeterSettings", told: Told, *, merge: bool, workers: int) -> None:
    """Reads each source once; nothing is kept in memory but open flows."""
    from oddflow.cli import console
    from oddflow.logs.source import Fingerprint, arrange, name_of
    from oddflow.logs.table import table_of
    from oddflow.logs.workers import deal, work
    from oddflow.losses import Ledger

    ledger = Ledger()
    sources = arrange(given, ledger, merge=merge)
    seen = [Fingerprint(name_of(source), hashed=told.as_json) for source in sources]
    jobs = deal(sources, seen, workers)
    tables = [table_of(told.output, number, len(jobs)) for number in range(len(jobs))] if told.output else []
    refuse_sources(given, tables)
    shown = [Shown(told.limit) for _ in jobs]
    with ExitStack() as stack:
        takes: list[Callable[[Any], None]] = [kept.take for kept in shown]
        if tables:
            takes = [stack.enter_context(writer(table, told)).write for table in tables]
        progress = stack.enter_context(console.reading(given, "metering"))
        work(jobs, takes, ledger, settings=cut, progress=progress, privacy=told.privacy)
    end(told, tables, seen, ledger, [batch for kept in shown for batch in kept.batches])
    if not any(fingerprint.flows for fingerprint in seen):
        raise ledger.nothing_metered([fingerprint.name for fingerprint in seen])
    if told.strict and not ledger.complete:
        raise options.Lost


def follow_file(given: Sequence[str], cut: "MeterSettings", told: Told, *, duration_s: float) -> None:
    """Reads on until it is told to stop; without a table, each flow is shown as it ends."""
    from oddflow.cli import console
    from oddflow.cli.tables import flow_line
    from oddflow.errors import UsageError
    from oddflow.logs.source import Fingerprint, follow_flows, name_of
    from oddflow.losses import Ledger

    if len(given) != 1:
        raise UsageError(f"one file or folder can be followed; {len(given)} were given")
    ledger = Ledger()
    seen = Fingerprint(name_of(given[0]), hashed=False)
    tables = [told.output] if told.output else []
    refuse_sources(given, tables)
    with ExitStack() as stack:
        stop = stack.enter_context(stopped_by_signals())
        table = stack.enter_context(writer(tables[0], told)) if tables else None
        followed = follow_flows(
            given[0], ledger, stop=stop, duration_s=duration_s, settings=cut, seen=seen, privacy=told.privacy
        )
        for batch in followed:
            if table and batch.num_rows:
                table.write(batch)
            elif not table and not told.as_json:
                for line in flow_line(batch):
                    console.out.print(line, soft_wrap=True)
    end(told, tables, [seen], ledger, [])
    if told.strict and not ledger.complete:
        raise options.Lost


def writer(table: str, told: Told) -> "TableWriter":
    """Writes flows as they may be told."""
    from oddflow.logs.table import TableWriter

    return TableWriter(table, statistics=told.statistics, pseudonyms=told.privacy.fingerprint)


def refuse_sources(given: Sequence[str], tables: Sequence[str]) -> None:
    """Raises UsageError where a table to be written is read."""
    from oddflow.errors import UsageError
    from oddflow.files import same_file

    for table in tables:
        if any(source != "-" and same_file(source, table) for source in given):
            raise UsageError(f"{table} is a source itself; give the table another name")


def end(
    told: Told, tables: list[str], seen: "list[Fingerprint]", ledger: "Ledger", shown: "list[pa.RecordBatch]"
) -> None:
    """Tells how many flows there are, where, and what was lost."""
    from oddflow.amounts import count as count_of
    from oddflow.cli import console
    from oddflow.cli.tables import flow_table

    flows = sum(fingerprint.flows for fingerprint in seen)
    if told.as_json:
        output = (tables[0] if len(tables) == 1 else tables) if tables else None
        console.print_json(
            {"flows": flows, "output": output, "sources": [f.as_dict() for f in seen], "ledger": ledger.as_dict()}
        )
        return
    if shown:
        console.out.print(flow_table(shown, told.limit))
    console.say(count_of(flows, "flow") + (f" in {', '.join(tables)}" if tables else ""))
    console.show_ledger(ledger)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that what is open can end well; a second one ends at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def set_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, set_stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
