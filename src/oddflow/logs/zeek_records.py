"""Zeek's logs to columns of values, whatever they are written as: tables with headers, JSON, or both in one file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream
from oddflow.errors import InputError
from oddflow.logs import zeek_tsv
from oddflow.logs.lines import BLOCK_BYTES, Block, blocks_of
from oddflow.logs.sieve import Sieve
from oddflow.logs.texts import as_utf8
from oddflow.logs.zeek_fields import Field, typed
from oddflow.logs.zeek_header import Layout
from oddflow.logs.zeek_json import JsonLines, are_objects
from oddflow.losses import Ledger, Loss

CUT = "the log ends in the middle of this line"
MOST_LAYOUTS = 256
"""Different headers in one log; each is read apart, which takes time."""

_MARKS = (b"#", b"{", b" ", b"\t")
"""How a line may begin that is no line of values: a header, or an object, blanks before it or not."""


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of a log.

    Attributes:
        columns: By field name, (n,) each, as `typed` gives them.
        lines: The line of each, (n,).
        is_escaped: Whether texts are escaped as in Zeek's tables.
    """

    columns: dict[str, Any]
    lines: NDArray[np.int64]
    is_escaped: bool


class ZeekLog:
    """Reads one log.

    Args:
        fields: Which are wanted.
        name: What messages call it.
        ledger: Told of each line that cannot be used.
        needed: Names of fields without which a header is refused.
        path: What `#path` must say, where it says anything.
    """

    def __init__(
        self, fields: tuple[Field, ...], name: str, ledger: Ledger, *, needed: tuple[str, ...] = (), path: str = ""
    ) -> None:
        self._fields = fields
        self._name = name
        self._ledger = ledger
        self._needed = needed
        self._path = path
        self._layout = Layout()
        self._layouts: set[Layout] = set()
        self._refused = ""
        self._json = JsonLines(fields, name, ledger)
        self._has_header = self._has_any = False

    def read(self, stream: ByteStream, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Records | None]:
        """The records, block by block; None where a stream that grows has nothing new.

        Raises:
            InputError: The first header lacks what is needed, or is that of another log.
        """
        for block in blocks_of(stream, self._name, self._ledger, block_bytes=block_bytes):
            if not block.data:
                yield None
                continue
            yield from self._of_block(block)

    def _of_block(self, block: Block) -> Iterator[Records]:
        data, odd = as_utf8(block.data)
        if odd is not None:
            line = block.first_line + block.data.count(b"\n", 0, odd)
            self._ledger.noted(f"{self._name}, line {line}: bytes that are no UTF-8 were taken as Latin-1")
        numbers = block.first_line + np.arange(block.lines)
        if block.is_cut:
            data, numbers = self._without_cut(data, numbers)
        if not len(numbers):
            return
        if self._layout.names and not _is_marked(data):
            yield from self._of_lines(data, numbers, self._layout, self._refused)
        elif are_objects(data):
            yield from self._of_objects(data, numbers)
        else:
            yield from self._of_mixed(data, numbers)

    def _without_cut(self, data: bytes, numbers: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64]]:
        """The lines without a last one that has no end, unless nothing is missing from it."""
        start = data.rfind(b"\n") + 1
        last = data[start:].strip(b" \r\n")
        if not last.strip() or last.startswith(b"#"):
            return data + b"\n", numbers
        if (
            last.endswith(b"}")
            if last.startswith(b"{")
            else zeek_tsv.is_whole(last, self._layout_at_end(data), self._fields)
        ):
            return data + b"\n", numbers
        self._ledger.lost(Loss.RECORD, 1, CUT, at=f"{self._name}, line {numbers[-1]}")
        return data[:start], numbers[:-1]

    def _layout_at_end(self, data: bytes) -> Layout:
        """What holds for the last line, where headers may stand before it."""
        layout = self._layout
        for header in re.findall(rb"^[ \t]*(#.*)$", data, re.MULTILINE):
            layout = layout.after(header.decode().rstrip("\r"), self._name)
        return layout

    def _of_mixed(self, data: bytes, numbers: NDArray[np.int64]) -> Iterator[Records]:
        """Lines of several kinds: those of a kind are read together."""
        objects: list[tuple[bytes, int]] = []
        values: dict[tuple[Layout, str], list[tuple[bytes, int]]] = {}
        for line, number in zip(data.split(b"\n"), numbers.tolist(), strict=False):
            bare = line.lstrip(b" \t")
            if bare.startswith(b"#"):
                self._follow(bare.decode().rstrip("\r"), number)
            elif bare.startswith(b"{"):
                objects.append((bare, number))
            elif line.strip():
                values.setdefault((self._layout, self._refused), []).append((line, number))
        for (layout, refused), lines in values.items():
            yield from self._of_lines(*_together(lines), layout, refused)
        if objects:
            yield from self._of_objects(*_together(objects))

    def _follow(self, header: str, number: int) -> None:
        """Takes a header in; what is wrong with the first ends the reading, with a later one costs the lines below."""
        where = f"{self._name}, line {number}"
        is_first = not (self._has_header or self._has_any)
        try:
            self._layout = self._layout.after(header, where)
        except InputError as error:
            if is_first:
                raise
            self._refused = str(error)
            return
        if header.startswith("#fields"):
            self._layouts.add(self._layout)
            self._refused = self._wrong_with(self._layout)
            if self._refused and is_first:
                raise InputError(f"{where}: {self._refused}")
            self._has_header = True

    def _wrong_with(self, layout: Layout) -> str:
        """Why nothing can be read below a header; empty where all is well."""
        if self._path and layout.path and layout.path.split("_")[0] != self._path:
            return f"this is Zeek's {layout.path}.log, which holds no flows; name the {self._path}.log beside it"
        if len(self._layouts) > MOST_LAYOUTS:
            self._layouts.discard(layout)
            return f"more than {MOST_LAYOUTS} different headers in one log"
        wanted = {known for field in self._fields for known in (field.name, *field.also)}
        twice = next((name for name in layout.fields if name in wanted and layout.fields.count(name) > 1), None)
        if twice:
            return f"the header has {twice} more than once; which one is meant?"
        absent = [name for name in self._needed if name not in layout.fields]
        return f"the header lacks {', '.join(absent)}; without them nothing can be read" if absent else ""

    def _of_lines(self, data: bytes, numbers: NDArray[np.int64], layout: Layout, refused: str) -> Iterator[Records]:
        if not layout.names or refused:
            why = refused or "values before any header that names them"
            self._ledger.lost(Loss.RECORD, len(numbers), why, at=f"{self._name}, line {numbers[0]}")
            return
        columns, rows = zeek_tsv.read_lines(data, numbers, layout, self._fields, self._name, self._ledger)
        yield from self._typed(columns, rows, of_text=True)

    def _of_objects(self, data: bytes, numbers: NDArray[np.int64]) -> Iterator[Records]:
        columns, rows = self._json.read(data, numbers)
        yield from self._typed(columns, rows, of_text=False)

    def _typed(self, columns: dict[str, Any], rows: NDArray[np.int64], *, of_text: bool) -> Iterator[Records]:
        if len(rows):
            found, lines = typed(columns, self._fields, Sieve(rows, self._name, self._ledger), of_text=of_text)
            self._has_any = True
            yield Records(found, lines, of_text)


def _is_marked(data: bytes) -> bool:
    """Whether a line may begin so; a look for one character is many times faster than one for a line's begin."""
    if b"#" not in data and b"{" not in data:
        return False
    return data.startswith(_MARKS) or any(b"\n" + mark in data for mark in _MARKS)


def _together(lines: list[tuple[bytes, int]]) -> tuple[bytes, NDArray[np.int64]]:
    return b"".join(line + b"\n" for line, _ in lines), np.array([number for _, number in lines], np.int64)
