"""Suricata's eve.json: flow, netflow and alert records, and what the others say of the same flows."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream
from oddflow.logs.facts import Facts, first_of_each
from oddflow.logs.json_lines import JsonLines
from oddflow.logs.line_texts import LineTexts
from oddflow.logs.lines import blocks_of
from oddflow.logs.record import flow_batches
from oddflow.logs.stitching import Stitcher
from oddflow.logs.suricata_fields import (
    EVE_SCHEMA,
    FACTS,
    FLOW_SCHEMA_OF_EVE,
    Columns,
    Event,
    alert_columns,
    fact_columns,
    flow_columns,
    netflow_columns,
)
from oddflow.losses import Ledger, Loss
from oddflow.schema import FLOW_SCHEMA

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

_EVENT = re.compile(rb'\s*\{.*"event_type"\s*:\s*"', re.DOTALL)
_KIND = re.compile(r"[a-z0-9_]{1,20}")
UNKNOWN = -1
PLAIN_FLOW = '"event_type":"flow"'
"""As Suricata writes it; such lines are read apart, for speed only."""

Integers = NDArray[np.int64]


def is_eve(first: bytes) -> bool:
    """Whether a source that starts with these bytes is Suricata's eve.json.

    >>> is_eve(b'{"timestamp":"2021-06-06T15:59:46.457984+0200","event_type":"alert",'), is_eve(b'{"ts":1}')
    (True, False)
    """
    return bool(_EVENT.match(first.removeprefix(b"\xef\xbb\xbf"))) and b'"timestamp"' in first


def read_eve(stream: ByteStream, opened: "Opened") -> Iterator[pa.RecordBatch]:
    """Batches of the flow schema; an empty one where a stream that grows has nothing new.

    `flow` records are flows. `netflow` records are halves of flows, and used where no `flow` records are. Alerts give
    the flow of the same `flow_id` its label; those whose flow never comes are flows of their own, as far as they carry
    its counters. What dns, tls, quic, http and ssh records say fills the columns of the flow's application.
    """
    reader = _Reader(opened.name, opened.ledger)
    lines = JsonLines(EVE_SCHEMA, opened.name, opened.ledger)
    plain_lines = JsonLines(FLOW_SCHEMA_OF_EVE, opened.name, opened.ledger)
    line_texts = LineTexts(opened.name, opened.ledger)
    for block in blocks_of(stream, opened.name, opened.ledger):
        if not block.data:
            yield pa.RecordBatch.from_pylist([], FLOW_SCHEMA)
            continue
        texts, numbers = line_texts.of(block)
        is_plain = pc.match_substring(texts, PLAIN_FLOW).to_numpy(zero_copy_only=False)
        others = _event(*lines.read(texts.filter(pa.array(~is_plain)), numbers[~is_plain]))
        plain = _event(*plain_lines.read(texts.filter(pa.array(is_plain)), numbers[is_plain]))
        yield from reader.flows(others, plain)
    yield from reader.end()


class _Reader:
    """What is remembered from block to block."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self._name = name
        self._ledger = ledger
        self._facts = Facts()
        self._halves = Stitcher(by_port=False)
        self._has_flows = False
        self._others: Counter[str] = Counter()
        self._unmet: Counter[str] = Counter()

    def flows(self, *events: Event) -> Iterator[pa.RecordBatch]:
        """Flows of the next records."""
        kinds = [(event, _is(event, "flow"), _is(event, "netflow")) for event in events]
        self._has_flows |= any(is_flow.any() for _, is_flow, _ in kinds)
        for event, is_flow, is_netflow in kinds:
            is_other = ~is_flow & ~is_netflow
            self._count(event, ~is_flow if self._has_flows else is_other)
            if is_other.any():
                yield from self._given_up(self._facts.add(_facts(event.filter(is_other))))
        for event, is_flow, is_netflow in kinds:
            if is_flow.any():
                yield from self._told(_flows(event.filter(is_flow)))
            if is_netflow.any() and not self._has_flows:
                for flows in self._halves.add(_halves(event.filter(is_netflow))):
                    yield from self._told(_whole(flows))

    def end(self) -> Iterator[pa.RecordBatch]:
        """Flows of what is left, and a note of the records that are none."""
        for flows in self._halves.end():
            yield from self._told(_whole(flows))
        yield from self._given_up(self._facts.rest())
        self._note(self._others, "records that are no flows, but may tell of them")
        self._note(self._unmet, "records told of flows that did not come")

    def _count(self, event: Event, rows: NDArray[np.bool_]) -> None:
        """Counts records that are no flows by their kind; one without a kind is lost."""
        kinds = event["event_type"].filter(pa.array(rows))
        nameless = np.flatnonzero(rows & event["event_type"].is_null().to_numpy(zero_copy_only=False))
        if len(nameless):
            line = event["line"][int(nameless[0])]
            self._ledger.lost(Loss.RECORD, len(nameless), "no event_type", at=f"{self._name}, line {line}")
        for kind in pc.value_counts(kinds.drop_null()).to_pylist():
            self._others[_kind(kind["values"])] += kind["counts"]

    def _note(self, counts: Counter[str], what: str) -> None:
        if counts:
            told = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common())
            self._ledger.noted(f"{self._name}: {counts.total():,} {what}: {told}")

    def _told(self, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Flows with what other records say of them."""
        flow_ids = pc.fill_null(columns["flow_id"], UNKNOWN).to_numpy(zero_copy_only=False)
        facts = self._facts.take(flow_ids[flow_ids >= 0])
        yield from self._batches(columns if facts is None else columns | _best(facts, flow_ids), columns["line"])

    def _batches(self, columns: Columns, lines: Any) -> Iterator[pa.RecordBatch]:
        known = {name: column for name, column in columns.items() if name in FLOW_SCHEMA.names}
        yield from flow_batches(known, self._name, self._ledger, lines=lines.to_numpy(zero_copy_only=False))

    def _given_up(self, facts: pa.Table | None) -> Iterator[pa.RecordBatch]:
        """Flows of alerts whose flow did not come: of each the last, whose counters hold most."""
        if facts is None or not facts.num_rows:
            return
        for kind in pc.value_counts(facts.column("event_type").combine_chunks()).to_pylist():
            self._unmet[_kind(kind["values"])] += kind["counts"]
        alerts = facts.filter(pc.equal(facts.column("event_type"), "alert"))
        describes = alerts.column("start").is_valid()
        known, bare = alerts.filter(describes).combine_chunks(), alerts.filter(pc.invert(describes)).column("line")
        if len(bare):
            why = "an alert whose flow did not come, and that does not describe it"
            self._ledger.lost(Loss.RECORD, len(bare), why, at=f"{self._name}, line {bare[0]}")
        if not known.num_rows:
            return
        flow_ids, places = np.unique(known.column("flow_id").to_numpy()[::-1], return_index=True)
        order = np.sort(known.num_rows - 1 - places)
        last = known.take(pa.array(order))
        flow_ids = last.column("flow_id").to_numpy()
        columns = {name: last.column(name).combine_chunks() for name in last.column_names}
        yield from self._batches(columns | _best(facts, flow_ids), columns["line"])


def _event(table: pa.Table, lines: Integers) -> Event:
    return Event(table.append_column("line", pa.array(lines)))


def _is(event: Event, kind: str) -> NDArray[np.bool_]:
    rows: NDArray[np.bool_] = pc.fill_null(pc.equal(event["event_type"], kind), False).to_numpy(zero_copy_only=False)
    return rows


def _kind(name: str) -> str:
    """A name of a kind of record that can be shown: one of those that Suricata has, as far as it looks like one."""
    return name if _KIND.fullmatch(name) else "other"


def _flows(event: Event) -> Columns:
    return flow_columns(event) | {"line": event["line"]}


def _halves(event: Event) -> pa.RecordBatch:
    columns = netflow_columns(event) | {"line": event["line"]}
    columns["host"], columns["exporter"] = columns["exporter"], columns["record_id"]  # halves of one flow_id only
    return pa.record_batch(columns)


def _whole(flows: pa.RecordBatch) -> Columns:
    columns = dict(zip(flows.schema.names, flows.columns, strict=True))
    return columns | {"exporter": columns["host"]}


def _facts(event: Event) -> pa.Table:
    """What the records say of their flows; those that say nothing, or do not tell of which, are left out."""
    said = fact_columns(event)
    is_alert = _is(event, "alert")
    useful = is_alert.copy()
    named = event["flow_id"].is_valid().to_numpy(zero_copy_only=False)
    for column in said.values():
        useful |= named & column.is_valid().to_numpy(zero_copy_only=False)
    # an alert that names no flow waits under a number that no flow has
    flow_id = pc.coalesce(event["flow_id"], pc.negate(event["line"]))
    more = {"event_type": event["event_type"], "severity": event["alert.severity"], "line": event["line"]}
    columns = alert_columns(event) | said | more | {"flow_id": flow_id}
    useful &= event["event_type"].is_valid().to_numpy(zero_copy_only=False)
    return pa.table(columns).filter(pa.array(useful))


def _best(facts: pa.Table, flow_ids: Integers) -> Columns:
    """What is said of each of n flows: of alerts the most severe, else the first that was said."""
    severity = pc.fill_null(facts.column("severity"), 0).to_numpy()
    facts = facts.take(pa.array(np.argsort(severity, kind="stable"))).combine_chunks()
    return {name: first_of_each(facts, flow_ids, name) for name in FACTS}
