"""Looks for flows: the newest hours first, and no further back than need be."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from oddflow.errors import OddflowError, UsageError
from oddflow.server.flowstore.database import MOST_SECONDS, Database, PartGone, TooLong
from oddflow.server.flowstore.fields import FIELDS
from oddflow.server.flowstore.page import FlowPage
from oddflow.server.flowstore.places import places_asked, steps
from oddflow.server.flowstore.query import NEWEST, Query

Answer = TypeVar("Answer")

SHOWN = (
    "start_ns", "end_ns", "source", "src_ip", "src_port", "dst_ip", "dst_port", "protocol", "ip_version",
    "forward_packets", "reverse_packets", "forward_bytes", "reverse_bytes", "app_by_port", "app_by_signature",
    "tls_sni", "http_host", "dns_query", "score", "is_alert", "community_id", "end_reason",
)  # fmt: skip
"""What a row of a page has."""

MOST_ROWS = 10_000
TRIES = 5
_SPECIAL = {"start_ns": 'epoch_ns("start")', "end_ns": 'epoch_ns("end")'}
TIED = tuple(FIELDS[name] for name in ("end", "start", "src_port", "dst_port", "src_ip", "dst_ip"))
"""What flows are sorted by where what was asked for is equal: a page ends between two flows, not among them."""


def search(database: Database, folder: Path, query: Query, limit: int, after: str | None = None) -> FlowPage:
    """As FlowStore.search."""
    began = time.perf_counter()
    given, place = _cursor(after)
    wanted = min(limit, MOST_ROWS, max(query.limit - given, 0) if query.limit else limit)
    if limit < 1:
        raise UsageError(f"a page has at least one row; {limit} were asked for")
    rows, files, looked = again(lambda: _found(database, folder, query, wanted + 1, place))
    more = len(rows) > wanted and given + wanted != query.limit
    rows = rows[:wanted]
    following = _end(given + wanted, rows[-1]["_place"]) if more else None
    for row in rows:
        del row["_place"]
    return FlowPage(SHOWN, rows, time.perf_counter() - began, files, looked, more, following)


def again(ask: Callable[[], Answer]) -> Answer:
    """Asks once more where a part was deleted in between: then others hold its flows, or it was too old."""
    said = ""
    for _ in range(TRIES):
        try:
            return ask()
        except PartGone as error:
            said = str(error)
    raise OddflowError(f"parts of the flow store cannot be read, or are deleted before they can be: {said}; ask again")


def _found(
    database: Database, folder: Path, query: Query, wanted: int, after: list[Any] | None
) -> tuple[list[dict[str, Any]], int, int]:
    rows: list[dict[str, Any]] = []
    files = looked = 0
    until = time.monotonic() + MOST_SECONDS
    with database.cursor() as cursor:
        for step in steps(places_asked(folder, query), stepwise=query.order is NEWEST and query.descending):
            if time.monotonic() > until:
                raise TooLong(f"the search took longer than {MOST_SECONDS:g} s; name a shorter time, or a host")
            files, looked = files + len(step), looked + sum(place.flows for place in step)
            sql, values = statement(query, [place.path for place in step], wanted - len(rows), after)
            rows += fetched(cursor, cursor.execute(sql, values).fetchall())
            if len(rows) >= wanted:
                break
    return rows, files, looked


def statement(query: Query, paths: list[str], limit: int, after: list[Any] | None) -> tuple[str, list[Any]]:
    """Where the flows are that are asked for, in SQL, and its values: a file, a row, and what it is sorted by.

    Only a few columns are read of most flows; all that is shown is read afterwards, of those that are wanted.
    """
    where, values = conditions(query, paths)
    keys = [query.order.sorts, *(field.sorts for field in TIED if field is not query.order)]
    if after is not None:
        if len(after) != len(keys):
            raise UsageError("this page's end belongs to another question; ask from the first page")
        where.append(f"({', '.join(keys)}) {'<' if query.descending else '>'} ({', '.join('?' * len(after))})")
        values += after
    text = (
        f"SELECT filename, file_row_number, {', '.join(keys)} "  # noqa: S608  (names of ours; values are apart)
        "FROM read_parquet(?, filename = true, file_row_number = true)"
    )
    text += f" WHERE {' AND '.join(where)}" if where else ""
    way = "DESC" if query.descending else "ASC"
    return text + f" ORDER BY {', '.join(f'{key} {way}' for key in keys)} LIMIT {int(limit)}", values


def fetched(cursor: Any, found: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """What is shown of flows, in the order in which they were found: (file, row, keys…) each."""
    columns = ", ".join(f"{_SPECIAL.get(name, name)} AS {name}" for name in SHOWN)
    of_file: dict[str, list[int]] = {}
    for path, number, *_ in found:
        of_file.setdefault(path, []).append(int(number))
    read: dict[tuple[str, int], dict[str, Any]] = {}
    for path, numbers in of_file.items():
        text = (
            f"SELECT file_row_number, {columns} FROM read_parquet(?, file_row_number = true) "  # noqa: S608
            f"WHERE file_row_number IN ({', '.join(map(str, numbers))})"
        )
        for number, *values in cursor.execute(text, [[path]]).fetchall():
            read[path, number] = dict(zip(SHOWN, values, strict=True))
    return [read[path, number] | {"_place": keys} for path, number, *keys in found]


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


def _end(given: int, place: list[Any]) -> str:
    """Where a page ends: how many flows were given by then, and what the last is sorted by."""
    text = json.dumps([given, *place], separators=(",", ":"), ensure_ascii=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cursor(after: str | None) -> tuple[int, list[Any] | None]:
    """What `_end` was made from.

    Raises:
        UsageError: It made no such thing.
    """
    if after is None:
        return 0, None
    try:
        place = json.loads(base64.urlsafe_b64decode(after.encode("ascii") + b"=" * (-len(after) % 4)))
    except (ValueError, RecursionError):
        place = None
    whole = isinstance(place, list) and all(isinstance(key, str | int | float) for key in place)
    if not whole or len(place) < 2 or not isinstance(place[0], int) or not 0 <= place[0] < 1 << 53:
        raise UsageError("this is no end of a page; ask from the first page")
    return place[0], place[1:]
