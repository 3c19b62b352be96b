"""ARFF, the format of Weka, as Moore's sets have it: `@attribute` lines, `@data`, then delimited text; `?` is missing.

Source: "Attribute-Relation File Format", Weka manual; of it, numeric and nominal attributes are read.
"""

import re
from collections.abc import Iterator

from oddflow.capture.stream import ByteStream, Prefixed
from oddflow.datasets.readers.delimited import MOST_COLUMNS, Layout, header_names, stacked, tables
from oddflow.datasets.readers.opening import opened
from oddflow.datasets.readers.piece import Piece, Task
from oddflow.errors import InputError
from oddflow.features.feature import Feature, Scale

MOST_HEADER = 1 << 20
NUMERIC = {"numeric", "real", "integer"}
_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\S+)\s+(\{.*\}|\S+)\s*$", re.IGNORECASE)
IDENTIFIERS = {"server port", "client port"}
"""Attributes of Moore's sets that say who talks, not how."""


def read(task: Task) -> Iterator[Piece]:
    """The rows of a file; the last attribute is the label.

    Raises:
        InputError: It has no header of ARFF, or one of a kind that is not read.
    """
    with opened(task) as stream:
        attributes, rest = _header(stream, task.name)
        names = header_names([name for name, _ in attributes])
        label = names[-1]
        unread = frozenset(name for name in names if name.lower() in IDENTIFIERS)
        features = tuple(
            Feature(name, "", Scale.CATEGORY if kind == "nominal" else Scale.LINEAR, f"{name} {{value}}")
            for name, (_, kind) in zip(names[:-1], attributes[:-1], strict=True)
            if name not in unread
        )
        texts = frozenset(feature.name for feature in features if feature.scale is Scale.CATEGORY) | {label}
        layout = Layout(names, texts, unread)
        for table in tables(rest, task.name, task.ledger, lambda _: (layout, False)):
            x = stacked(table, features, task.words, task.ledger)
            yield Piece(x, features, table.column(label).combine_chunks())


def _header(stream: ByteStream, name: str) -> tuple[list[tuple[str, str]], ByteStream]:
    """The attributes with their kinds, and the stream from the first line of data on."""
    held = b""
    while (found := re.search(rb"(?im)^\s*@data[^\n]*\n", held)) is None:
        piece = stream.read(1 << 16)
        if not piece or len(held) > MOST_HEADER:
            raise InputError(f"{name} has no @data line in its first {len(held):,} bytes; expected an ARFF file")
        held += piece
    attributes = []
    for number, line in enumerate(held[: found.start()].decode("utf-8", "replace").splitlines(), 1):
        if not line.strip().lower().startswith("@attribute"):
            continue
        parts = _ATTRIBUTE.match(line.strip())
        kind = parts[2].lower() if parts else ""
        if parts is None or not (kind in NUMERIC or kind.startswith("{")):
            raise InputError(f"{name}, line {number}: {line.strip()[:60]!r}; expected a numeric or nominal attribute")
        attributes.append((parts[1].strip("'\""), "numeric" if kind in NUMERIC else "nominal"))
    if not 2 <= len(attributes) <= MOST_COLUMNS or attributes[-1][1] != "nominal":
        raise InputError(f"{name} has {len(attributes)} attributes; expected features, and a nominal one as the last")
    # blank lines in place of the header: line numbers stay those of the file
    blank = b"\n" * held[: found.end()].count(b"\n")
    return attributes, Prefixed(blank + held[found.end() :], stream)
