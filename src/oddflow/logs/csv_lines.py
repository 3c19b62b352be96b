"""Lines of delimited text to columns of strings; a line that does not fit is lost alone, with its number."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from oddflow.logs.line_texts import bytes_of
from oddflow.losses import Ledger, Loss

Integers = NDArray[np.int64]
DELIMITERS = (",", "\t", ";", "|")


def header_of(line: str) -> tuple[list[str], str]:
    """The names in a header line, without blanks and quotes around them, and the delimiter that makes most of them.

    >>> header_of("start;src_ip;dst_ip")
    (['start', 'src_ip', 'dst_ip'], ';')
    """
    delimiter = max(DELIMITERS, key=line.count)
    return [name.strip().strip('"').strip() for name in line.strip("\r\n").split(delimiter)], delimiter


class CsvLines:
    """Reads the lines below a header.

    Args:
        names: The columns of the file, in their order.
        wanted: Those to be read; each stands once among the names.
        delimiter: Between two fields.
        name: What messages call the source.
        ledger: Told of the lines that are lost.
    """

    def __init__(self, names: list[str], wanted: list[str], *, delimiter: str, name: str, ledger: Ledger) -> None:
        places = [str(names.index(one)) for one in wanted]
        self._wanted = wanted
        self._width = len(names)
        self._reads_last = names[-1] in wanted
        self._delimiter = delimiter
        self._columns = [str(place) for place in range(len(names))]
        self._convert = pa_csv.ConvertOptions(
            include_columns=places,
            column_types=dict.fromkeys(places, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        )
        self._name = name
        self._ledger = ledger

    def read(self, texts: Any, lines: Integers, *, is_cut: bool = False) -> tuple[pa.Table, Integers]:
        """A table of strings, null where a field is empty, and the line of each row.

        Args:
            texts: Lines with their ends, (n,) strings.
            lines: Their numbers, (n,).
            is_cut: Whether the file ends in the last of them, without a line end: part of its last field may be
                missing, so it is lost where that field is read and does not end in a quotation mark.
        """
        if is_cut and len(lines) and self._reads_last and not texts[-1].as_py().endswith('"\n'):
            why = "a last line without its end: it may be cut"
            self._ledger.lost(Loss.RECORD, 1, why, at=f"{self._name}, line {lines[-1]}")
            texts, lines = texts.slice(0, len(lines) - 1), lines[:-1]
        pieces = list(self._read(texts, lines)) if len(lines) else []
        if not pieces:
            return pa.table({name: pa.array([], pa.string()) for name in self._wanted}), lines[:0]
        table = pa.concat_tables([part for part, _ in pieces]).combine_chunks()
        return table.rename_columns(self._wanted), np.concatenate([part for _, part in pieces])

    def _read(self, texts: Any, lines: Integers) -> list[tuple[pa.Table, Integers]]:
        short: dict[int, int] = {}
        try:
            table = self._together(texts, short)
        except pa.ArrowInvalid:
            table = None
        if table is not None and table.num_rows + len(short) == len(lines):
            for row, fields in short.items():
                why = f"{fields} fields where {self._width} were expected"
                self._ledger.lost(Loss.RECORD, 1, why, at=f"{self._name}, line {lines[row]}")
            kept = np.ones(len(lines), np.bool_)
            kept[list(short)] = False
            return [(table, lines[kept])]
        if len(lines) == 1:
            why = "quotation marks or line ends within a field"
            self._ledger.lost(Loss.RECORD, 1, why, at=f"{self._name}, line {lines[0]}")
            return []
        half = len(lines) // 2
        return self._read(texts.slice(0, half), lines[:half]) + self._read(texts.slice(half), lines[half:])

    def _together(self, texts: Any, short: dict[int, int]) -> pa.Table:
        """All lines at once; `short` is told the row, from 0, of lines that have too many or too few fields."""

        def skip(row: Any) -> str:
            short[row.number - 1] = row.actual_columns
            return "skip"

        data, _ = bytes_of(texts)
        return pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(column_names=self._columns, use_threads=False, block_size=data.size + 1),
            pa_csv.ParseOptions(delimiter=self._delimiter, invalid_row_handler=skip, ignore_empty_lines=False),
            self._convert,
        )
