"""The open flows of a meter as plain arrays, so that another meter, elsewhere, goes on where it stopped."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.errors import InputError
from oddflow.flows import _layout as layout
from oddflow.flows._bytes_kernels import CHUNK_BYTES
from oddflow.flows._carry_kernels import put_rows, rows_of

State = dict[str, NDArray[Any]]
"""Arrays by name; `numpy.savez` keeps them, and `numpy.load` reads them without pickle."""

LISTS = (layout.OPEN_HEAD, layout.CLOSED_HEAD, layout.DATAGRAM_HEAD)
HELD = ("flows", "ways", "lengths", "gaps", "payload", "directions")
COUNTERS = (layout.WATERMARK, layout.EVICTED, layout.NEXT_CHECK, layout.UNKEPT, layout.LATEST)
"""Of the meter's own counters, those that go on."""


def taken_out(rows: layout.Rows, seed: int, unparsed: Mapping[str, int]) -> State:
    """All that goes on of a meter whose finished flows were handed out.

    Args:
        rows: Its rows.
        seed: Of its hashes.
        unparsed: What it could not read of first bytes.
    """
    order = np.empty(len(rows.free), np.int32)
    ends, count = [], 0
    for head in LISTS:
        count = rows_of(rows.links, int(rows.meter[head]), order, count)
        ends.append(count)
    order = order[:count]
    used = np.setdiff1d(
        np.arange(len(rows.chunk_free), dtype=np.int32), rows.chunk_free[: int(rows.meter[layout.CHUNKS_FREE])]
    )
    state: State = {name: getattr(rows, name)[order] for name in HELD}
    state["ways"]["chunk"] = _renamed(state["ways"]["chunk"], used)
    state["chunk_next"] = _renamed(rows.chunk_next[used], used)
    state["chunks"] = rows.chunks[used]
    state["lists"] = np.array(ends, np.int64)
    state["counters"] = rows.meter[list(COUNTERS)]
    state["seed"] = np.array([seed], np.uint64)
    state["unparsed"] = np.frombuffer(json.dumps(dict(unparsed)).encode(), np.uint8)
    return state


def _renamed(chunks: NDArray[np.int32], used: NDArray[np.int32]) -> NDArray[np.int32]:
    """Numbers of chunks as their places among those that are used; NONE stays."""
    if not len(used):
        return np.full_like(chunks, layout.NONE)
    return np.where(chunks == layout.NONE, layout.NONE, np.searchsorted(used, chunks)).astype(np.int32)


def put_in(rows: layout.Rows, state: State) -> tuple[int, Counter[str]]:
    """Puts what `taken_out` gave into the rows of a new meter; the seed, and what could not be read.

    Raises:
        InputError: It is no such state, or of a meter with other settings.
    """
    _check(rows, state)
    count, chunks = len(state["flows"]), len(state["chunks"])
    for name in HELD:
        getattr(rows, name)[:count] = state[name]
    rows.chunks[:chunks] = state["chunks"]
    rows.chunk_next[:chunks] = state["chunk_next"]
    meter = rows.meter
    meter[list(COUNTERS)] = state["counters"]
    for free, left, counter in ((rows.free, count, layout.FREE_COUNT), (rows.chunk_free, chunks, layout.CHUNKS_FREE)):
        meter[counter] = len(free) - left
        free[: len(free) - left] = np.arange(len(free) - 1, left - 1, -1)
    first = 0
    for head, end in zip(LISTS, state["lists"].tolist(), strict=True):
        if end > first:
            rows.links[first:end, 0] = np.arange(first - 1, end - 1)
            rows.links[first:end, 1] = np.arange(first + 1, end + 1)
            rows.links[first, 0] = rows.links[end - 1, 1] = layout.NONE
            meter[head], meter[head + 1] = first, end - 1
        first = end
    put_rows(rows.slots, rows.flows, count)
    return int(state["seed"][0]), Counter(json.loads(state["unparsed"].tobytes()))


def _check(rows: layout.Rows, state: State) -> None:
    try:
        count, chunks = len(state["flows"]), len(state["chunks"])
        fits = all(
            state[name].dtype == getattr(rows, name).dtype
            and state[name].shape == (count, *getattr(rows, name).shape[1:])
            for name in HELD
        )
        ends = state["lists"]
        fits &= count <= len(rows.free) and chunks <= len(rows.chunk_free)
        fits &= state["chunks"].shape == (chunks, CHUNK_BYTES) and state["chunks"].dtype == np.uint8
        fits &= state["chunk_next"].shape == (chunks,)
        fits &= state["counters"].shape == (len(COUNTERS),) and state["seed"].shape == (1,)
        fits &= ends.shape == (3,) and bool((np.diff([0, *ends.tolist(), count]) >= 0).all()) and ends[2] == count
        following = state["chunk_next"].astype(np.int64)
        fits &= bool(((following >= layout.NONE) & (following < chunks)).all())
        heads = state["ways"]["chunk"].astype(np.int64)
        fits &= bool(((heads >= layout.NONE) & (heads < chunks)).all())
        fits &= isinstance(json.loads(state["unparsed"].tobytes()), dict)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        fits = False
    if not fits:
        raise InputError("the open flows that were kept do not fit these settings, or are damaged; begin anew")
