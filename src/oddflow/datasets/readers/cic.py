"""What CICFlowMeter writes: CIC-IDS2017 with its first and its corrected headers, CSE-CIC-IDS2018.

Its versions call the same columns by different names ("Total Fwd Packets", "Tot Fwd Pkts"); here each has the name of
the statistic that it is (`flows.statistics`). Addresses, ports, the protocol, times and ids are no features.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.datasets.readers.delimited import Layout, header_names, stacked, tables
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import ENDS, Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale
from oddflow.flows.statistics import STATISTICS
from oddflow.losses import Loss
from oddflow.schema import FLOW_SCHEMA

Bag = frozenset[str]

_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_WORDS = {
    "tot": "total", "pkt": "packet", "pkts": "packet", "packets": "packet", "len": "length", "byts": "bytes",
    "byte": "bytes", "cnt": "count", "average": "avg", "var": "variance", "backward": "bwd", "forward": "fwd",
    "seg": "segment", "blk": "bulk", "b": "bulk", "cwe": "cwr", "destination": "dst", "source": "src",
}  # fmt: skip
_SILENT = {"of"}

MORE = (
    ("forward_rst_count", "Fwd RST Flags", "packets"),
    ("reverse_rst_count", "Bwd RST Flags", "packets"),
    ("tcp_duration_us", "Total TCP Flow Time", "µs"),
)
"""Columns of the corrected version that are no statistic of the first ones."""

LABEL, TIME, DURATION = "label", "timestamp", "duration_us"
PASSED_OVER = ("id", "Flow ID", "Attempted Category", "ICMP Code", "ICMP Type", "External IP", "Unnamed: 0", "")
LEAST_SHARE = 0.9
"""Of the statistics, which a header must have to be one of CICFlowMeter's."""

FIRST_HOUR = 8
"""Of a working day: first versions write afternoons with a clock of 12 hours and without a word."""

_ISO = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?$"


def bag(name: str) -> Bag:
    """The words of a column's name, whatever their order and however they are shortened.

    >>> bag("Tot Fwd Pkts") == bag(" Total Fwd Packets") != bag("TotLen Fwd Pkts")
    True
    """
    parts = (part.lower() for part in _PART.findall(name))
    return frozenset(_WORDS.get(part, part) for part in parts) - _SILENT


@cache
def _known() -> tuple[dict[Bag, str], dict[str, Feature]]:
    """Our name of each column by its bag, and the features by name."""
    rows = [*((s.name, s.cic_name, s.unit) for s in STATISTICS), *MORE]
    names = {bag(cic_name): name for name, cic_name, _ in rows}
    features = {
        name: Feature(name, unit, Scale.LOG if unit else Scale.LINEAR, f"{name.replace('_', ' ')} {{value}}")
        for name, _, unit in rows
    }
    own = {"Src IP": "src_ip", "Src Port": "src_port", "Dst IP": "dst_ip", "Dst Port": "dst_port"}
    more = own | {"Protocol": "protocol", "Timestamp": TIME, "Label": LABEL}
    return names | {bag(cic_name): name for cic_name, name in more.items()}, features


def _features(names: Sequence[str]) -> tuple[Feature, ...]:
    """In an order of our own, whatever that of the file."""
    return tuple(feature for name, feature in _known()[1].items() if name in set(names))


def layout_of(first: list[str], name: str) -> Layout:
    """The columns of a header line, under our names.

    Raises:
        InputError: It is none of CICFlowMeter's.
    """
    known, features = _known()
    names = []
    for given in header_names(first):
        ours = known.get(bag(given), f"unread {given}")
        # "Fwd Header Length" is there twice, the second as it is or as "Fwd Header Length.1"
        names.append(ours if ours not in names else f"unread {given}")
    missing = [one for one in features if one not in names and one not in {more for more, _, _ in MORE}]
    if LABEL not in names or len(missing) > (1 - LEAST_SHARE) * len(features):
        raise InputError(
            f"{name}, line 1: {', '.join([LABEL, *missing][:5] if LABEL not in names else missing[:5])} missing; "
            "expected a header of CICFlowMeter, with commas between"
        )
    texts = {LABEL, TIME, "src_ip", "dst_ip"} & set(names)
    unread = {one for one in names if one.startswith("unread ")}
    return Layout(tuple(names), frozenset(texts), frozenset(unread))


