"""Looks for flows: the newest hours first, and no further back than need be."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oddflow.errors import OddflowError, UsageError
from oddflow.server.flowstore.database import MOST_SECONDS, Database, PartGone, TooLong, table_of
from oddflow.server.flowstore.fields import FIELDS
from oddflow.server.flowstore.layout import HOUR_NS, Hour, hours_in, sources_in
from oddflow.server.flowstore.page import FlowPage
from oddflow.server.flowstore.query import NEWEST, Query
from oddflow.server.flowstore.usage import flows_in

SHOWN = (
    "start_ns", "end_ns", "source", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "ip_version",
    "forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes", "app_by_port", "app_by_signature",
    "tls_sni", "http_host", "dns_query", "score", "is_alert", "community_id", "end_reason",
)  # fmt: skip
"""What a row of a page has."""

FIRST_STEP_FLOWS = 200_000
"""Flows that the first step looks at; each further one at twice as many."""
MOST_ROWS = 10_000
TRIES = 5
_SPECIAL = {"start_ns": 'epoch_ns("start")', "end_ns": 'epoch_ns("end")'}
TIED = tuple(FIELDS[name] for name in ("end", "start", "src_port", "dst_port", "src_ip", "dst_ip"))
"""What flows are sorted by where what was asked for is equal: a page ends between two flows, not among them."""


def search(database: Database, folder: Path, query: Query, limit: int, after: str | None = None) -> FlowPage:
    """As FlowStore.search."""
    began = time.perf_counter()
    wanted = min(limit, query.limit or limit, MOST_ROWS)
    if wanted < 1:
        raise UsageError(f"a page has at least one row; {limit} were asked for")
    for _ in range(TRIES):
        try:
            rows, files, looked = _found(database, folder, query, wanted + 1, _cursor(after))
        except PartGone:
            continue
        more = len(rows) > wanted
        rows = rows[:wanted]
        following = _place(rows[-1]) if more and rows else None
        for row in rows:
            del row["_place"]
        ended = query.limit is not None and wanted == query.limit
        return FlowPage(SHOWN, rows, time.perf_counter() - began, files, looked, more, None if ended else following)
    raise OddflowError("parts of the flow store are deleted faster than they can be read; search again")


def _found(
    database: Database, folder: Path, query: Query, wanted: int, after: list[Any] | None
) -> tuple[list[dict[str, Any]], int, int]:
    rows: list[dict[str, Any]] = []
    files = looked = 0
    until = time.monotonic() + MOST_SECONDS
    with database.cursor() as cursor:
        for paths, flows in _steps(hours_asked(folder, query), stepwise=query.order is NEWEST and query.descending):
            if time.monotonic() > until:
                raise TooLong(f"the search took longer than {MOST_SECONDS:g} s; name a shorter time, or a host")
            files, looked = files + len(paths), looked + flows
            sql, values = statement(query, paths, wanted - len(rows), after)
            rows += table_of(cursor, sql, values).to_pylist()
            if len(rows) >= wanted:
                break
    return rows, files, looked


def hours_asked(folder: Path, query: Query) -> list[Hour]:
    """Hours that may hold what is asked for, the newest first."""
    sources = sources_in(folder)
    since = None if query.since_ns is None else query.since_ns // HOUR_NS
    until = None if query.until_ns is None else query.until_ns // HOUR_NS
    hours = [
        hour
        for source in sources
        if query.sources is None or source in query.sources
        for hour in hours_in(folder, source, since, until)
    ]
    return sorted(hours, key=lambda hour: -hour.number)


def _steps(hours: list[Hour], *, stepwise: bool) -> Iterator[tuple[list[str], int]]:
    """Paths to look at in one go, and how many flows they hold; hours are never divided."""
    most = FIRST_STEP_FLOWS if stepwise else None
    paths: list[str] = []
    flows = 0
    for place, hour in enumerate(hours):
        paths += [part.path for part in hour.parts]
        flows += sum(flows_in(part.path, part.bytes) for part in hour.parts)
        same_hour_follows = place + 1 < len(hours) and hours[place + 1].number == hour.number
        if most is not None and flows >= most and not same_hour_follows:
            yield paths, flows
            paths, flows, most = [], 0, most * 2
    if paths:
        yield paths, flows


def statement(query: Query, paths: list[str], limit: int, after: list[Any] | None) -> tuple[str, list[Any]]:
    """The search in SQL, and its values."""
    where, values = conditions(query, paths)
    keys = [query.order.sorts, *(field.sorts for field in TIED if field is not query.order)]
    if after is not None:
        if len(after) != len(keys):
            raise UsageError("this page's end belongs to another question; ask from the first page")
        where.append(f"({', '.join(keys)}) {'<' if query.descending else '>'} ({', '.join('?' * len(after))})")
        values += after
    columns = ", ".join(f"{_SPECIAL.get(name, name)} AS {name}" for name in SHOWN)
    place = ", ".join(f"k{number}: {key}" for number, key in enumerate(keys))
    text = f"SELECT {columns}, {{{place}}} AS _place FROM read_parquet(?)"  # noqa: S608  (names of ours; values apart)
    text += f" WHERE {' AND '.join(where)}" if where else ""
    way = "DESC" if query.descending else "ASC"
    text += f" ORDER BY {', '.join(f'{key} {way}' for key in keys)} LIMIT {int(limit)}"
    return text, values


def conditions(query: Query, paths: list[str]) -> tuple[list[str], list[Any]]:
    """Conditions in SQL, and the values of the whole statement so far: the paths come first."""
    where: list[str] = []
    values: list[Any] = [paths]
    if query.where:
        where.append(f"({query.where})")
        values += query.values
    for bound, sign in ((query.since_ns, ">="), (query.until_ns, "<=")):
        if bound is not None:
            where.append(f'"end" {sign} make_timestamp_ns(?)::TIMESTAMPTZ_NS')
            values.append(bound)
    return where, values


def _place(row: dict[str, Any]) -> str:
    text = json.dumps(list(row["_place"].values()), separators=(",", ":"), ensure_ascii=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cursor(after: str | None) -> list[Any] | None:
    """What `_place` made.

    Raises:
        UsageError: It made no such thing.
    """
    if after is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(after.encode("ascii") + b"=" * (-len(after) % 4)))
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or not all(isinstance(key, str | int | float | None) for key in place):
        raise UsageError("this is no end of a page; ask from the first page")
    return place
