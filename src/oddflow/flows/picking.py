"""Flows that have ended, as meters hold them: picked out of several meters' in one order, and not made columns yet."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.flows import _layout as layout
from oddflow.flows._pick_kernels import pick_bytes

OF_ROWS = ("flows", "ways", "lengths", "gaps")
OF_BYTES = ("payload", "reverse", "client", "server")


def first_of(finished: layout.Finished, count: int) -> layout.Finished:
    """The first n flows, in the same memory."""
    held: dict[str, NDArray[Any]] = {name: getattr(finished, name)[:count] for name in OF_ROWS}
    for name in OF_BYTES:
        ends = getattr(finished, f"{name}_ends")[: count + 1]
        held |= {name: getattr(finished, name)[: ends[count]], f"{name}_ends": ends}
    return layout.Finished(**held)


def copied(finished: layout.Finished) -> layout.Finished:
    """The same in memory of its own."""
    return layout.Finished(*(np.array(array) for array in finished))


PARSED = ("client", "client_ends", "server", "server_ends")


def parsable(finished: layout.Finished) -> layout.Finished:
    """The same with first bytes that may be written to, as kernels want them; those of another process may not."""
    return finished._replace(**{name: np.require(getattr(finished, name), requirements="W") for name in PARSED})


def picked(held: Sequence[layout.Finished], rows: NDArray[np.int64]) -> layout.Finished:
    """Some flows out of several meters', in an order.

    Args:
        held: One after another; all of the same settings.
        rows: (n,) the places of the wanted ones among them all.
    """
    count = len(rows)
    made: dict[str, NDArray[Any]] = {
        name: np.empty((count, *getattr(held[0], name).shape[1:]), getattr(held[0], name).dtype) for name in OF_ROWS
    }
    starts = np.cumsum([0, *(len(one.flows) for one in held)])
    owner = np.searchsorted(starts, rows, side="right") - 1
    chosen = [np.flatnonzero(owner == number) for number in range(len(held))]
    within = [rows[places] - start for places, start in zip(chosen, starts[:-1], strict=True)]
    parts = list(zip(held, within, chosen, strict=True))
    for name in OF_ROWS:
        for one, its_rows, places in parts:
            made[name][places] = getattr(one, name)[its_rows]
    for name in OF_BYTES:
        sizes = np.zeros(count + 1, np.int32)
        for one, its_rows, places in parts:
            sizes[places + 1] = np.diff(getattr(one, f"{name}_ends"))[its_rows]
        ends = np.cumsum(sizes, dtype=np.int32)
        data = np.empty(ends[-1], np.uint8)
        for one, its_rows, places in parts:
            pick_bytes(getattr(one, name), getattr(one, f"{name}_ends"), its_rows, places, data, ends)
        made |= {name: data, f"{name}_ends": ends}
    return layout.Finished(**made)
