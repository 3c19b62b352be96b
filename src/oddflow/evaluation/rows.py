"""Labelled rows in whichever form a detector reads, from data sets and from sources with a ground truth."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike, fspath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.datasets.collecting import MAX_ROWS, Collector
from oddflow.datasets.description import Meaning
from oddflow.datasets.loading import flows, load, load_labelled, readable, sections_there
from oddflow.datasets.readers.flows import labels_in
from oddflow.datasets.readers.piece import ENDS, Piece
from oddflow.datasets.rows import LabelledRows
from oddflow.datasets.truth import GroundTruth
from oddflow.errors import UsageError
from oddflow.features import image, sequence
from oddflow.features.columns import integers
from oddflow.features.context import ContextSettings
from oddflow.features.homes import PRIVATE
from oddflow.features.ordering import in_end_order
from oddflow.features.representation import Reads, Representation
from oddflow.features.scored import scored
from oddflow.features.versions import represented
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

VERSIONS = {Reads.IMAGE: image.VERSION, Reads.SEQUENCE: sequence.VERSION}
"""The representation of what is not tabular."""
NORMAL = "benign"
Folder = str | PathLike[str]


def of_data_set(name: str, data: Folder | None, reads: Reads) -> LabelledRows:
    """Rows of a data set as a detector reads them; repeated images are left out.

    Args:
        name: What the registry calls it.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        reads: What the detector looks at.

    Raises:
        UsageError: The set has no such rows: it has features of its own, and no flows.
        InputError: A file is missing, or is not what it should be.
    """
    known = readable(name)
    if reads is Reads.TABULAR:
        return load(name, data)
    if known.has_flows:
        ledger = Ledger()
        collector = Collector(name, MAX_ROWS, ledger, known.labels)
        for section in sections_there(known, data):
            batches = flows(name, data, parts=[section.name], ledger=ledger)
            collector.section(section.name, section.part, _pieces(batches, _fresh(reads)))
        return collector.rows()
    rows = load(name, data)
    if reads is Reads.IMAGE and rows.x.shape[1] % image.PIXELS == 0:
        return without_repeats(rows)
    raise UsageError(f"{name} has features of its own and no {reads}s; `oddflow datasets list` names sets of captures")


def of_sources(sources: Sequence[Folder], truth: Folder, reads: Reads) -> LabelledRows:
    """Rows of captures and logs with a ground truth; flows that it does not hold are normal.

    Raises:
        InputError: A source cannot be read, or the truth is wrong.
    """
    if reads is Reads.TABULAR:
        return load_labelled(sources, truth)
    known, ledger = GroundTruth.read(fspath(truth)), Ledger()
    meanings = [Meaning(name=name, category=known.category(name)) for name in dict.fromkeys((NORMAL, *known.labels))]
    paths = [fspath(source) for source in sources]
    collector = Collector(", ".join(paths), MAX_ROWS, ledger, meanings)
    for source in paths:
        batches = (labels_in(known.labelled(batch), NORMAL) for batch in read_flows(source, ledger))
        collector.section(source, "", _pieces(batches, _fresh(reads)))
    return collector.rows()


def _fresh(reads: Reads) -> Representation:
    settings = MeterSettings()
    return represented(VERSIONS[reads], homes=PRIVATE, context=ContextSettings(), payload=settings.payload)


def _pieces(batches: Iterator[pa.RecordBatch], representation: Representation) -> Iterator[Piece]:
    """Labelled flows of one source as rows, in the order in which they ended."""
    representation.begin()
    for batch in in_end_order(scored(batches), wait_s=MeterSettings().longest_wait_s):
        yield Piece(
            x=representation.rows(batch),
            features=representation.features,
            labels=pc.fill_null(batch.column("label"), ""),
            times_ns=integers(batch, "end"),
            ends=pa.Table.from_batches([batch.select(list(ENDS))]),
        )


def without_repeats(rows: LabelledRows) -> LabelledRows:
    """The first of rows that are the same in all columns; none of those that are the same and of several classes."""
    _, first, which = np.unique(rows.x, axis=0, return_index=True, return_inverse=True)
    least, most = np.full(len(first), np.iinfo(np.int16).max), np.full(len(first), -1)
    np.minimum.at(least, which, rows.y)
    np.maximum.at(most, which, rows.y)
    return _taken(rows, np.sort(first[least == most]))


def _taken(rows: LabelledRows, places: NDArray[np.int64]) -> LabelledRows:
    return replace(
        rows,
        x=rows.x[places],
        y=rows.y[places],
        part=None if rows.part is None else rows.part[places],
        times_ns=None if rows.times_ns is None else rows.times_ns[places],
        capture=None if rows.capture is None else rows.capture[places],
        ends=None if rows.ends is None else rows.ends.take(places),
    )
