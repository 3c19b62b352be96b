"""Reads and writes flow tables: Parquet, Arrow and CSV files with the columns of the flow schema."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from pyarrow import parquet

from oddflow.capture.remote import is_url, shown
from oddflow.errors import InputError, UnknownFormat, UsageError
from oddflow.files import whole_file
from oddflow.flows.statistics import STATISTICS_SCHEMA, statistics
from oddflow.logs.record import KEY_COLUMNS, ROWS_A_BATCH, flow_batches
from oddflow.losses import Ledger, Loss
from oddflow.schema import FLOW_SCHEMA

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
FEW_VALUES = ["src_ip", "dst_ip", "protocol", "ip_version", "end_reason", "direction_by", "capture"]
"""Columns that a dictionary makes smaller in a Parquet file; of others it only costs time."""

PSEUDONYMS = b"oddflow.pseudonyms"
"""In a table's metadata: the fingerprint of the key whose pseudonyms it holds."""

NESTED = ("lengths", "gaps_us", "payload", "reverse_payload")


def is_table(first: bytes) -> bool:
    """Whether a file that starts with these bytes is a flow table."""
    if first.startswith((PARQUET_MAGIC, ARROW_MAGIC)):
        return True
    header = first.split(b"\n", 1)[0].decode("utf-8-sig", "replace").strip().split(",")
    return {"start", "src_ip", "dst_ip"} <= {name.strip('"') for name in header}


def read_table(source: str, first: bytes, ledger: Ledger) -> Iterator[pa.RecordBatch]:
    """Reads a flow table, batch after batch; columns it lacks are null.

    Raises:
        InputError: It is damaged, is no file, or lacks what names a flow.
        UnknownFormat: It is none of the three formats.
    """
    ledger.unit = "records"
    if source == "-":
        raise InputError("a flow table cannot be read from standard input; give its file's path")
    if is_url(source):
        raise InputError(f"{shown(source)} is a flow table; only captures are read by URL: fetch it, and name the file")
    try:
        if first.startswith(PARQUET_MAGIC):
            batches = parquet.ParquetFile(source).iter_batches(batch_size=ROWS_A_BATCH)
        elif first.startswith(ARROW_MAGIC):
            file = pa.ipc.open_file(pa.memory_map(source))
            batches = (_validated(file.get_batch(i)) for i in range(file.num_record_batches))
        elif is_table(first):
            batches = _csv_batches(source, _csv_columns(source), ledger)
        else:
            raise UnknownFormat(f"{source} is no flow table; expected Parquet, Arrow or CSV")
        for batch in batches:
            yield from _conform(batch, source, ledger)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read as a flow table: {str(error).splitlines()[0]}") from None


def pseudonyms_of(source: str, first: bytes) -> str:
    """The fingerprint of the key under whose pseudonyms a table was written; "" where it names none (CSV cannot)."""
    try:
        if first.startswith(PARQUET_MAGIC):
            metadata = parquet.read_schema(source).metadata
        elif first.startswith(ARROW_MAGIC):
            with pa.ipc.open_file(source) as file:
                metadata = file.schema.metadata
        else:
            return ""
    except (pa.ArrowException, OSError):
        return ""  # whoever reads its rows says what is wrong
    return str((metadata or {}).get(PSEUDONYMS, b"").decode("ascii", "replace"))


