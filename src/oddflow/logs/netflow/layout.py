"""What a template says of its records: which fields they have, and where."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from oddflow.logs.netflow.elements import ELEMENTS, Element, Kind

VARIABLE = 0xFFFF
"""The length that a template gives a field whose length each record tells (RFC 7011 section 3.2)."""

NO_ELEMENT, PART = -1, -2
"""Numbers of options scopes: the whole exporter, whom NetFlow v9 numbers in its own way, and a part of it: an interface
or line card (RFC 3954 section 6.1)."""

Rows = NDArray[Any]


class Field(NamedTuple):
    """A field of a template; `length` in bytes."""

    number: int
    length: int
    enterprise: int = 0


class Run(NamedTuple):
    """Some bytes of fixed length, and the field of variable length that follows, if one does.

    `text` is that field's name where it is wanted, else nothing.
    """

    length: int
    has_variable: bool
    text: str = ""


class Layout:
    """How the records of a template are read.

    Attributes:
        fields: In the order of the record.
        is_options: Whether its records tell of the exporter rather than of flows.
        is_of_part: Whether they tell of a part of it only.
        kinds: The known elements that it has at fixed places, with their kinds.
        texts: The names of those whose length varies.
        size: Bytes of a record; the least where the length varies.
        runs: For records whose length varies.
        dtype: Structured, with the fields of `kinds`; of a record, less what is of variable length.
    """

    def __init__(self, fields: tuple[Field, ...], *, is_options: bool) -> None:
        self.fields = fields
        self.is_options = is_options
        self.is_of_part = any(field.number == PART for field in fields)
        self.kinds: dict[str, Kind] = {}
        self.texts: list[str] = []
        formats: list[Any] = []
        offsets: list[int] = []
        runs: list[Run] = []
        place = run_start = 0
        for field in fields:
            element = ELEMENTS.get((field.enterprise, field.number))
            if field.length == VARIABLE:
                runs.append(Run(place - run_start, has_variable=True, text=self._text(element)))
                run_start = place
                continue
            # the first of several that mean the same holds
            if element and element.kind.fits(field.length) and element.name not in self.kinds:
                self.kinds[element.name] = element.kind
                formats.append(_format(element.kind, field.length))
                offsets.append(place)
            place += field.length
        self.is_variable = bool(runs)
        self.runs = (*runs, Run(place - run_start, has_variable=False))
        self.size = place + len(runs)
        self.fixed_size = place
        self.dtype = np.dtype(
            {"names": list(self.kinds), "formats": formats, "offsets": offsets, "itemsize": max(1, place)}
        )

    def _text(self, element: Element | None) -> str:
        if element is None or element.kind is not Kind.TEXT or element.name in self.texts:
            return ""
        self.texts.append(element.name)
        return element.name

    def __contains__(self, name: str) -> bool:
        """Whether records have a known element, at a fixed place."""
        return name in self.kinds

    def rows(self, data: bytes) -> Rows:
        """Records as a structured array, (n,)."""
        return np.frombuffer(data, self.dtype)

    def numbers(self, rows: Rows, name: str) -> NDArray[np.uint64] | None:
        """A field of whole numbers, (n,); nothing where records have none."""
        if self.kinds.get(name) is not Kind.NUMBER:
            return None
        values = rows[name]
        if values.ndim == 1:
            return values.astype(np.uint64)
        total = np.zeros(len(rows), np.uint64)
        for column in range(values.shape[1]):
            total = total << np.uint64(8) | values[:, column].astype(np.uint64)
        return total


def _format(kind: Kind, length: int) -> Any:
    match kind:
        case Kind.NUMBER:
            return f">u{length}" if length in (1, 2, 4, 8) else (np.uint8, (length,))
        case Kind.IPV4:
            return ">u4"
        case Kind.IPV6:
            return (">u8", (2,))
        case Kind.MAC:
            return (np.uint8, (6,))
        case Kind.NTP_TIME:
            return (">u4", (2,))
        case Kind.TEXT:
            return f"S{length}"


class Gathered(NamedTuple):
    """The records of a set, all of one length.

    Attributes:
        records: How many.
        data: What they have at fixed places, one after the other.
        texts: What varies and is wanted, by name, one for each.
        is_broken: Whether one reached beyond its set; neither it nor what follows is among them.
    """

    records: int
    data: bytes
    texts: dict[str, list[bytes]]
    is_broken: bool


def gather(body: bytes, layout: Layout) -> Gathered:
    """The records of a set, less its padding; where lengths vary, record by record (RFC 7011 section 7)."""
    if not layout.is_variable:
        count = len(body) // layout.size
        return Gathered(count, body[: count * layout.size], {}, is_broken=False)
    fixed: list[bytes] = []
    texts: dict[str, list[bytes]] = {name: [] for name in layout.texts}
    at = count = 0
    while len(body) - at >= layout.size:
        start, whole = at, len(fixed)
        found: dict[str, bytes] = {}
        for run in layout.runs:
            fixed.append(body[at : at + run.length])
            at += run.length
            if run.has_variable:
                length, at = _length(body, at)
                if run.text:
                    found[run.text] = body[at : at + length]
                at += length
        if at > len(body):
            del fixed[whole:]
            return Gathered(count, b"".join(fixed), texts, is_broken=any(body[start:]))
        for name, text in found.items():
            texts[name].append(text)
        count += 1
    return Gathered(count, b"".join(fixed), texts, is_broken=False)


def _length(body: bytes, at: int) -> tuple[int, int]:
    """The length that stands here, in one or three bytes, and the place after it."""
    if at >= len(body):
        return 1, at  # beyond the end: the record is broken
    if body[at] < 255:
        return body[at], at + 1
    return int.from_bytes(body[at + 1 : at + 3], "big"), at + 3
