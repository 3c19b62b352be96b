"""Columns of the flow table as pages show them: what a person picks, and how each is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oddflow.amounts import size
from oddflow.reports.words import UNKNOWN, duration, endpoint, moment
from oddflow.schema import FlowEnd, protocol_name

Row = Mapping[str, Any]

_ENDS = {
    FlowEnd.IDLE: "idle",
    FlowEnd.ACTIVE: "cut: it goes on",
    FlowEnd.END_OF_FLOW: "closed",
    FlowEnd.FORCED: "source ended",
    FlowEnd.LACK_OF_RESOURCES: "no room",
}


@dataclass(frozen=True, slots=True)
class FlowColumn:
    """A column.

    Attributes:
        key: As the address names it.
        title: As its head says.
        field: The field of the query language that it is sorted by.
        text: What stands in a cell.
        number: It is set to the right.
        usual: It is shown unless others are picked.
        value: What a click on a cell narrows the question to; None where it does not.
    """

    key: str
    title: str
    field: str
    text: Callable[[Row], str]
    number: bool = False
    usual: bool = False
    value: Callable[[Row], str | None] | None = None


def _bytes(row: Row) -> int:
    return (row["forward_bytes"] or 0) + (row["reverse_bytes"] or 0)


def _packets(row: Row) -> int:
    return (row["forward_packets"] or 0) + (row["reverse_packets"] or 0)


def _service(row: Row) -> str | None:
    found: str | None = row["app_by_signature"] or row["app_by_port"]
    return found


def _name(row: Row) -> str | None:
    found: str | None = row["tls_sni"] or row["http_host"] or row["dns_query"]
    return found


def _end(row: Row) -> str:
    try:
        return _ENDS[FlowEnd(row["end_reason"])]
    except (ValueError, KeyError):
        return UNKNOWN


COLUMNS = (
    FlowColumn("time", "Ended", "time", lambda row: moment(row["end_ns"]), usual=True),
    FlowColumn("start", "Began", "start", lambda row: moment(row["start_ns"])),
    FlowColumn("source", "Source", "source", lambda row: row["source"], value=lambda row: row["source"]),
    FlowColumn("from", "From", "src_ip", lambda row: endpoint(row["src_ip"] or "", row["src_port"] or 0), usual=True),
    FlowColumn("to", "To", "dst_ip", lambda row: endpoint(row["dst_ip"] or "", row["dst_port"] or 0), usual=True),
    FlowColumn(
        "protocol", "Protocol", "protocol", lambda row: protocol_name(row["protocol"]), usual=True,
        value=lambda row: str(row["protocol"]),
    ),
    FlowColumn("service", "Service", "service", lambda row: _service(row) or UNKNOWN, usual=True, value=_service),
    FlowColumn("name", "Name asked for", "name", lambda row: _name(row) or UNKNOWN, usual=True, value=_name),
    FlowColumn("packets", "Packets", "packets", lambda row: f"{_packets(row):,}", number=True),
    FlowColumn("bytes", "Bytes", "bytes", lambda row: size(_bytes(row)), number=True, usual=True),
    FlowColumn("sent", "Sent", "sent", lambda row: size(row["forward_bytes"] or 0), number=True),
    FlowColumn("received", "Received", "received", lambda row: size(row["reverse_bytes"] or 0), number=True),
    FlowColumn("duration", "Lasted", "duration", lambda row: duration(row["end_ns"] - row["start_ns"]), number=True),
    FlowColumn("end", "How it ended", "end_reason", _end),
    FlowColumn("id", "Community ID", "community_id", lambda row: row["community_id"] or UNKNOWN),
    FlowColumn(
        "score", "Score", "score", lambda row: UNKNOWN if row["score"] is None else f"{row['score']:,.3f}",
        number=True, usual=True,
    ),
)  # fmt: skip
BY_KEY = {column.key: column for column in COLUMNS}


def picked(keys: Sequence[str]) -> list[FlowColumn]:
    """The columns that an address names, in their usual order; the usual ones where it names none that are known."""
    wanted = set(keys)
    return [column for column in COLUMNS if column.key in wanted] or [column for column in COLUMNS if column.usual]


def style_of(row: Row, thresholds: Mapping[str, float]) -> str:
    """How a score is coloured: over its source's threshold, close to it, or neither."""
    if row["is_alert"]:
        return "bad"
    threshold = thresholds.get(row["source"], 0.0)
    return "warn" if row["score"] is not None and threshold > 0 and row["score"] >= threshold / 2 else ""
