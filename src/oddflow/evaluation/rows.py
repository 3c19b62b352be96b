"""Labelled rows in whichever form a detector reads, from data sets and from sources with a ground truth."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets.leaks.repeats import row_hashes
from oddflow.datasets.loading import load, load_labelled, readable
from oddflow.datasets.rows import LabelledRows
from oddflow.errors import UsageError
from oddflow.features.image import PIXELS
from oddflow.features.representation import Reads

Folder = str | PathLike[str]


def of_data_set(
    name: str, data: Folder | None, reads: Reads, *, parts: Sequence[str] = (), repeats: bool = False
) -> LabelledRows:
    """Rows of a data set as a detector reads them; repeated images are left out.

    Args:
        name: What the registry calls it.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        reads: What the detector looks at.
        parts: Official parts, or names of sections, to be read alone; the usual ones unless given.
        repeats: Whether repeated images are kept.

    Raises:
        UsageError: The set has no such rows: it has features of its own, and no flows.
        InputError: A file is missing, or is not what it should be.
    """
    rows = load(name, data, parts=parts, reads=reads)
    if reads is Reads.TABULAR or readable(name).has_flows:
        return rows
    if reads is Reads.IMAGE and rows.x.shape[1] % PIXELS == 0:
        return rows if repeats else without_repeats(rows)
    raise UsageError(f"{name} has features of its own and no {reads}s; `oddflow datasets list` names sets of captures")


def of_sources(sources: Sequence[Folder], truth: Folder, reads: Reads) -> LabelledRows:
    """Rows of captures and logs with a ground truth; flows that it does not hold are normal.

    Raises:
        UsageError: What is read has no ground truth: it speaks of flows, and packets are asked for.
        InputError: A source cannot be read, or the truth is wrong.
    """
    if reads is Reads.PACKETS:
        raise UsageError(
            "a ground truth speaks of flows, and this detector scores packets: learn it and detect with --truth, or "
            "name a --dataset with a label for each packet (modbus)"
        )
    return load_labelled(sources, truth, reads=reads)


def without_repeats(rows: LabelledRows) -> LabelledRows:
    """The first of rows that are the same in all columns; none of those that are the same and of several classes."""
    hashes = row_hashes(rows.x)
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    least, most = np.full(len(first), np.iinfo(np.int16).max), np.full(len(first), -1)
    np.minimum.at(least, which, rows.y)
    np.maximum.at(most, which, rows.y)
    return taken(rows, np.sort(first[least == most]))


def taken(rows: LabelledRows, places: NDArray[np.int64]) -> LabelledRows:
    """Some of the rows, with all that is known of them."""
    return replace(
        rows,
        x=rows.x[places],
        y=rows.y[places],
        part=None if rows.part is None else rows.part[places],
        times_ns=None if rows.times_ns is None else rows.times_ns[places],
        capture=None if rows.capture is None else rows.capture[places],
        ends=None if rows.ends is None else rows.ends.take(places),
    )
