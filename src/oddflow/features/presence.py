"""Which of the columns that a representation needs a source knows."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


class Presence:
    """Watches a source's batches: a column counts as known once one of its flows has it.

    Args:
        needed: Columns of the flow table.
    """

    def __init__(self, needed: Sequence[str]) -> None:
        self.needed = tuple(needed)
        self.incomplete = 0
        self._met: set[str] = set()

    def begin(self) -> None:
        """Another source begins."""
        self._met.clear()

    def absent(self, batch: pa.RecordBatch) -> list[str]:
        """The columns that the source was not yet seen to know; flows that lack one of the others are counted."""
        self._met |= {name for name in self.needed if batch.column(name).null_count < batch.num_rows}
        missing = [name for name in self.needed if name not in self._met]
        if not missing:
            self.incomplete += _rows_without(batch, self.needed)
        return missing


def _rows_without(batch: pa.RecordBatch, names: Sequence[str]) -> int:
    # no payload is what a flow without payload has
    partly = [batch.column(name) for name in names if batch.column(name).null_count and name != "payload"]
    if not partly:
        return 0
    without = partly[0].is_null()
    for column in partly[1:]:
        without = pc.or_(without, column.is_null())
    return int(pc.sum(without).as_py())
