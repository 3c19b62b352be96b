"""Flows that were found, as a table for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from oddflow.amounts import seconds, size
from oddflow.cli.console import plain
from oddflow.cli.tables import endpoint, protocol, said
from oddflow.verdicts.alert import utc


def found_table(rows: Sequence[dict[str, Any]]) -> Table:
    """A row a flow; of two numbers the first is what the initiator sent."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("ended, UTC", "source → destination", "proto"):
        table.add_column(name, no_wrap=True)
    for name in ("bytes", "lasted", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("about", no_wrap=True, overflow="ellipsis", max_width=22)
    several = len({row["source"] for row in rows}) > 1
    if several:
        table.add_column("by", no_wrap=True)
    for row in rows:
        ends = f"{endpoint(row['src_ip'], row['src_port'])} → {endpoint(row['dst_ip'], row['dst_port'])}"
        cells: list[Text | str] = [
            utc(row["end_ns"])[5:19].replace("T", " "),
            plain(ends),
            protocol(row),
            "/".join(size(row[name] or 0) for name in ("forward_bytes", "reverse_bytes")),
            seconds((row["end_ns"] - row["start_ns"]) / 1e9),
            "" if row["score"] is None else Text(f"{row['score']:.4g}", style="bold red" if row["is_alert"] else ""),
            plain(said(row)),
        ]
        table.add_row(*cells, *([plain(row["source"])] if several else []))
    return table
