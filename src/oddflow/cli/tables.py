"""Tables for the terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich import box
from rich.table import Table
from rich.text import Text

from oddflow.amounts import seconds, size
from oddflow.cli.console import plain
from oddflow.schema import protocol_name

if TYPE_CHECKING:
    from oddflow.verdicts.alert import AlertRow


def clock(time_ns: int) -> str:
    """A time of day, UTC, with milliseconds."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}"


def endpoint(address: str, port: int | None) -> str:
    """An address with its port, brackets round an IPv6 address."""
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def protocol(row: dict[str, Any]) -> str:
    """The protocol's name; ARP is told by its version 0."""
    return "arp" if row["ip_version"] == 0 else protocol_name(row["protocol"])


SAYS = ("tls_sni", "http_host", "dns_query", "app_by_signature", "app_by_port")
"""Columns that say what a flow is about, the most telling first."""

MOST_SAID = 40


def said(row: dict[str, Any]) -> str:
    """What a flow is about, as far as it says."""
    text = next((str(row[name]) for name in SAYS if row[name]), "")
    return text if len(text) <= MOST_SAID else f"{text[: MOST_SAID - 1]}…"


def flow_table(batches: list[pa.RecordBatch], limit: int) -> Table:
    """The first flows, a row each; two numbers are sent / received."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("start, UTC", "source", "destination", "proto"):
        table.add_column(name, no_wrap=True)
    for name in ("packets", "bytes", "lasted"):
        table.add_column(name, justify="right")
    table.add_column("about", no_wrap=True, overflow="ellipsis")
    flows = pa.Table.from_batches(batches).slice(0, limit)
    times_ns = zip(*(flows[name].cast(pa.int64()).to_pylist() for name in ("start", "end")), strict=True)
    # Python's datetime has no nanoseconds: the time columns are taken as numbers
    rows: list[dict[str, Any]] = flows.drop_columns(["start", "end"]).to_pylist()
    for row, (start_ns, end_ns) in zip(rows, times_ns, strict=True):
        table.add_row(
            clock(start_ns),
            plain(endpoint(row["src_ip"], row["src_port"])),
            plain(endpoint(row["dst_ip"], row["dst_port"])),
            protocol(row),
            " / ".join(f"{row[name] or 0:,}" for name in ("forward_packets", "reverse_packets")),
            " / ".join(size(row[name] or 0) for name in ("forward_bytes", "reverse_bytes")),
            seconds((end_ns - start_ns) / 1e9),
            plain(said(row)),
        )
    return table


def flow_line(flows: pa.RecordBatch) -> Iterator[Text]:
    """Each flow in one line, as it ends."""
    names = ["src_ip", "src_port", "dst_ip", "dst_port", "protocol", "ip_version", *SAYS]
    names += [f"{way}_{what}" for way in ("forward", "reverse") for what in ("packets", "bytes")]
    starts = flows.column("start").cast(pa.int64()).to_pylist()
    ends = flows.column("end").cast(pa.int64()).to_pylist()
    for row, start_ns, end_ns in zip(flows.select(names).to_pylist(), starts, ends, strict=True):
        between = f"{endpoint(row['src_ip'], row['src_port'])} → {endpoint(row['dst_ip'], row['dst_port'])}"
        packets = f"{row['forward_packets'] or 0:,} / {row['reverse_packets'] or 0:,} packets"
        sizes = f"{size(row['forward_bytes'] or 0)} / {size(row['reverse_bytes'] or 0)}"
        lasted = seconds((end_ns - start_ns) / 1e9)
        yield plain(f"{clock(start_ns)} {between} {protocol(row)}  {packets}  {sizes}  {lasted}  {said(row)}")


def targets(row: "AlertRow") -> str:
    """Where the alerts of a row went: one service, several ports of one host, or several hosts."""
    hosts = {alert.dst_ip for alert in row.alerts}
    ports = {alert.dst_port for alert in row.alerts}
    if len(hosts) == 1 and len(ports) == 1:
        return endpoint(row.top.dst_ip, row.top.dst_port)
    if len(hosts) == 1:
        return f"{len(ports):,} ports on {row.top.dst_ip}"
    port = f", port {row.top.dst_port}" if len(ports) == 1 and row.top.dst_port else ""
    return f"{len(hosts):,} hosts{port}"


def alert_table(rows: "Sequence[AlertRow]", limit: int, *, truth: bool = False) -> Table:
    """The ranked rows, what an analyst reads first: a line of facts, and under it why and how rare.

    With `truth`, also what the ground truth says of them.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("flows", justify="right", no_wrap=True)
    table.add_column("first, UTC", no_wrap=True)
    table.add_column("source → destination, and why", overflow="fold", ratio=1)
    table.add_column("proto", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    if truth:
        table.add_column("truth", no_wrap=True)
    for row in rows[:limit]:
        top = row.top
        cells: list[Text | str] = [
            str(row.rank),
            f"{len(row.alerts):,}",
            clock(min(alert.start_ns for alert in row.alerts))[:8],
            Text.assemble(
                (plain(f"{top.src_ip} → {targets(row)}").plain, "bold"),
                "\n",
                plain(row.headline),
                "\n",
                (top.rarity, "dim"),
                *_line("odd", top.odd),
                *_line("names:", top.known_ends),
                *_line("lists:", "; ".join(top.intelligence)),
                *_line("likeliest", top.likeliest),
                *_line("the source says:", row.labels),
            ),
            protocol_name(top.protocol),
            f"{top.score:.4g}",
        ]
        if truth:
            cells.append(_truth_of(row))
        table.add_row(*cells)
    return table


def _line(name: str, text: str) -> tuple[Text | str, ...]:
    """A line more, where there is anything to say."""
    return ("\n", plain(f"{name} {text}")) if text else ()


def _truth_of(row: "AlertRow") -> Text:
    names = sorted({alert.truth for alert in row.alerts if alert.truth})
    return Text(", ".join(names), style="green") if names else Text("benign", style="dim")
