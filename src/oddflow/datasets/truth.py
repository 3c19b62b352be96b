"""Ground truth: which flows are what, from a CSV of times, addresses and ports."""

import csv
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.datasets.spans import NONE, Integers, Spans
from oddflow.errors import InputError, Unreadable
from oddflow.features.columns import integers
from oddflow.files import reason_of
from oddflow.schema import FLOW_SCHEMA, PROTOCOL_NAMES, AttackCategory

KEYS = ("start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "protocol")
COLUMNS = (*KEYS, "what")
NAMES = ("what", "label")
"""Either column says what the flows are."""

ANY = "*"
SLACK_NS = 1_000_000_000
"""A flow is a row's if it starts within the row's span; else if it does, give or take a second."""

MAX_ROWS = 2_000_000
"""About 200 MB. Rows of hours and wildcards say more than one row for each flow."""

NORMAL = frozenset({"benign", "normal", "background", "legitimate"})
"""Labels that are no attack, where no column `category` says what they are."""

NUMBERS = {name: number for number, name in PROTOCOL_NAMES.items()} | {"ipv6-icmp": 58, "icmpv6": 58}
EVER_NS = (1 << 63) - 1 - 10 * SLACK_NS
FIELDS = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol")
_TOLD = 5
CACHED = 65_536
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TruthReport:
    """How the rows of a ground truth and the flows met.

    Attributes:
        rows: Rows of the truth.
        unmatched: Rows that no flow belongs to.
        unmatched_lines: The lines of the first of them.
        disputed: Flows that rows of different labels hold; the first row decided.
        dispute: The first such flow's rows, in words.
    """

    rows: int
    unmatched: int
    unmatched_lines: tuple[int, ...]
    disputed: int
    dispute: str

    def told(self) -> list[str]:
        """What a person should know; nothing where all went well."""
        said = []
        if self.unmatched:
            lines = ", ".join(map(str, self.unmatched_lines)) + (", …" if self.unmatched > _TOLD else "")
            said.append(f"{self.unmatched:,} of {self.rows:,} truth rows match no flow (lines {lines})")
        if self.disputed:
            said.append(f"{self.disputed:,} flows belong to truth rows of different labels; the first: {self.dispute}")
        return said

    def as_dict(self) -> dict[str, int]:
        """The report for JSON."""
        return {"rows": self.rows, "unmatched_rows": self.unmatched, "disputed_flows": self.disputed}


NOTHING_JOINED = TruthReport(0, 0, (), 0, "")


@dataclass(slots=True)
class _Level:
    """Rows that leave the same fields open, as spans: exact ones, and ones with slack."""

    exact: tuple[bool, ...]
    """Which of FIELDS must be equal."""
    tight: Spans
    loose: Spans


@dataclass(slots=True)
class GroundTruth:
    """Names what a flow is. Rows that say more are matched before rows with more wildcards; then the first row counts.

    A row holds for both directions.
    """

    labels: tuple[str, ...] = ()
    categories: Mapping[str, AttackCategory] = field(default_factory=dict)
    disputed: int = 0
    dispute: str = ""
    _lines: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _label: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _hosts: Any = None
    _pairs: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _levels: list[_Level] = field(default_factory=list)

    @classmethod
    def read(cls, path: str) -> "GroundTruth":
        """Reads start, end, src_ip, src_port, dst_ip, dst_port, protocol and what or label; and category, if any.

        `*` stands for any time, address, port or protocol. Times without a zone are UTC.

        Raises:
            Unreadable: The file cannot be read.
            InputError: A row is wrong; which, and how.
        """
        try:
            with Path(path).open(newline="", encoding="utf-8-sig") as file:
                read = _Rows()
                rows = csv.reader(file)
                header = [name.strip() for name in next(rows, [])]
                places, category = _places(header, path)
                for row in rows:
                    where = f"{path}, line {rows.line_num}"
                    if len(row) != len(header):
                        if not row:
                            continue
                        few = "few" if len(row) < len(header) else "many"
                        raise InputError(f"{where}: too {few} fields; expected {', '.join(header)}")
                    fields = [row[place] for place in places]
                    read.add(fields, row[category] if category >= 0 else "", where, rows.line_num)
        except UnicodeDecodeError:
            raise InputError(
                f"the ground truth {path} is no text; expected a CSV with the columns {', '.join(COLUMNS)}"
            ) from None
        except (OSError, csv.Error) as error:
            raise Unreadable(f"the ground truth {path} cannot be read: {reason_of(error)}; check the path") from None
        return read.truth()

    @classmethod
    def of_rules(cls, rules: Iterable[tuple[str, str, str]]) -> "GroundTruth":
        """A truth of hosts at all times: source, target, label; `*` for any."""
        read = _Rows()
        for number, (src, dst, label) in enumerate(rules, 1):
            read.add((ANY, ANY, src, ANY, dst, ANY, ANY, label), "", f"rule {number}", number)
        return read.truth()

    def codes(self, batch: pa.RecordBatch) -> Integers:
        """What each flow is, a place in `labels`, (n,); NONE where no row holds it."""
        count = batch.num_rows
        row, disputed = np.full(count, NONE, np.int64), np.zeros(count, bool)
        if not self._levels or not count:
            return row
        ends = self._ends(batch)
        turned = (ends[2], ends[3], ends[0], ends[1], ends[4])
        moments = integers(batch, "start")
        for level in self._levels:
            # all levels are gone through for all flows: it is told which rows hold none
            for spans in (level.tight, level.loose):
                for way in (ends, turned):
                    self._look_up(level, spans, self._keys(level.exact, way), moments, row, disputed)
        if disputed.any():
            if not self.dispute:
                self.dispute = self._both(batch.slice(int(np.argmax(disputed)), 1))
            self.disputed += int(disputed.sum())
        return np.where(row >= 0, self._label[row], NONE)

    def _look_up(
        self,
        level: _Level,
        spans: Spans,
        keyed: tuple[NDArray[np.uint64], NDArray[np.bool_]],
        moments: Integers,
        row: Integers,
        disputed: NDArray[np.bool_],
    ) -> None:
        """Fills in the rows of flows that have none yet."""
        keys, possible = keyed
        places = np.flatnonzero(possible)
        if not len(places):
            return
        segments = spans.find(keys[places], moments[places])
        # slack alone is no dispute: what follows within a second is told apart by the exact spans
        fresh = (segments >= 0) & (row[places] < 0)
        row[places[fresh]] = spans.row[segments[fresh]]
        if spans is level.tight:
            disputed[places[fresh]] = spans.disputed[segments[fresh]]

    def _ends(self, batch: pa.RecordBatch) -> tuple[Integers, ...]:
        """src, src port, dst, dst port, protocol of each flow: hosts as places from 1, 0 for one of no row."""
        hosts = [
            np.asarray(pc.fill_null(pc.index_in(batch.column(name), value_set=self._hosts), -1)).astype(np.int64) + 1
            for name in ("src_ip", "dst_ip")
        ]
        ports = [integers(batch, name) for name in ("src_port", "dst_port", "protocol")]
        return hosts[0], ports[0], hosts[1], ports[1], ports[2]

    def _keys(
        self, exact: tuple[bool, ...], ends: tuple[Integers, ...]
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """The key of each flow at a level, and whether a row there may hold it."""
        src, src_port, dst, dst_port, protocol = (
            end if is_exact else np.zeros_like(end) for end, is_exact in zip(ends, exact, strict=True)
        )
        possible = ~(((src == 0) & exact[0]) | ((dst == 0) & exact[2]))
        pair = src * (len(self._hosts) + 1) + dst
        place = np.minimum(np.searchsorted(self._pairs, pair), len(self._pairs) - 1)
        possible &= self._pairs[place] == pair
        return _key(place, src_port, dst_port, protocol), possible

    def _both(self, flow: pa.RecordBatch) -> str:
        """The first two rows of different labels that hold a flow, in words."""
        moment = int(integers(flow, "start")[0])
        held: list[int] = []
        ends = self._ends(flow)
        for level in self._levels:
            for way in (ends, (ends[2], ends[3], ends[0], ends[1], ends[4])):
                keys, possible = self._keys(level.exact, way)
                if possible[0]:
                    held += level.tight.holding(int(keys[0]), moment)
        first = min(held)
        other = min((row for row in held if self._label[row] != self._label[first]), default=first)
        return " and ".join(f"line {self._lines[row]} ({self.labels[self._label[row]]})" for row in (first, other))

    def names(self, batch: pa.RecordBatch) -> pa.Array:
        """What each flow is, (n,) strings; null where no row holds it."""
        codes = self.codes(batch)
        return pa.array(self.labels, pa.string()).take(pa.array(codes, mask=codes < 0))

    def labelled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its labels; a flow that no row holds keeps what its source says."""
        place = FLOW_SCHEMA.get_field_index("label")
        return batch.set_column(place, FLOW_SCHEMA.field(place), pc.coalesce(self.names(batch), batch.column("label")))

    def under(self, pseudonym: Callable[[str], str]) -> "GroundTruth":
        """The same truth of hosts under pseudonyms; `pseudonym` gives that of an address."""
        if self._hosts is None:
            return self
        return replace(self, _hosts=pa.array([pseudonym(host) for host in self._hosts.to_pylist()], pa.string()))

    def attacks(self, batch: pa.RecordBatch) -> list[str]:
        """The attack's name for each flow, "" for a benign one."""
        names = np.array(
            [*("" if self.category(name) is AttackCategory.NORMAL else name for name in self.labels), ""], object
        )
        return names[self.codes(batch)].tolist()  # type: ignore[no-any-return]

    def category(self, label: str) -> AttackCategory:
        """What kind a label is, as the truth says; else whether its name is one of normal traffic."""
        is_normal = label.strip().lower() in NORMAL
        return self.categories.get(label, AttackCategory.NORMAL if is_normal else AttackCategory.OTHER)

    def report(self) -> TruthReport:
        """How rows and flows met so far."""
        rows = [spans.matched() for level in self._levels for spans in (level.tight, level.loose)]
        matched = np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int64)
        unmatched = np.setdiff1d(np.arange(len(self._lines)), matched, assume_unique=True)
        lines = tuple(int(line) for line in self._lines[unmatched[:_TOLD]])
        return TruthReport(len(self._lines), len(unmatched), lines, self.disputed, self.dispute)


def _key(pair: Integers, src_port: Integers, dst_port: Integers, protocol: Integers) -> NDArray[np.uint64]:
    """24 bits of the pair of hosts, 16 of each port, 8 of the protocol."""
    parts = (pair.astype(np.uint64) << np.uint64(40), src_port << 24, dst_port << 8, protocol)
    return np.asarray(parts[0] | (parts[1] | parts[2] | parts[3]).astype(np.uint64))


def _places(header: list[str], path: str) -> tuple[list[int], int]:
    """Where KEYS and the label stand in a row, and where the category does, or NONE."""
    missing = [name for name in KEYS if name not in header]
    label = next((name for name in NAMES if name in header), "")
    if missing or not label:
        raise InputError(
            f"the ground truth {path} lacks {', '.join([*missing, *([] if label else ['what'])])} in its first line; "
            f"expected the columns {', '.join(COLUMNS)}"
        )
    category = header.index("category") if "category" in header else NONE
    return [header.index(name) for name in (*KEYS, label)], category


class _Rows:
    """The rows of a truth as they are read."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._lines = array("q")
        self._given: dict[tuple[str, str], int] = {}
        self._hosts: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._categories: dict[str, AttackCategory] = {}

    def add(self, fields: Sequence[str], category: str, where: str, line: int) -> None:
        """Takes KEYS and the label of a row, as text."""
        if len(self._lines) >= MAX_ROWS:
            raise InputError(f"{where}: more than {MAX_ROWS:,} rows; use rows that hold for more flows")
        start, end, src, src_port, dst, dst_port, protocol, label = fields
        try:
            numbers = (
                _nanoseconds(start, -EVER_NS),
                _nanoseconds(end, EVER_NS),
                self._host(src),
                _port(src_port),
                self._host(dst),
                _port(dst_port),
                _protocol(protocol),
                self._label(label, category, where),
            )
        except (ValueError, OverflowError) as error:
            raise InputError(
                f"{where}: {error}; expected ISO 8601 times, addresses, ports and a protocol, or * for any"
            ) from None
        if numbers[1] < numbers[0]:
            raise InputError(f"{where}: it ends at {end}, before it starts at {start}")
        self._numbers.extend(numbers)
        self._lines.append(line)

    def _host(self, text: str) -> int:
        address = _address(text)
        return NONE if address == ANY else self._hosts.setdefault(address, len(self._hosts))

    def _label(self, given: str, category: str, where: str) -> int:
        key = (given, category)
        if key in self._given:
            return self._given[key]
        name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in given).strip()
        if not name:
            raise InputError(f"{where}: it does not say what its flows are")
        if wanted := category.strip().lower():
            if wanted not in set(AttackCategory):
                raise InputError(f"{where}: the category {wanted!r} is none of {', '.join(AttackCategory)}")
            known = self._categories.setdefault(name, AttackCategory(wanted))
            if known != wanted:
                raise InputError(f"{where}: {name} is {wanted} here, and {known} in a row before")
        return self._given.setdefault(key, self._labels.setdefault(name, len(self._labels)))

    def truth(self) -> GroundTruth:
        if not self._lines:
            return GroundTruth()
        table = np.frombuffer(self._numbers, np.int64).reshape(len(self._lines), -1)
        rows = {name: table[:, place] for place, name in enumerate((*KEYS, "label"))}
        # hosts from 1, and 0 where any is meant
        src, dst = rows["src_ip"] + 1, rows["dst_ip"] + 1
        pairs, pair = np.unique(src * (len(self._hosts) + 1) + dst, return_inverse=True)
        key = _key(pair, *(np.maximum(rows[name], 0) for name in ("src_port", "dst_port", "protocol")))
        is_exact = np.stack([rows[name] >= 0 for name in FIELDS], axis=1)
        levels = []
        # fewer wildcards first; of equally many, the one of the initiator's port, which means less, before others
        masks = sorted({tuple(mask) for mask in np.unique(is_exact, axis=0).tolist()}, key=lambda m: (-sum(m), m))
        for mask in masks:
            found = np.flatnonzero((is_exact == mask).all(axis=1))
            starts, stops = rows["start"][found], rows["end"][found] + 1
            tight = Spans.of(found, key[found], starts, stops, rows["label"][found])
            loose = Spans.of(found, key[found], starts - SLACK_NS, stops + SLACK_NS, rows["label"][found])
            levels.append(_Level(mask, tight, loose))
        return GroundTruth(
            labels=tuple(self._labels),
            categories=self._categories,
            _lines=np.array(self._lines, np.int64),
            _label=rows["label"],
            _hosts=pa.array(list(self._hosts), pa.string()),
            _pairs=pairs,
            _levels=levels,
        )


@lru_cache(maxsize=CACHED)
def _address(text: str) -> str:
    """The usual form of an address, as flows have it, or ANY."""
    return ANY if text.strip() == ANY else str(ip_address(text.strip()))


@lru_cache(maxsize=CACHED)
def _port(text: str) -> int:
    if text.strip() == ANY:
        return NONE
    number = int(text)
    if not 0 <= number < 65_536:
        raise ValueError(f"{number} is no port")
    return number


@lru_cache(maxsize=CACHED)
def _protocol(text: str) -> int:
    name = text.strip().lower()
    if name == ANY:
        return NONE
    number = NUMBERS[name] if name in NUMBERS else int(name)
    if not 0 <= number < 256:
        raise ValueError(f"{number} is no protocol")
    return number


def _nanoseconds(text: str, ever: int) -> int:
    if text.strip() == ANY:
        return ever
    time = datetime.fromisoformat(text.strip())
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    # whole numbers: a datetime64 in ns wraps round silently after the year 2262
    since = time.astimezone(UTC) - _BEGIN
    since_ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    return max(-EVER_NS, min(EVER_NS, since_ns))
