"""Flow batch columns as NumPy arrays."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.features._context_kernels import hash_text

Floats = NDArray[np.float64]


def numbers(batch: pa.RecordBatch, name: str) -> Floats:
    """A numeric column, (n,) float64; null is NaN."""
    column = batch.column(name)
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def integers(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    """An integer or time column without nulls, (n,) int64."""
    return np.array(batch.column(name).cast(pa.int64()).to_numpy(zero_copy_only=False))


def services(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """What a flow asks for, as one number: protocol × 65536 + port, or + type for ICMP; (n,)."""
    icmp_type = batch.column("icmp_type").cast(pa.int64())
    port_or_type = pc.coalesce(icmp_type, batch.column("dst_port").cast(pa.int64()))
    return np.asarray(integers(batch, "protocol") * 65_536 + np.asarray(port_or_type))


def text_hashes(batch: pa.RecordBatch, name: str, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each text, (n,)."""
    text, offsets = binary_parts(batch.column(name))
    hashes = np.empty(batch.num_rows, np.uint64)
    hash_text(text, offsets, np.uint64(seed), hashes)
    return hashes


def binary_parts(column: Any) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The bytes (b,) and offsets (n + 1,) of a string or binary column; null is empty."""
    if column.offset or column.null_count:
        column = pa.concat_arrays([column.fill_null(b"" if pa.types.is_binary(column.type) else "")])
    if column.offset:
        column = pa.array(column.to_pylist(), column.type)
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int32, len(column) + 1).copy()  # kernels take no read-only arrays
    held = np.frombuffer(data, np.uint8).copy() if data is not None and data.size else np.zeros(0, np.uint8)
    return held, places
