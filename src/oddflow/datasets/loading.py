"""Data sets and labelled sources to labelled rows."""

import os
from collections.abc import Sequence
from pathlib import Path

from oddflow.datasets import registry
from oddflow.datasets.collecting import MAX_ROWS, Collector
from oddflow.datasets.description import DataSet, Section
from oddflow.datasets.place import folder, is_there, needed_place
from oddflow.datasets.readers import READERS
from oddflow.datasets.readers.piece import Task, Words
from oddflow.datasets.rows import LabelledRows
from oddflow.errors import UsageError
from oddflow.losses import Ledger

Folder = str | os.PathLike[str]


def load(
    name: str,
    data: Folder | None = None,
    *,
    parts: Sequence[str] = (),
    max_rows: int = MAX_ROWS,
    ledger: Ledger | None = None,
) -> LabelledRows:
    """Reads a data set into labelled rows.

    Args:
        name: What the registry calls it.
        data: The folder of all data sets; the one that ODDFLOW_DATA names unless given.
        parts: Official parts, or names of sections, to be read alone; the usual ones unless given.
        max_rows: The most that are kept, evenly; all are counted.
        ledger: Told of all that is lost; it is also `rows.ledger`.

    Raises:
        UsageError: No set or part has that name, or the set is not read here.
        InputError: A file is missing, or is not what it should be.
    """
    known = registry.find(name)
    if not known.available:
        raise UsageError(f"{known.title} cannot be read: {known.reason}")
    place = _place(known, data)
    told = ledger if ledger is not None else Ledger()
    told.unit = "rows"
    words = Words.of(known)
    collector = Collector(known.name, max_rows, told, known.labels, words)
    for section in wanted_sections(known, parts, place):
        task = task_of(known, section, place, words, told)
        collector.section(section.name, section.part, READERS[known.reader](task))
    return collector.rows()


def _place(known: DataSet, data: Folder | None) -> Path | None:
    return None if data is None and all(file.shipped for file in known.files) else folder(data)


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
