"""Columns that a record has, to flow batches: what it lacks is null, and what names no flow is a counted loss."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.flows.naming.ports import names_by_port
from oddflow.logs.derive import derived
from oddflow.losses import Ledger, Loss
from oddflow.schema import FLOW_SCHEMA

ROWS_A_BATCH = 8_192
KEY_COLUMNS = ("start", "end", "src_ip", "dst_ip", "src_port", "dst_port", "protocol")


def flow_batches(
    columns: Mapping[str, Any], name: str, ledger: Ledger, *, lines: NDArray[np.int64] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of exactly the flow schema; counts what is used and what is lost.

    A record without time, address, port or protocol is lost, as is one that ends before it starts. Addresses get
    their normal form; IP version, Community ID and the name of the port are filled in where they are null.

    Args:
        columns: Arrays of n rows by column name; a column that is absent is null.
        name: What messages call the source.
        ledger: Told of the rows used and lost.
        lines: The line of each row, (n,).

    Raises:
        pyarrow.ArrowInvalid: A value does not fit its column; check before.
    """
    count = len(next(iter(columns.values()))) if columns else 0
    if not count:
        return
    flows = pa.record_batch(
        [
            columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
            for field in FLOW_SCHEMA
        ],
        schema=FLOW_SCHEMA,
    )
    flows = derived(flows)
    named = flows.column("start").is_valid()
    for column in KEY_COLUMNS[1:]:
        named = pc.and_(named, flows.column(column).is_valid())
    forward = pc.fill_null(pc.less_equal(flows.column("start"), flows.column("end")), True)
    _lose(ledger, pc.invert(named), "no time, address, port or protocol", name, lines)
    _lose(ledger, pc.and_(named, pc.invert(forward)), "it ends before it starts", name, lines)
    kept = pc.and_(named, forward)
    if not pc.all(kept).as_py():  # most often all are, and a copy of all columns costs more than the rest
        flows = flows.filter(kept)
    ledger.used(flows.num_rows)
    if flows.num_rows and flows.column("app_by_port").null_count == flows.num_rows:
        place = FLOW_SCHEMA.get_field_index("app_by_port")
        flows = flows.set_column(place, FLOW_SCHEMA.field(place), names_by_port(flows).dictionary_decode())
    for start in range(0, flows.num_rows, ROWS_A_BATCH):
        yield flows.slice(start, ROWS_A_BATCH)


def _lose(ledger: Ledger, rows: Any, detail: str, name: str, lines: NDArray[np.int64] | None) -> None:
    places = np.flatnonzero(rows.to_numpy(zero_copy_only=False))
    if len(places):
        at = f"{name}, line {lines[places[0]]}" if lines is not None else ""
        ledger.lost(Loss.RECORD, len(places), detail, at=at)
