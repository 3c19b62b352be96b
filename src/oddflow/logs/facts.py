"""What other records say of a flow, kept in bounded memory until the flow itself comes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_FACTS = 131_072
FEW = 4_096
"""Blocks of fewer facts are put together, so that there are never many blocks."""

Integers = NDArray[np.int64]


@dataclass(slots=True)
class _Held:
    facts: pa.Table
    ids: Integers
    waits: NDArray[np.bool_]


class Facts:
    """Facts by the number of their flow.

    Args:
        limit: The most that wait; the oldest are given back.
    """

    def __init__(self, limit: int = MAX_FACTS) -> None:
        self._limit = limit
        self._held: list[_Held] = []

    def add(self, facts: pa.Table) -> pa.Table | None:
        """Takes rows with a column `flow_id`; gives back those that have to go, which no flow came for."""
        if facts.num_rows:
            last = self._held[-1] if self._held else None
            if last is not None and len(last.ids) + facts.num_rows <= min(FEW, self._limit):
                facts = pa.concat_tables([last.facts.filter(pa.array(last.waits)), facts])
                self._held.pop()
            facts = facts.combine_chunks()
            self._held.append(_Held(facts, _ids(facts), np.ones(facts.num_rows, np.bool_)))
        gone = []
        while sum(len(held.ids) for held in self._held) > self._limit:
            gone.append(self._held.pop(0))
        return _waiting(gone)

    def take(self, flow_ids: Integers) -> pa.Table | None:
        """Takes out what is said of these flows, in the order of its arrival."""
        wanted = pa.array(np.unique(flow_ids))
        found = []
        for held in self._held:
            rows = held.waits & pc.is_in(pa.array(held.ids), wanted).to_numpy(zero_copy_only=False)
            if rows.any():
                found.append(held.facts.filter(pa.array(rows)))
                held.waits &= ~rows
        self._held = [held for held in self._held if held.waits.any()]
        return pa.concat_tables(found).combine_chunks() if found else None

    def rest(self) -> pa.Table | None:
        """Takes out all that still waits."""
        gone, self._held = self._held, []
        return _waiting(gone)


def first_of_each(facts: pa.Table, flow_ids: Integers, name: str) -> Any:
    """The first value that facts have in a column for each of n flows, (n,); null where they have none."""
    column = facts.column(name).combine_chunks()
    valued = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    known, places = np.unique(_ids(facts)[valued], return_index=True)
    if not len(known):
        return pa.nulls(len(flow_ids), column.type)
    at = np.minimum(np.searchsorted(known, flow_ids), len(known) - 1)
    return column.take(pa.array(valued[places[at]], mask=known[at] != flow_ids))


def _waiting(held: list[_Held]) -> pa.Table | None:
    tables = [one.facts.filter(pa.array(one.waits)) for one in held]
    return pa.concat_tables(tables).combine_chunks() if tables else None


def _ids(facts: pa.Table) -> Integers:
    ids: Integers = facts.column("flow_id").to_numpy()
    return ids
