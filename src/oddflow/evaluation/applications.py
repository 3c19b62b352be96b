"""Flows of captures by the application that their first bytes name: what a detector that sees no payload is to tell."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddflow.datasets.collecting import Collector
from oddflow.datasets.description import Meaning
from oddflow.datasets.loading import most_rows
from oddflow.datasets.place import folder as folder_of
from oddflow.datasets.readers.flows import LABEL, pieces, representation_of
from oddflow.datasets.readers.piece import Piece
from oddflow.datasets.rows import LabelledRows
from oddflow.errors import InputError, UsageError
from oddflow.evaluation.rows import Folder
from oddflow.features.representation import Reads
from oddflow.features.versions import version_that_shows
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA, AttackCategory


def of_applications(
    captures: Sequence[str], applications: Sequence[str], data: Folder | None, reads: Reads
) -> LabelledRows:
    """Flows of these applications, each a class, none of them an attack; other flows are left out.

    Args:
        captures: Folders of captures, or captures, in the folder of all data sets.
        applications: Names of `app_by_signature`.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        reads: What of flows the rows are to show.

    Raises:
        UsageError: None of the captures holds such a flow.
        InputError: There is no such folder.
    """
    place = folder_of(data)
    meanings = [Meaning(name=name, category=AttackCategory.NORMAL) for name in applications]
    collector = Collector(", ".join(captures), most_rows(reads), Ledger(), meanings)
    for path in _files(place, captures):
        try:
            found = list(_flows_of(path, applications, reads))
        except InputError:  # what is in such folders to be refused is refused
            continue
        if sum(len(piece.x) for piece in found):
            collector.section(path.relative_to(place).as_posix(), "", found)
    if not collector.counted:
        raise UsageError(f"no capture of {', '.join(captures)} holds a flow of {', '.join(applications)}")
    return collector.rows()


def _files(place: Path, captures: Sequence[str]) -> list[Path]:
    found = [path for name in captures for path in [place / name, *sorted((place / name).rglob("*"))]]
    return [path for path in found if path.is_file()]


def _flows_of(path: Path, applications: Sequence[str], reads: Reads) -> Iterator[Piece]:
    representation = representation_of(version_that_shows(reads))
    for piece in pieces(_named(read_flows(str(path), Ledger())), representation):
        is_wanted = np.asarray(pc.is_in(piece.labels, pa.array(applications)))
        yield replace(
            piece,
            x=piece.x[is_wanted],
            labels=piece.labels.filter(pa.array(is_wanted)),
            times_ns=None if piece.times_ns is None else piece.times_ns[is_wanted],
            ends=None if piece.ends is None else piece.ends.filter(pa.array(is_wanted)),
        )


def _named(flows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Flows whose label is what their first bytes say they are."""
    label = FLOW_SCHEMA.field(LABEL)
    for batch in flows:
        yield batch.set_column(LABEL, label, batch.column("app_by_signature").cast(pa.string()).cast(label.type))
