"""Where a partition was judged up to, and all that its judge remembered there: one file, whole or not there.

A folder that all replicas see holds, for each partition, NUMBER.checkpoint and NUMBER.lock. Who has the lock judges the
partition; the system gives it back when its process dies. The file is Arrow IPC: a row for each array, and the rest as
JSON in the schema's metadata; nothing in it is run.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from oddflow.errors import InputError, OutputError
from oddflow.files import reason_of, whole_file
from oddflow.verdicts.memory import Memory

FORMAT = 1
HEAD = b"oddflow.checkpoint"
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("dtype", pa.string()),
        ("shape", pa.list_(pa.int64())),
        ("data", pa.large_binary()),
    ]
)
NUMBERS = frozenset("?bBhHiIlLqQefd")
"""What arrays may be of (NumPy's characters): numbers, and no objects."""
MOST_OWNERS = 64


@dataclass(slots=True)
class Known:
    """What is known of one who ships flows to a partition.

    Attributes:
        run, number: Of the last record that was taken: what is not after it came before.
        seen_ns: Up to when it has given its flows, ns since 1970.
        sent_ns: When it sent that, by its own clock.
        ended: Whether it said that it ends.
    """

    run: int = 0
    number: int = 0
    seen_ns: int = 0
    sent_ns: int = 0
    ended: bool = False


@dataclass(slots=True)
class Checkpoint:
    """A partition as of an offset.

    Attributes:
        offset: The first record that was not taken.
        number: Counts the partition's checkpoints from 1.
        model: The fingerprint of the model whose watcher's memory it is; empty where there is none.
        memory: That memory.
        known: Who ships to it, by their ids.
        owners: The last checkpoint that each process wrote that judged it, of the last processes: so which of the files
            that it prepared belong to a checkpoint can be told.
        watermark_ns: Up to when flows were judged, ns since 1970.
    """

    offset: int = 0
    number: int = 0
    model: str = ""
    memory: Memory | None = None
    known: dict[str, Known] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    watermark_ns: int = 0


class Checkpoints:
    """Those of a topic.

    Args:
        folder: That all replicas see.
        topic: Whose partitions.
    """

    def __init__(self, folder: Path, topic: str) -> None:
        self.folder = folder / topic

    def lock(self, partition: int) -> int | None:
        """A lock of a partition, a file's number to be closed; None while another process has it.

        Raises:
            OutputError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(self.folder / f"{partition:04d}.lock", flags, 0o640)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written: {reason_of(error)}; let it belong to who runs the service, or name "
                "another under [stream] checkpoints"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError as error:
            os.close(lock)
            raise OutputError(
                f"{self.folder} knows no locks: {reason_of(error)}; replicas need a file system that has them, like "
                "NFSv4 or CephFS, under [stream] checkpoints"
            ) from None
        return lock

    def read(self, partition: int) -> Checkpoint | None:
        """The last one; None where there is none yet.

        Raises:
            InputError: It cannot be read, or is none: to go on from elsewhere would judge flows twice, or never.
        """
        path = self.folder / f"{partition:04d}.checkpoint"
        try:
            with path.open("rb") as file:
                return _read(file.read())
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(
                f"{path} is no checkpoint that can be read: {error}; put a copy back, or take it away to judge all "
                "that the stream still holds of it anew"
            ) from None

    def write(self, partition: int, checkpoint: Checkpoint) -> None:
        """On the disk when this returns.

        Raises:
            OutputError: It cannot be written; the one before is still there.
        """
        for part in self.folder.glob(f".{partition:04d}.checkpoint.*.part"):  # of one that died, maybe of our number
            part.unlink(missing_ok=True)
        with whole_file(str(self.folder / f"{partition:04d}.checkpoint")) as file:
            _write(file, checkpoint)
        sync_folder(self.folder)


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk when this returns.

    Raises:
        OutputError: It cannot be.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {reason_of(error)}; look to its disk") from None


def _write(file: Any, checkpoint: Checkpoint) -> None:
    memory = checkpoint.memory
    told = {
        "format": FORMAT,
        "offset": checkpoint.offset,
        "number": checkpoint.number,
        "model": checkpoint.model,
        "known": {name: asdict(one) for name, one in checkpoint.known.items()},
        "owners": dict(list(checkpoint.owners.items())[-MOST_OWNERS:]),
        "watermark_ns": checkpoint.watermark_ns,
        "memory": None if memory is None else memory.tree,
    }
    schema = SCHEMA.with_metadata({HEAD: json.dumps(told, separators=(",", ":"))})
    # most of memory is tables that are nearly empty: they take a hundredth of the room, and no time
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(file, schema, options=options) as writer:
        for one in () if memory is None else memory.arrays:
            writer.write_batch(_row(one))


def _row(one: Any) -> pa.RecordBatch:
    if isinstance(one, pa.RecordBatch):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, one.schema) as writer:
            writer.write_batch(one)
        kind, dtype, shape, data = "flows", "", [one.num_rows], sink.getvalue().to_pybytes()
    else:
        if one.dtype.char not in NUMBERS:
            raise TypeError(f"arrays of {one.dtype} are no memory")
        kind, dtype, shape, data = "array", one.dtype.str, list(one.shape), np.ascontiguousarray(one).tobytes()
    columns = [pa.array([kind]), pa.array([dtype]), pa.array([shape], pa.list_(pa.int64()))]
    return pa.record_batch([*columns, pa.array([data], pa.large_binary())], schema=SCHEMA)


def _read(content: bytes) -> Checkpoint:
    with pa.ipc.open_stream(content) as stream:
        told = json.loads((stream.schema.metadata or {})[HEAD])
        if told["format"] != FORMAT:
            raise ValueError(f"it is of format {told['format']}, and this version reads {FORMAT}")
        arrays = [_array(batch) for batch in stream]
    return Checkpoint(
        int(told["offset"]),
        int(told["number"]),
        str(told["model"]),
        None if told["memory"] is None else Memory(told["memory"], arrays),
        {str(name): Known(**one) for name, one in told["known"].items()},
        {str(name): int(last) for name, last in told["owners"].items()},
        int(told["watermark_ns"]),
    )


def _array(row: pa.RecordBatch) -> Any:
    data = row.column("data")[0].as_buffer()
    if row.column("kind")[0].as_py() == "flows":
        with pa.ipc.open_stream(data) as stream:
            return stream.read_next_batch()
    dtype = np.dtype(row.column("dtype")[0].as_py())
    if dtype.char not in NUMBERS:
        raise ValueError(f"an array of {dtype} is no memory")
    return np.frombuffer(data, dtype).reshape(row.column("shape")[0].as_py())
