"""Reads and writes flow tables: Parquet, Arrow and CSV files with the columns of the flow schema."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.csv as pa_csv
from pyarrow import parquet

from oddflow.capture.remote import shown
from oddflow.capture.stream import CHUNK_BYTES, ByteStream
from oddflow.errors import InputError, UsageError
from oddflow.files import whole_file
from oddflow.flows.statistics import STATISTICS_SCHEMA, statistics
from oddflow.logs.csv_table import NESTED, refuse_absent, refuse_repeated
from oddflow.logs.plain_files import plain_path
from oddflow.logs.record import ROWS_A_BATCH, flow_batches
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"
FEW_VALUES = ["src_ip", "dst_ip", "protocol", "ip_version", "end_reason", "direction_by", "capture"]
"""Columns that a dictionary makes smaller in a Parquet file; of others it only costs time."""

PSEUDONYMS = b"oddflow.pseudonyms"
"""In a table's metadata: the fingerprint of the key whose pseudonyms it holds."""

ARROW_HEADER_BYTES = 8
"""What stands in an Arrow file before the stream that is in it."""

ARROW_STREAM_MAGIC = b"\xff\xff\xff\xff"


def is_table(first: bytes) -> bool:
    """Whether a source that starts with these bytes is a flow table in Parquet or Arrow."""
    return first.startswith((PARQUET_MAGIC, ARROW_MAGIC, ARROW_STREAM_MAGIC))


Under = Callable[[str], None]
"""Told the fingerprint of the key under whose pseudonyms a table is; "" for none."""


def read_table(
    source: str, first: bytes, stream: ByteStream, ledger: Ledger, *, under: Under | None = None
) -> Iterator[pa.RecordBatch]:
    """Reads a flow table, batch after batch; columns it lacks are null.

    Args:
        source: A path, a URL or `-`.
        first: Its first plain bytes.
        stream: All of its plain bytes, for what is no plain file. Parquet has to be one.
        ledger: Told of rows that are lost.
        under: Told before the first batch.

    Raises:
        InputError: It is damaged, or lacks what names a flow; it is Parquet, and no plain file.
    """
    ledger.unit = "records"
    name, path = shown(source), plain_path(source, first)
    try:
        if not first.startswith(PARQUET_MAGIC):
            batches = _of_arrow_stream(first, stream) if path is None else _of_arrow_file(path, first, stream)
        elif path is None:
            raise InputError(f"{name} is a Parquet table, which has to be a file on disk, not compressed: save it")
        else:
            batches = parquet.ParquetFile(path).iter_batches(batch_size=ROWS_A_BATCH)
        for batch in batches:
            if under is not None:
                under((batch.schema.metadata or {}).get(PSEUDONYMS, b"").decode("ascii", "replace"))
                under = None
            yield from _conform(batch, name, ledger)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name} cannot be read as a flow table: {str(error).splitlines()[0]}") from None


def _of_arrow_file(path: str, first: bytes, stream: ByteStream) -> Iterator[pa.RecordBatch]:
    if first.startswith(ARROW_STREAM_MAGIC):
        yield from _of_arrow_stream(first, stream)
        return
    file = pa.ipc.open_file(pa.memory_map(path))
    for place in range(file.num_record_batches):
        yield _validated(file.get_batch(place))


def _of_arrow_stream(first: bytes, stream: ByteStream) -> Iterator[pa.RecordBatch]:
    """An Arrow stream, or an Arrow file from its start: it holds one."""
    is_file, file = first.startswith(ARROW_MAGIC), _Readable(stream)
    if is_file:
        file.read(ARROW_HEADER_BYTES)
    with pa.ipc.open_stream(pa.PythonFile(file, "r")) as reader:
        for batch in reader:
            yield _validated(batch)
    last = b""
    while piece := stream.read(CHUNK_BYTES):
        last = (last + piece)[-len(ARROW_MAGIC) :]
    if is_file and last != ARROW_MAGIC:
        raise pa.ArrowInvalid("the file ends early")


class _Readable(io.RawIOBase):
    """A stream as a file that gives as much as it is asked for, as long as there is something."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        held = bytearray()
        while len(held) != size:
            piece = self._stream.read(min(size - len(held), CHUNK_BYTES) if size > 0 else CHUNK_BYTES)
            if not piece:
                break
            held += piece
        return bytes(held)


def _validated(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose offsets were checked: Arrow takes them from the source as they are, and would follow wrong ones."""
    batch.validate(full=True)
    return batch


def _conform(batch: pa.RecordBatch, source: str, ledger: Ledger) -> Iterator[pa.RecordBatch]:
    """Gives a batch exactly the flow schema's columns."""
    if batch.num_rows == 0:
        return
    refuse_repeated(batch.schema.names, source)
    refuse_absent(batch.schema.names, source)
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
