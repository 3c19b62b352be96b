"""Datagrams of many exporters to records."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from oddflow.logs.netflow.domain import Domain
from oddflow.logs.netflow.header import V5, V9, Header, Malformed, Set, read_header, read_sets
from oddflow.logs.netflow.holding import LONGEST_S, Held, Holding, Room
from oddflow.logs.netflow.layout import Field, Layout, gather
from oddflow.logs.netflow.options import tells
from oddflow.logs.netflow.records import Context, Pending, read_records
from oddflow.logs.netflow.sequence import Message
from oddflow.logs.netflow.templates import (
    FIRST_DATA_SET,
    OPTIONS_TEMPLATES,
    TEMPLATES,
    Budget,
    read_templates,
)
from oddflow.losses import Ledger, Loss

MOST_DOMAINS = 1_024
MOST_PENDING = 8_192
"""Records that are read together."""
NEW_MESSAGES = 3
NEW_SILENT_S, SILENT_S = 10.0, 600.0
"""Where there are too many domains, those are forgotten that fell silent: a new one soon, an old one late."""
SWEEP_S = 1.0

V5_FIELDS = tuple(
    Field(number, length)
    for number, length in (
        (8, 4), (12, 4), (15, 4), (10, 2), (14, 2), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2), (210, 1),
        (6, 1), (4, 1), (5, 1), (16, 2), (17, 2), (9, 1), (13, 1), (210, 2),
    )
)  # fmt: skip
"""A NetFlow v5 record, as a template would have it; source: Cisco, "NetFlow Export Datagram Format", table B-4."""

OF_PART = "an exporter told how single interfaces are sampled, which is not applied: their counters are as exported"
UNCOUNTED = "a message, or a set of records, whose records cannot be counted, counts as one"
REDEFINED = "an exporter gave a template's number another meaning; records were read by what held when they came"
RESTARTED = "an exporter began anew; what was lost meanwhile is not known"


class _Received(NamedTuple):
    """A message that is being read: its header, whose it is, the port that sent it, and when it came."""

    header: Header
    domain: Domain
    port: int
    now_s: float

    @property
    def context(self) -> Context:
        """What it says of its records; options in it may change that."""
        return self.domain.context(self.header, self.port)


class _Counted(NamedTuple):
    """How many records a set has, of flows and of options; nothing where that is not known."""

    items: int | None = 0
    options: int = 0


def _numbered(header: Header, counted: list[_Counted]) -> Message | None:
    """A message as its sequence sees it: NetFlow v9 counts messages, the others records."""
    if header.version == V9:
        return Message(header.sequence, 1)
    items = [counts.items for counts in counted if counts.items is not None]
    if len(items) < len(counted):
        return None
    return Message(header.sequence, sum(items), sum(counts.options for counts in counted))


class Collector:
    """Reads messages; bounded in exporters, templates, and what waits.

    Args:
        ledger: Told of all that cannot be used.
        most_domains: Of how many exporters' domains messages are read.
        most_pending: How many records are read together.

    Attributes:
        records_read: How many records came so far, of flows or not.
    """

    def __init__(self, ledger: Ledger, *, most_domains: int = MOST_DOMAINS, most_pending: int = MOST_PENDING) -> None:
        ledger.unit = "records"
        self._ledger = ledger
        self._most_domains = most_domains
        self.most_pending = most_pending
        self._budget = Budget()
        self._room = Room()
        self._domains: dict[tuple[str, int, int], Domain] = {}
        self._swept_s = float("-inf")
        self._v5 = Layout(V5_FIELDS, is_options=False)
        self._pending: dict[Layout, Pending] = {}
        self._pending_records = 0
        self._read: list[pa.RecordBatch] = []
        self._read_rows = 0
        self.records_read = 0

    @property
    def waiting(self) -> int:
        """Records that have not been asked for yet."""
        return self._pending_records + self._read_rows

    @property
    def domains(self) -> int:
        """How many domains of exporters are known."""
        return len(self._domains)

    def take(self, data: bytes, sender: tuple[str, int], now_s: float) -> None:
        """Takes a datagram.

        Args:
            data: The message.
            sender: Address and port.
            now_s: A clock that never goes back.
        """
        try:
            header = read_header(data)
            sets = [] if header.version == V5 else read_sets(data, header)
        except Malformed as error:
            self._lose_message(str(error), sender[0])
            return
        domain = self._domain(header, sender[0], now_s)
        if domain is None:
            self._lose_message(f"of more than {self._most_domains:,} exporters", sender[0])
            return
        domain.hear(header, sender[1], now_s)
        message = _Received(header, domain, sender[1], now_s)
        if header.version == V5:
            counted = [_Counted(self._add(self._v5, data[header.size :], message.context))]
        else:
            counted = [self._take_set(found, message) for found in sets]
        lost = domain.follow(_numbered(header, counted), sender[1])
        self._lose_on_the_way(domain, header.version, lost)

    def records(self) -> Iterator[pa.RecordBatch]:
        """What has been read since it was asked last, as the stitcher takes it."""
        self._flush()
        read, self._read, self._read_rows = self._read, [], 0
        yield from read

    def sweep(self, now_s: float) -> None:
        """Gives up what was held too long; to be called now and then."""
        for domain in self._domains.values():
            self._lose_held(domain, domain.holding.expire(now_s - LONGEST_S))

    def end(self) -> None:
        """No message will come."""
        for key in list(self._domains):
            self._forget(key)

    def _domain(self, header: Header, address: str, now_s: float) -> Domain | None:
        key = (address, header.version, header.domain)
        domain = self._domains.get(key)
        if domain is not None:
            return domain
        if len(self._domains) >= self._most_domains and now_s >= self._swept_s + SWEEP_S:
            self._swept_s = now_s
            for other, old in list(self._domains.items()):
                if now_s - old.heard_s > (NEW_SILENT_S if old.messages < NEW_MESSAGES else SILENT_S):
                    self._forget(other)
        if len(self._domains) >= self._most_domains:
            return None
        domain = self._domains[key] = Domain(f"{address}/{header.domain}", self._budget, Holding(self._room))
        return domain

    def _forget(self, key: tuple[str, int, int]) -> None:
        domain = self._domains.pop(key)
        self._lose_held(domain, domain.holding.expire(float("inf")))
        self._lose_on_the_way(domain, key[1], domain.end())
        if domain.restarts:
            self._ledger.noted(RESTARTED)

    def _take_set(self, found: Set, message: _Received) -> _Counted:
        """Takes a set; how many records it has."""
        kind = (message.header.version, found.number)
        if kind in TEMPLATES or kind in OPTIONS_TEMPLATES:
            self._take_templates(found, message)
            return _Counted()
        if found.number < FIRST_DATA_SET:
            self._lose_message("a set of a number that is none", message.domain.name)
            return _Counted()
        layout = message.domain.templates.get(found.number)
        if layout is None:
            held = Held(found.number, found.body, message.context, message.now_s)
            self._lose_held(message.domain, message.domain.holding.hold(held))
            return _Counted(None)
        if layout.is_options:
            return _Counted(0, self._take_options(layout, found.body, message.domain))
        return _Counted(self._add(layout, found.body, message.context))

    def _take_templates(self, found: Set, message: _Received) -> None:
        domain = message.domain
        try:
            for template in read_templates(message.header.version, found):
                if domain.templates.take(template):
                    self._ledger.noted(REDEFINED)
                layout = domain.templates.get(template.number)
                if layout is not None:
                    for held in domain.holding.release(template.number):
                        self._take_held(layout, held, domain)
        except Malformed as error:
            self._lose_message(str(error), domain.name)

    def _take_held(self, layout: Layout, held: Held, domain: Domain) -> None:
        if layout.is_options:
            self._take_options(layout, held.body, domain)
        else:
            self._add(layout, held.body, held.context)

    def _take_options(self, layout: Layout, body: bytes, domain: Domain) -> int:
        gathered = gather(body, layout)
        if layout.is_of_part and tells(layout):
            self._ledger.noted(OF_PART)
        elif tells(layout):
            domain.tell(layout, layout.rows(gathered.data))
        return gathered.records

    def _add(self, layout: Layout, body: bytes, context: Context) -> int:
        """Adds the records of a set to those of its layout; how many."""
        gathered = gather(body, layout)
        if gathered.is_broken:
            self._lose_message("a record that reaches beyond its set", context.exporter)
        elif not gathered.records and any(body):
            self._lose_message("a set shorter than a record", context.exporter)
        if not gathered.records:
            return 0
        pending = self._pending.get(layout)
        if pending is None:
            pending = self._pending[layout] = Pending(layout)
        pending.add(gathered, context)
        self._pending_records += gathered.records
        self.records_read += gathered.records
        if self._pending_records >= self.most_pending:
            self._flush()
        return gathered.records

    def _flush(self) -> None:
        for pending in self._pending.values():
            batch, unusable = read_records(pending)
            for count, why, exporter in unusable:
                self._ledger.lost(Loss.RECORD, count, why, at=exporter)
            if batch.num_rows:
                self._read.append(batch)
                self._read_rows += batch.num_rows
        self._pending = {}
        self._pending_records = 0

    def _lose_message(self, why: str, whose: str) -> None:
        self._ledger.noted(UNCOUNTED)
        self._ledger.lost(Loss.MESSAGE, 1, why, at=whose)

    def _lose_held(self, domain: Domain, sets: int) -> None:
        if sets:
            self._ledger.noted(UNCOUNTED)
            self._ledger.lost(Loss.TEMPLATE, sets, "sets of records", at=domain.name)

    def _lose_on_the_way(self, domain: Domain, version: int, lost: int) -> None:
        if lost:
            if version == V9:
                self._ledger.noted(UNCOUNTED)
            self._ledger.lost(Loss.EXPORTED, lost, f"{'messages' if version == V9 else 'records'} of {domain.name}")
