"""All flows that a question asks for, as a file: read piece by piece, never all in memory."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from pyarrow import parquet

from oddflow.logs.parts import HOUR_NS
from oddflow.outputs.comma import safe_cell
from oddflow.server.flowstore.columns import PRUNED_BY, STORED_SCHEMA
from oddflow.server.flowstore.database import MOST_SECONDS, Database, PartGone
from oddflow.server.flowstore.fields import FIELDS
from oddflow.server.flowstore.places import Place, places_asked, steps
from oddflow.server.flowstore.query import NEWEST, Query
from oddflow.server.flowstore.searching import TRIES, conditions

Format = Literal["csv", "parquet"]
MOST_ROWS = 500_000
PIECE_ROWS = 32_768

CSV_COLUMNS = (
    "start", "end", "source", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "forward_packets",
    "reverse_packets", "forward_bytes", "reverse_bytes", "app_by_port", "app_by_signature", "tls_sni", "http_host",
    "dns_query", "score", "is_alert", "community_id",
)  # fmt: skip
"""What a table for people has; Parquet has all, so that it can be read as a source again."""

_TIMES = ("start", "end")
WHOLE_SCHEMA = pa.schema([field for field in STORED_SCHEMA if field.name not in {"src_key", "dst_key"}])


def download(database: Database, folder: Path, query: Query, kind: Format, limit: int = MOST_ROWS) -> Iterator[bytes]:
    """A file, piece by piece.

    Sorted by time, the newest first, it is read file after file; sorted otherwise, at once.

    Args:
        database: Searches.
        folder: Of the store.
        query: The question.
        kind: What file.
        limit: At most so many flows, where the question does not ask for fewer.

    Raises:
        UsageError: It takes too long or too much memory; told before the first piece where the first file shows it.
    """
    tables = _tables(database, folder, query, min(limit, query.limit or limit, MOST_ROWS), whole=kind == "parquet")
    return _parquet(tables) if kind == "parquet" else _csv(tables)


def _tables(database: Database, folder: Path, query: Query, limit: int, *, whole: bool) -> Iterator[pa.Table]:
    left, asked = limit, query
    for _ in range(TRIES):
        for group in _groups(places_asked(folder, asked, whole=whole), query):
            begun = False
            try:
                for table in _read(database, query, group, left, whole=whole):
                    left -= table.num_rows
                    begun = True
                    yield table
            except PartGone:
                if begun:
                    raise
                break
            if left <= 0:
                return
            asked = _beyond(asked, group)
        else:
            return
    raise PartGone("parts of the flow store are deleted faster than they can be read; ask again")


def _groups(places: list[Place], query: Query) -> list[list[Place]]:
    """What is read one after the other, so that what is sorted by time stays so."""
    if query.order is not NEWEST:
        return [places] if places else []
    groups = list(steps(places, stepwise=True, least_flows=0))
    return groups if query.descending else groups[::-1]


def _beyond(query: Query, group: list[Place]) -> Query:
    """What is left to read after some files, whatever files it is in by then."""
    if query.order is not NEWEST:
        return query
    if query.descending:
        return replace(query, until_ns=min(place.first for place in group) * HOUR_NS - 1)
    return replace(query, since_ns=(max(place.last for place in group) + 1) * HOUR_NS)


def _read(database: Database, query: Query, group: list[Place], limit: int, *, whole: bool) -> Iterator[pa.Table]:
    """The flows of some files that are asked for: at once, or in pieces that fit in memory where records are whole."""
    if not whole or query.order is not NEWEST:
        yield from _found(database, query, [place.path for place in group], limit, None, whole=whole)
        return
    for place in group:
        for start in range(0, place.flows, PIECE_ROWS):
            for table in _found(database, query, [place.path], limit, start, whole=True):
                limit -= table.num_rows
                yield table
            if limit <= 0:
                return


def _found(
    database: Database, query: Query, paths: list[str], limit: int, start: int | None, *, whole: bool
) -> Iterator[pa.Table]:
    names = WHOLE_SCHEMA.names if whole else CSV_COLUMNS
    where, values = conditions(query, paths)
    if start is not None:
        where.append(f"file_row_number BETWEEN {start} AND {start + PIECE_ROWS - 1}")
    columns = ", ".join(f'epoch_ns("{name}") AS "{name}"' if name in _TIMES else f'"{name}"' for name in names)
    text = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = false, file_row_number = true)"  # noqa: S608  (values are apart)
    text += f" WHERE {' AND '.join(where)}" if where else ""
    way = "DESC" if query.descending else "ASC"
    text += f" ORDER BY {query.order.sorts} {way}, {FIELDS['start'].sorts} {way} LIMIT {int(limit)}"
    with database.cursor(MOST_SECONDS * 6) as cursor:
        found = cursor.sql(text, params=values).to_arrow_table()
    if found.num_rows:
        yield pa.table([_typed(found[name], name) for name in names], names=list(names))


def _typed(column: Any, name: str) -> Any:
    return column.cast(pa.int64()).cast(WHOLE_SCHEMA.field(name).type) if name in _TIMES else column


def _csv(tables: Iterator[pa.Table]) -> Iterator[bytes]:
    yield (",".join(CSV_COLUMNS) + "\n").encode()
    options = pa_csv.WriteOptions(include_header=False)
    for table in tables:
        for start in range(0, table.num_rows, PIECE_ROWS):
            piece = table.slice(start, PIECE_ROWS)
            safe = pa.table([_safe(column) for column in piece.columns], names=piece.column_names)
            sink = io.BytesIO()
            pa_csv.write_csv(safe, sink, options)
            yield sink.getvalue()


def _safe(column: Any) -> Any:
    """Texts that no spreadsheet takes for a formula; times in ISO 8601."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return column
    coded = column.combine_chunks().dictionary_encode()
    texts = [None if text is None else safe_cell(text) for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


class _Pieces(io.RawIOBase):
    """Bytes that were written and not yet taken."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._place = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, piece: Any) -> int:
        """Keeps a piece."""
        taken = bytes(piece)
        self._held += taken
        self._place += len(taken)
        return len(taken)

    def tell(self) -> int:
        """How much was written in all."""
        return self._place

    def take(self) -> bytes:
        """What was written since."""
        taken = bytes(self._held)
        self._held.clear()
        return taken


def _parquet(tables: Iterator[pa.Table]) -> Iterator[bytes]:
    sink = _Pieces()
    with parquet.ParquetWriter(sink, WHOLE_SCHEMA, compression="zstd", write_statistics=[
        name for name in PRUNED_BY if name in WHOLE_SCHEMA.names
    ]) as writer:  # fmt: skip
        for table in tables:
            for start in range(0, table.num_rows, PIECE_ROWS):
                writer.write_table(table.slice(start, PIECE_ROWS).cast(WHOLE_SCHEMA))
                yield sink.take()
    yield sink.take()