def read(task: Task) -> Iterator[Piece]:
    """The rows of a file, NaN where a value is missing, infinite, or less than nothing.

    Raises:
        InputError: Its header is none of CICFlowMeter's.
    """

    def columns(first: list[str]) -> tuple[Layout, bool]:
        layout = layout_of(first, task.name)
        passed_over = {bag(name) for name in PASSED_OVER} | {bag("Fwd Header Length")}
        unread = [name.removeprefix("unread ") for name in layout.names if name in layout.unread]
        strange = [name for name in unread if bag(name) - {"1", "2"} not in passed_over]
        if strange:
            task.ledger.noted(f"{task.name}: {len(strange)} columns not known and not read: {', '.join(strange[:5])}")
        return layout, True

    with opened(task) as stream:
        for table in tables(stream, task.name, task.ledger, columns):
            yield from _pieces(table, task)


def _pieces(table: pa.Table, task: Task) -> Iterator[Piece]:
    has_label = pc.not_equal(pc.utf8_trim_whitespace(table.column(LABEL)), "")
    table = _kept(table, has_label, "no label", task)
    times_ns = None
    if TIME in table.column_names:
        starts = _times(table.column(TIME).combine_chunks())
        table = _kept(table, starts.is_valid(), "no time that can be read", task)
        starts_ns = pc.drop_null(starts).cast(pa.int64()).to_numpy()
        lasted_us = np.nan_to_num(np.maximum(table.column(DURATION).to_numpy(), 0)) if table.num_rows else 0
        times_ns = starts_ns + (np.minimum(lasted_us, 2**52) * 1_000).astype(np.int64)
    if not table.num_rows:
        return
    features = _features(table.column_names)
    x = stacked(table, features, task.words, task.ledger)
    negative = x < 0
    for place in np.flatnonzero(negative.any(axis=0)):
        task.ledger.noted(f"{task.name}: {features[place].name} is negative in some rows; taken as missing")
    x[negative] = np.nan
    yield Piece(x, features, table.column(LABEL).combine_chunks(), times_ns, _ends(table))


def _kept(table: pa.Table, wanted: pa.Array, what: str, task: Task) -> pa.Table:
    lost = table.num_rows - pc.sum(wanted).as_py() if table.num_rows else 0
    task.ledger.lost(Loss.RECORD, lost, what, at=task.name)
    return table.filter(wanted) if lost else table


def _times(text: pa.Array) -> pa.Array:
    """Times of all versions, ns UTC; null where one is none. Without a zone, they are taken as UTC."""
    text = pc.utf8_trim_whitespace(text)
    iso = pc.if_else(pc.match_substring_regex(text, _ISO), text, None).cast(pa.timestamp("ns"))
    first = pc.coalesce(
        *(
            pc.strptime(text, format=form, unit="s", error_is_null=True)
            for form in ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
        )
    )
    noon = pc.cast(pa.scalar(12 * 3_600, pa.int64()), pa.duration("s"))
    first = pc.if_else(pc.less(pc.hour(first), FIRST_HOUR), pc.add(first, noon), first)
    return pc.coalesce(iso, first.cast(pa.timestamp("ns")))


def _ends(table: pa.Table) -> pa.Table | None:
    """Addresses, ports and the protocol, where all are there."""
    if not set(ENDS) <= set(table.column_names):
        return None
    columns = []
    for name in ENDS:
        column = table.column(name)
        kind = FLOW_SCHEMA.field(name).type
        if pa.types.is_integer(kind):
            most = 2**kind.bit_width - 1
            column = pc.if_else(pc.and_(pc.greater_equal(column, 0), pc.less_equal(column, most)), column, None)
            column = pc.trunc(column)
        columns.append(column.cast(kind))
    return pa.table(columns, names=list(ENDS))
