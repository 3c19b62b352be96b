"""Small data sets of our own, for tests."""

from collections import Counter

from oddflow.datasets.collecting import MAX_ROWS, Collector
from oddflow.datasets.description import DataSet
from oddflow.datasets.readers import READERS
from oddflow.datasets.readers.piece import Task, Words
from oddflow.features.representation import Reads
from oddflow.losses import Ledger

PAPER = {"authors": "A", "title": "T", "venue": "V", "year": 2020}


def described(reader, path, *, truth="", labels=("normal",), kind="feature set", name="own", **section):
    """A set of one section; all labels but the first are attacks."""
    files = [{"path": one} for one in (path, truth) if one]
    meanings = [{"name": one, "category": "other" if place else "normal"} for place, one in enumerate(labels)]
    sections = [{"name": "only", "path": path, "truth": truth} | section]
    return DataSet.model_validate(
        {
            "name": name, "title": name, "summary": "", "licence": "own", "url": "https://example.org/", "kind": kind,
            "reader": reader, "paper": PAPER, "files": files, "sections": sections, "labels": meanings,
        }
    )  # fmt: skip


def rows_of(reader, folder, path, *, max_rows=MAX_ROWS, reads=Reads.TABULAR, **known):
    """What a reader makes of a file, with the ledger."""
    one = described(reader, path, **known)
    (section,) = one.sections
    ledger = Ledger() if one.has_flows else Ledger("rows")
    words = Words.of(one)
    truth = folder / section.truth if section.truth else None
    collector = Collector(one.name, max_rows, ledger, one.labels, words)
    task = Task(one, section, folder / path, truth, words, ledger, reads)
    collector.section(section.name, section.part, READERS[one.reader](task))
    return collector.rows()


def classes(rows):
    """How many rows of each class."""
    return Counter(rows.labels[place].name for place in rows.y)
