"""Whether a set's files are those that are known, and hold what they should."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from oddflow.datasets.collecting import Collector
from oddflow.datasets.description import UNKNOWN, DataSet, File, Section
from oddflow.datasets.loading import task_of
from oddflow.datasets.place import is_there, place_of
from oddflow.datasets.readers import READERS
from oddflow.datasets.readers.piece import Words
from oddflow.errors import OddflowError, Unreadable
from oddflow.files import reason_of
from oddflow.losses import Ledger

PIECE_BYTES = 1 << 20
Progress = Callable[[int], None]
"""Told of the bytes read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: A file's path, or a section's name.
        verdict: "right", "wrong", "absent", or "unknown" where nothing is known to compare it with.
        told: What was found, for people.
    """

    what: str
    verdict: str
    told: str


def digest_of(path: Path, progress: Progress | None = None) -> "hashlib._Hash":
    """The SHA-256 of a file's bytes.

    Raises:
        Unreadable: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                if progress:
                    progress(len(piece))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {reason_of(error)}; check the path and its permissions") from None
    return digest


def check_files(known: DataSet, data: Path | None, progress: Progress | None = None) -> Iterator[Finding]:
    """Compares the hash of each file with the one that is known."""
    for file in known.files:
        place = place_of(file, data)
        if place is None or not is_there(file, data):
            is_missed = file.required
            yield Finding(
                file.path, "absent", "not there" if is_missed else "not there; the set can be used without it"
            )
            continue
        yield _compared(file, place, progress)


def _compared(file: File, place: Path, progress: Progress | None) -> Finding:
    found = digest_of(place, progress).hexdigest()
    if file.sha256 == UNKNOWN:
        return Finding(file.path, "unknown", f"sha256 {found}; nobody here has seen the file, so none is known")
    if found != file.sha256:
        size = place.stat().st_size
        more = f"; it has {size:,} bytes, {file.bytes:,} are known" if file.bytes not in (None, size) else ""
        return Finding(file.path, "wrong", f"sha256 {found}, and {file.sha256} is known{more}")
    return Finding(file.path, "right", f"sha256 {found[:12]}…")


def check_sections(known: DataSet, data: Path | None) -> Iterator[Finding]:
    """Reads each section that is there and compares its rows and classes with those that are known."""
    there = {file.path for file in known.files if is_there(file, data)}
    for section in known.sections:
        if {path for path in (section.path, section.truth) if path} <= there:
            yield _counted(known, section, data)


def _counted(known: DataSet, section: Section, data: Path | None) -> Finding:
    ledger = Ledger() if known.has_flows else Ledger("rows")
    words = Words.of(known)
    # one row is kept, all are counted
    collector = Collector(known.name, 1, ledger, known.labels, words)
    try:
        collector.section(
            section.name, section.part, READERS[known.reader](task_of(known, section, data, words, ledger))
        )
    except OddflowError as error:
        return Finding(section.name, "wrong", str(error))
    (counted,) = collector.counted
    lost = f", {ledger.lost_total:,} {ledger.unit} lost" if ledger.lost_total else ""
    classes = "1 class" if len(counted.classes) == 1 else f"{len(counted.classes)} classes"
    told = f"{counted.rows:,} rows, {classes}{lost}"
    if section.rows is None:
        return Finding(section.name, "unknown", f"{told}; how many there should be is not known")
    if counted.rows != section.rows:
        return Finding(section.name, "wrong", f"{told}; {section.rows:,} rows are known")
    if section.classes and dict(counted.classes) != section.classes:
        pairs = (
            f"{name} {counted.classes.get(name, 0):,} ({section.classes.get(name, 0):,} known)"
            for name in sorted({*counted.classes, *section.classes})
            if counted.classes.get(name, 0) != section.classes.get(name, 0)
        )
        return Finding(section.name, "wrong", f"{told}; classes differ: {', '.join(pairs)}")
    by = ", as the literature counts" if known.source == "literature" else ""
    return Finding(section.name, "right", told + by)
