"""Argus records with labels, as CTU-13 has them (binetflow): features of their own.

They count packets both ways together, so they lack what models of flows need; as flows they are read like any log.
Source: García et al. 2014, section 4; `ra`(1).
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.datasets.readers.delimited import Layout, header_names, stacked, tables
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import ENDS, Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale
from oddflow.losses import Loss
from oddflow.schema import FLOW_SCHEMA, PROTOCOL_NAMES

LOG, LINEAR, CATEGORY = Scale.LOG, Scale.LINEAR, Scale.CATEGORY

FEATURES: tuple[Feature, ...] = (
    Feature("Dur", "s", LOG, "lasted {value}"),
    Feature("Proto", "", CATEGORY, "protocol {value}"),
    Feature("Dir", "", CATEGORY, "direction {value}"),
    Feature("State", "", CATEGORY, "state {value}"),
    Feature("sTos", "", LINEAR, "type of service {value} from the source"),
    Feature("dTos", "", LINEAR, "type of service {value} from the target"),
    Feature("TotPkts", "packets", LOG, "{value} both ways"),
    Feature("TotBytes", "bytes", LOG, "{value} both ways"),
    Feature("SrcBytes", "bytes", LOG, "{value} sent"),
)
CATEGORIES = frozenset(feature.name for feature in FEATURES if feature.scale is CATEGORY)
TIME, LABEL = "StartTime", "Label"
TEXTS = CATEGORIES | {TIME, LABEL, "SrcAddr", "DstAddr", "Sport", "Dport"}
NAMES = frozenset(feature.name for feature in FEATURES) | TEXTS

LONGEST_S = 1e9
_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$"
_NUMBER = r"^(0x[0-9a-fA-F]{1,4}|\d{1,5})$"


def read(task: Task) -> Iterator[Piece]:
    """The rows of a file, NaN where a value is missing; one without a time is lost.

    Raises:
        InputError: Its header lacks a column.
    """
    task.ledger.unit = "rows"

    def layout_of(first: list[str]) -> tuple[Layout, bool]:
        names = header_names(first)
        missing = sorted(NAMES - set(names))
        if missing:
            raise InputError(
                f"{task.name}, line 1: {', '.join(missing[:5])} missing; expected Argus records with labels"
            )
        return Layout(names, TEXTS, frozenset(names) - NAMES), True

    with opened(task) as stream:
        for table in tables(stream, task.name, task.ledger, layout_of):
            text = pc.replace_substring(pc.utf8_trim_whitespace(table.column(TIME)), "/", "-")
            starts = pc.if_else(pc.match_substring_regex(text, _TIME), text, None).cast(pa.timestamp("ns"))
            task.ledger.lost(Loss.RECORD, starts.null_count, "no time that can be read", at=task.name)
            kept = table.filter(starts.is_valid())
            if kept.num_rows:
                yield _piece(kept, pc.drop_null(starts).cast(pa.int64()).to_numpy(), task)


def _piece(table: pa.Table, starts_ns: "np.ndarray[tuple[int], np.dtype[np.int64]]", task: Task) -> Piece:
    trimmed = {name: pc.utf8_trim_whitespace(table.column(name)).combine_chunks() for name in TEXTS}
    words = pa.table({name: trimmed.get(name, table.column(name)) for name in table.column_names})
    lasted_s = np.clip(np.nan_to_num(table.column("Dur").to_numpy()), 0, LONGEST_S)
    protocols = pa.array(list(PROTOCOL_NAMES.values()), pa.string())
    place = pc.index_in(pc.utf8_lower(trimmed["Proto"]), value_set=protocols)
    protocol = pa.array(list(PROTOCOL_NAMES), pa.uint8()).take(place)
    ends = (trimmed["SrcAddr"], _ports(trimmed["Sport"]), trimmed["DstAddr"], _ports(trimmed["Dport"]), protocol)
    columns = [column.cast(FLOW_SCHEMA.field(name).type) for name, column in zip(ENDS, ends, strict=True)]
    return Piece(
        x=stacked(words, FEATURES, task.words, task.ledger),
        features=FEATURES,
        labels=trimmed[LABEL],
        times_ns=starts_ns + (lasted_s * 1e9).astype(np.int64),
        ends=pa.table(columns, names=list(ENDS)),
    )


def _ports(texts: pa.Array) -> pa.Array:
    """Decimal, or hexadecimal after 0x; null where there is none, as ICMP and ARP have it."""
    encoded = texts.dictionary_encode()
    shaped = pc.match_substring_regex(encoded.dictionary, _NUMBER).to_pylist()
    pairs = zip(encoded.dictionary.to_pylist(), shaped, strict=True)
    numbers = [int(text, 16 if text.startswith("0x") else 10) if is_number else None for text, is_number in pairs]
    known = [number if number is not None and number < 65_536 else None for number in numbers]
    return pa.array(known, pa.uint16()).take(encoded.indices)
