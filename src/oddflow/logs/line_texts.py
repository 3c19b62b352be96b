"""The lines of a block as an Arrow column of texts, and back as bytes, without a copy of each."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.logs.lines import Block
from oddflow.logs.texts import as_utf8
from oddflow.losses import Ledger

Integers = NDArray[np.int64]


class LineTexts:
    """Makes the lines of blocks texts.

    Args:
        name: What messages call the source.
        ledger: Told, once, of bytes that are no UTF-8.
    """

    def __init__(self, name: str, ledger: Ledger) -> None:
        self._name = name
        self._ledger = ledger
        self._told = False

    def of(self, block: Block) -> tuple[Any, Integers]:
        """The lines that are not empty, with their ends, as UTF-8 strings (n,), and their numbers, (n,)."""
        data, odd = as_utf8(block.data)
        if odd is not None and not self._told:
            line = block.first_line + block.data.count(b"\n", 0, odd)
            self._ledger.noted(f"{self._name}, line {line}: bytes that are no UTF-8 were taken as Latin-1")
            self._told = True
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        if not data.endswith(b"\n"):
            data += b"\n"
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
        lines = np.arange(block.first_line, block.first_line + len(ends))
        filled = np.diff(offsets) > 1
        return (texts, lines) if filled.all() else (texts.filter(pa.array(filled)), lines[filled])


def bytes_of(texts: Any) -> tuple[pa.Buffer, Integers]:
    """The bytes of a column of n texts, one after the other, and where each begins, and the last ends: (n + 1,)."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return data[ends[0] : ends[-1]], ends - ends[0]
