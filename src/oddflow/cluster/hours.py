"""Flows on disk by the hour in which they ended, as the service stores them (see `logs/parts.py`)."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.cluster.manifest import Part
from oddflow.cluster.place import Place
from oddflow.logs.parts import HOUR_NS, hour_name, part_name
from oddflow.logs.table import TableWriter

MOST_HOURS = 256
"""Hours that one part may be shared out to; of more, a clock tells nothing, and the part stays whole, at the top."""

FLUSH_ROWS = 131_072
FLUSH_BYTES = 64 << 20
"""What is held back until a part is worth a file."""

FIRST_NUMBER = 10**17
OF_SOURCE, OF_GENERATION, OF_WAVE = 10**12, 10**11, 10**5
TAIL = OF_WAVE // 2
"""How a part's number is made, so that parts of an hour stand in the order of their sources, and of time in each. What
the end of input ended comes last in its wave."""


@dataclass(frozen=True, slots=True)
class Written:
    """How tables are written.

    Attributes:
        place: Where.
        statistics: Whether those of CICFlowMeter are added.
        pseudonyms: The fingerprint of the key under whose pseudonyms the flows are; "" for none.
    """

    place: Place
    statistics: bool = False
    pseudonyms: str = ""


def number_of(source: int, generation: int, wave: int) -> int:
    """The number of a wave's first part: the source's place, how often it was begun anew, and the wave's place.

    >>> number_of(0, 0, 2), number_of(3, 1, 0)
    (100000000000200000, 100003100000000000)
    """
    return FIRST_NUMBER + source * OF_SOURCE + generation % 10 * OF_GENERATION + wave * OF_WAVE


def write_hours(table: pa.Table, how: Written, number: int) -> list[Part]:
    """Writes flows, in their order, each to the part of its hour.

    Raises:
        OutputError: They cannot be written.
    """
    hours = pc.cast(table["end"], pa.int64()).to_numpy() // HOUR_NS
    different = np.unique(hours).tolist()
    if len(different) == 1:
        return [_write(table, how, f"{hour_name(different[0])}/", number)]
    if len(different) > MOST_HOURS:
        return [_write(table, how, "", number)]
    return [_write(table.filter(pa.array(hours == hour)), how, f"{hour_name(hour)}/", number) for hour in different]


def _write(rows: pa.Table, how: Written, folder: str, number: int) -> Part:
    name = folder + part_name(number)
    sink = io.BytesIO()
    with TableWriter(name, sink, statistics=how.statistics, pseudonyms=how.pseudonyms) as writer:
        for batch in rows.combine_chunks().to_batches():
            writer.write(batch)
    content = sink.getvalue()
    how.place.put(name, content)
    return Part(name=name, rows=rows.num_rows, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


@dataclass(slots=True)
class HourWriter:
    """Gathers flows until they are worth a file.

    Attributes:
        how: How they are written.
        number: Of the next part.
        parts: What was written.
    """

    how: Written
    number: int
    parts: list[Part] = field(default_factory=list)
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    def add(self, flows: pa.RecordBatch) -> None:
        """Takes flows in their order."""
        self._held.append(flows)
        self._rows += flows.num_rows
        self._bytes += flows.nbytes
        if self._rows >= FLUSH_ROWS or self._bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what is held."""
        if self._held:
            self.parts += write_hours(pa.Table.from_batches(self._held), self.how, self.number)
            self.number += 1
            self._held, self._rows, self._bytes = [], 0, 0
