"""Data sets and labelled sources to labelled rows."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from oddflow.capture.capture_set import passes_once
from oddflow.datasets import registry
from oddflow.datasets.collecting import MAX_ROWS, Collector
from oddflow.datasets.description import DataSet, Meaning, Section
from oddflow.datasets.description import Kind as SetKind
from oddflow.datasets.place import folder, is_there, needed_place
from oddflow.datasets.readers import READERS
from oddflow.datasets.readers.flows import (
    labelled_flows,
    labels_in,
    packet_labelled_flows,
    pieces,
    representation_of,
)
from oddflow.datasets.readers.piece import Task, Words
from oddflow.datasets.rows import LabelledRows
from oddflow.datasets.truth import GroundTruth
from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.gathering import MAX_NUMBERS
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads
from oddflow.features.versions import version_that_shows
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

Folder = str | os.PathLike[str]


def load(
    name: str,
    data: Folder | None = None,
    *,
    parts: Sequence[str] = (),
    max_rows: int | None = None,
    ledger: Ledger | None = None,
    reads: Reads = Reads.TABULAR,
) -> LabelledRows:
    """Reads a data set into labelled rows.

    Args:
        name: What the registry calls it.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        parts: Official parts, or names of sections, to be read alone; the usual ones unless given.
        max_rows: The most that are kept, evenly; all are counted. A million unless given, and of bytes and packets
            as many as `learn` takes.
        ledger: Told of all that is lost; it is also `rows.ledger`.
        reads: What of its flows the rows are to show; a set without flows has rows of its own.

    Raises:
        UsageError: No set or part has that name, or the set is not read here.
        InputError: A file is missing, or is not what it should be.
    """
    known = readable(name)
    place = _place(known, data)
    told = ledger if ledger is not None else Ledger()
    if not known.has_flows:
        told.unit = "rows"
    words = Words.of(known)
    collector = Collector(known.name, max_rows or most_rows(reads), told, known.labels, words)
    for section in wanted_sections(known, parts, place):
        task = replace(task_of(known, section, place, words, told), reads=reads)
        collector.section(section.name, section.part, READERS[known.reader](task))
    return collector.rows()


def most_rows(reads: Reads) -> int:
    """Rows that are kept: of bytes and packets no more than a baseline takes, as they are wide."""
    if reads in {Reads.TABULAR, Reads.PACKETS}:
        return MAX_ROWS
    return MAX_NUMBERS // len(representation_of(version_that_shows(reads)).features)


def readable(name: str) -> DataSet:
    """What is known of a set that Oddflow reads; raises UsageError for any other."""
    known = registry.find(name)
    if not known.available:
        raise UsageError(f"{known.title} cannot be read: {known.reason}")
    return known


def flows(
    name: str, data: Folder | None = None, *, parts: Sequence[str] = (), ledger: Ledger | None = None
) -> Iterator[pa.RecordBatch]:
    """The flows of a data set, as batches of the flow schema with their labels.

    Args:
        name, data, parts, ledger: As `load` has them.

    Raises:
        UsageError: It has no flows, or no part has that name.
        InputError: A file is missing, or is not what it should be.
    """
    known = readable(name)
    if not known.has_flows:
        raise UsageError(f"{known.title} has no flows, only features: load it, or name a set of another kind")
    place = _place(known, data)
    told = ledger if ledger is not None else Ledger()
    for section in wanted_sections(known, parts, place):
        task = task_of(known, section, place, Words(), told)
        yield from (packet_labelled_flows if known.kind is SetKind.PACKETS else labelled_flows)(task)


def load_labelled(
    sources: Sequence[Folder],
    truth: Folder | None = None,
    *,
    unmatched: str = "benign",
    portable: bool = False,
    max_rows: int | None = None,
    ledger: Ledger | None = None,
    reads: Reads = Reads.TABULAR,
    payload: Payload = Payload.SESSION,
) -> LabelledRows:
    """Reads captures and logs of any kind into labelled rows.

    Args:
        sources: Captures, logs or flow tables.
        truth: A CSV that says which flows are what; without one the sources' own labels count.
        unmatched: What flows are that neither says anything of.
        portable: Whether only what all sources know becomes features; so it is where one of them knows no more.
        max_rows: As `load` has it.
        ledger: Told of all that is lost, of truth rows without a flow, and of rows that contradict each other.
        reads: What of flows the rows are to show.
        payload: Which bytes of flows are kept.

    Raises:
        InputError: A source cannot be read, or the truth is wrong.
    """
    read = partial(
        _labelled, sources, truth, unmatched, payload=payload, max_rows=max_rows or most_rows(reads), ledger=ledger
    )
    if not portable:
        try:
            return read(version_that_shows(reads))
        except SchemaMismatch:  # a log or an exporter: it is read again
            if reads is not Reads.TABULAR or any(passes_once(os.fspath(source)) for source in sources):
                raise
    return read(version_that_shows(reads, PORTABLE))


def _labelled(
    sources: Sequence[Folder],
    truth: Folder | None,
    unmatched: str,
    version: str,
    *,
    payload: Payload,
    max_rows: int,
    ledger: Ledger | None,
) -> LabelledRows:
    known = GroundTruth.read(os.fspath(truth)) if truth is not None else GroundTruth()
    meanings = [Meaning(name=name, category=known.category(name)) for name in dict.fromkeys((unmatched, *known.labels))]
    told = Ledger()
    names, settings = [os.fspath(source) for source in sources], MeterSettings(payload=payload)
    collector = Collector(", ".join(names), max_rows, told, meanings)
    for source in names:
        flows_of = read_flows(source, told, settings=settings)
        labelled = (labels_in(known.labelled(batch), unmatched) for batch in flows_of)
        collector.section(source, "", pieces(labelled, representation_of(version, payload)))
    for said in known.report().told():
        told.noted(f"{truth}: {said}")
    if ledger is not None:
        ledger.add(told)
    return collector.rows()


def _place(known: DataSet, data: Folder | None) -> Path | None:
    return None if data is None and known.is_shipped else folder(data)


def task_of(known: DataSet, section: Section, place: Path | None, words: Words, ledger: Ledger) -> Task:
    """A section with its files.

    Raises:
        Unreadable: A file is not there.
    """
    truth = needed_place(known, section.truth, place) if section.truth else None
    return Task(known, section, needed_place(known, section.path, place), truth, words, ledger)


def wanted_sections(known: DataSet, parts: Sequence[str], data: Path | None) -> list[Section]:
    """The sections that are asked for; else all but those that are read only on demand, or are not there.

    Raises:
        UsageError: None has that name.
    """
    names = {name for section in known.sections for name in (section.name, section.part) if name}
    unknown = [part for part in parts if part not in names]
    if unknown:
        raise UsageError(f"{known.name} has no part {unknown[0]!r}; it has {', '.join(sorted(names))}")
    there = {file.path for file in known.files if is_there(file, data)}
    if parts:
        asked = [section for section in known.sections if section.name in parts or section.part in parts]
    else:
        asked = [section for section in known.sections if not section.asked]
    return [s for s in asked if not s.optional or s.path in there or s.name in parts] or asked