def _validated(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose offsets were checked: Arrow maps them from the file as they are, and would follow wrong ones."""
    batch.validate(full=True)
    return batch


def _csv_columns(source: str) -> list[str]:
    """The columns of the flow schema that a CSV file has; no other is looked at, whatever it holds."""
    with _open_csv(source, lambda _: "skip") as reader:
        names = reader.schema.names
    _refuse_repeated(names, source)
    return [name for name in names if name in FLOW_SCHEMA.names and name not in NESTED]


def _open_csv(source: str, skip: Callable[[Any], str], convert: Any = None) -> Any:
    file = pa.input_stream(source)
    if file.read(3) != b"\xef\xbb\xbf":  # the mark of UTF-8
        file = pa.input_stream(source)
    return pa_csv.open_csv(
        file,
        # our columns are ASCII; as Latin-1, bytes that are no UTF-8 cost their row at most
        read_options=pa_csv.ReadOptions(encoding="latin1"),
        parse_options=pa_csv.ParseOptions(invalid_row_handler=skip),
        convert_options=convert,
    )


def _refuse_repeated(names: list[str], source: str) -> None:
    repeated = sorted({name for name in names if name in FLOW_SCHEMA.names and names.count(name) > 1})
    if repeated:
        raise InputError(f"{source} has the column {repeated[0]} more than once; which one is meant?")


def _csv_batches(source: str, names: list[str], ledger: Ledger) -> Iterator[pa.RecordBatch]:
    types = {name: FLOW_SCHEMA.field(name).type for name in names}

    def skip(row: Any) -> str:
        ledger.lost(Loss.RECORD, 1, f"{row.actual_columns} fields where {row.expected_columns} were expected")
        return "skip"

    text = {name: pa.string() for name in types}
    convert = pa_csv.ConvertOptions(
        include_columns=names, column_types=text, strings_can_be_null=True, null_values=[""]
    )
    reader = _open_csv(source, skip, convert)
    for batch in reader:
        yield _typed(batch, types, ledger)


def _typed(batch: pa.RecordBatch, types: dict[str, Any], ledger: Ledger) -> pa.RecordBatch:
    """Casts text columns; a row with a value that is no such number is a loss, never a wrong one."""
    try:
        return pa.record_batch([_cast(batch.column(name), kind) for name, kind in types.items()], names=list(types))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if batch.num_rows == 1:
            ledger.lost(Loss.RECORD, 1, "a value that is no number of its column's type")
            return batch.slice(0, 0).select([])
    half = batch.num_rows // 2
    parts = [_typed(piece, types, ledger) for piece in (batch.slice(0, half), batch.slice(half))]
    kept = [part for part in parts if part.num_columns]
    if not kept:
        return parts[0]
    return pa.Table.from_batches(kept).combine_chunks().to_batches()[0]


def _cast(column: Any, kind: Any) -> Any:
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("ns")).cast(kind) if not _has_zone(column) else column.cast(kind)
    if pa.types.is_floating(kind):
        values = column.cast(kind)
        if pc.any(pc.invert(pc.is_finite(values))).as_py():
            raise pa.ArrowInvalid("not finite")
        return values
    return column.cast(kind)


def _has_zone(column: Any) -> bool:
    first = next((value.as_py() for value in column if value.is_valid), "")
    return first.endswith("Z") or "+" in first


def _conform(batch: pa.RecordBatch, source: str, ledger: Ledger) -> Iterator[pa.RecordBatch]:
    """Gives a batch exactly the flow schema's columns."""
    if batch.num_rows == 0:
        return
    _refuse_repeated(batch.schema.names, source)
    absent = [name for name in KEY_COLUMNS if name not in batch.schema.names]
    if absent:
        raise InputError(f"{source} lacks the columns {', '.join(absent)}; `oddflow flows -o` writes such a table")
    present = {name: batch.column(name) for name in batch.schema.names if name in FLOW_SCHEMA.names}
    yield from flow_batches(present, source, ledger)


def table_of(path: str, worker: int, workers: int) -> str:
    """The name of one worker's table.

    >>> table_of("out/flows.parquet", 1, 2), table_of("flows.csv", 0, 1)
    ('out/flows.1.parquet', 'flows.csv')
    """
    whole = Path(path)
    return path if workers == 1 else str(whole.with_name(f"{whole.stem}.{worker}{whole.suffix}"))


class TableWriter:
    """Writes flow batches to `.parquet`, `.arrow` or `.csv`; the name's ending says which.

    The file gets its name when it is whole; one that fails leaves nothing behind. `into` is a file that is open
    already, where none can be made: it is written to as it is. With `statistics`, those of CICFlowMeter are added.
    """

    def __init__(
        self, path: str, into: BinaryIO | None = None, *, statistics: bool = False, pseudonyms: str = ""
    ) -> None:
        self._path = path
        self._statistics = statistics
        schema = pa.schema([*FLOW_SCHEMA, *STATISTICS_SCHEMA]) if statistics else FLOW_SCHEMA
        schema = schema.with_metadata({PSEUDONYMS: pseudonyms}) if pseudonyms else schema
        self._into = into
        self._file = ExitStack()
        self._writer: Any = None
        openers: dict[str, Callable[[Any], Any]] = {
            ".parquet": lambda file: parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=FEW_VALUES),
            ".arrow": lambda file: pa.ipc.new_file(file, schema),
            ".csv": lambda file: _CsvWriter(file, schema),
        }
        suffix = Path(path).suffix
        if suffix not in openers:
            raise UsageError(f"{path} ends in {suffix!r}; expected .parquet, .arrow or .csv")
        self._open = openers[suffix]

    def __enter__(self) -> Self:
        """Opens the file; raises OutputError where it cannot be written."""
        file = self._into if self._into is not None else self._file.enter_context(whole_file(self._path))
        self._writer = self._open(file)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends a batch."""
        if self._statistics:
            added = statistics(batch)
            batch = pa.record_batch([*batch.columns, *added.columns], schema=pa.schema([*batch.schema, *added.schema]))
        self._writer.write_batch(batch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the file its name, or removes what was written where something failed."""
        try:
            self._writer.close()
        except (OSError, pa.ArrowException) as failed:
            if error is None:
                kind, error, trace = type(failed), failed, failed.__traceback__
        self._file.__exit__(kind, error, trace)


class _CsvWriter:
    """Flow batches as CSV: without the sequence and payload columns, which no CSV holds well."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        self._names = [name for name in schema.names if name not in NESTED]
        self._file = file
        self._file.write((",".join(self._names) + "\n").encode())
        self._options = pa_csv.WriteOptions(include_header=False)

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Appends a batch."""
        pa_csv.write_csv(batch.select(self._names), self._file, self._options)

    def close(self) -> None:
        """Nothing: who opened the file closes it."""
