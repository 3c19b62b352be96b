"""Looks for flows: the newest hours first, and no further back than need be."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from oddflow.errors import OddflowError, UsageError
from oddflow.server.flowstore.database import MOST_SECONDS, Database, PartGone, TooLong
from oddflow.server.flowstore.fields import FIELDS, Field, FieldKind
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
EXACT = 1 << 53
"""Whole numbers up to it are themselves as floating-point numbers."""
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
            rows += _of_step(cursor, query, [place.path for place in step], wanted - len(rows), after)
            if len(rows) >= wanted:
                break
    return rows, files, looked


def _of_step(cursor: Any, query: Query, paths: list[str], limit: int, after: list[Any] | None) -> list[dict[str, Any]]:
    """The first flows of some files.

    Of most flows only what is asked about is read, and the one column that the answer is sorted by: how far down it
    the answer can reach is found first, and only flows within that are told apart where they are equal in it.
    """
    if after is not None and len(after) != len(_keys(query)):
        raise UsageError("this page's end belongs to another question; ask from the first page")
    most = limit if after is None else 2 * limit  # those that are equal to where the page begins may be behind us
    sql, values = ranked(query, paths, most, after)
    found = cursor.execute(sql, values).fetchall()
    if after is None and len(found) < limit:
        rows = fetched(cursor, query, found)
        return sorted(rows, key=lambda row: row["_place"], reverse=query.descending)
    beyond = len(found) if after is None else sum(row[2] != after[0] for row in found)
    last = found[-1][2] if len(found) == most and beyond >= limit else None
    sql, values = statement(query, paths, limit, after, last)
    return fetched(cursor, query, cursor.execute(sql, values).fetchall())


def ranked(query: Query, paths: list[str], limit: int, after: list[Any] | None) -> tuple[str, list[Any]]:
    """The first flows by what they are sorted by alone, in SQL, and its values: a file, a row, and that."""
    where, values = conditions(query, paths)
    if after is not None:
        _bound(query.order, "<=" if query.descending else ">=", after[0], where, values)
    way = "DESC NULLS LAST" if query.descending else "ASC NULLS FIRST"
    text = (
        f"SELECT filename, file_row_number, {query.order.sorts} "  # noqa: S608  (names of ours; values are apart)
        "FROM read_parquet(?, filename = true, file_row_number = true)"
    )
    text += f" WHERE {' AND '.join(where)}" if where else ""
    return f"{text} ORDER BY {query.order.sql[0]} {way} LIMIT {int(limit)}", values


def statement(
    query: Query, paths: list[str], limit: int, after: list[Any] | None, last: Any = None
) -> tuple[str, list[Any]]:
    """Where the flows are that are asked for, in SQL, and its values: a file and a row each.

    Args:
        query: What is asked for.
        paths: Files.
        limit: How many.
        after: What the page before ended with.
        last: No flow that is sorted after this is among them; None where that is not known.
    """
    where, values = conditions(query, paths)
    keys = _keys(query)
    if after is not None:
        _bound(query.order, "<=" if query.descending else ">=", after[0], where, values)
        where.append(f"({', '.join(keys)}) {'<' if query.descending else '>'} ({', '.join('?' * len(after))})")
        values += after
    if last is not None:
        _bound(query.order, ">=" if query.descending else "<=", last, where, values)
    text = "SELECT filename, file_row_number FROM read_parquet(?, filename = true, file_row_number = true)"
    text += f" WHERE {' AND '.join(where)}" if where else ""
    way = "DESC" if query.descending else "ASC"
    return text + f" ORDER BY {', '.join(f'{key} {way}' for key in keys)} LIMIT {int(limit)}", values


def _keys(query: Query) -> list[str]:
    """All that flows are sorted by, in SQL."""
    return [query.order.sorts, *(field.sorts for field in TIED if field is not query.order)]


def _bound(order: Field, sign: str, key: Any, where: list[str], values: list[Any]) -> None:
    """A condition that groups of rows can be passed over by, where there is one: it may let more pass than it says."""
    match order.kind:
        case FieldKind.FLAG:
            return
        case FieldKind.TEXT | FieldKind.ADDRESS:
            known, cast = isinstance(key, str) and key != "", "?"
        case FieldKind.TIME:
            known, cast = isinstance(key, int), "make_timestamp_ns(?)::TIMESTAMPTZ_NS"
        case _:
            known, cast = isinstance(key, int | float) and abs(key) <= EXACT, f"?::{order.cast}"
    if not known:
        return
    sql = order.sql[0]
    where.append(f"({sql} {sign} {cast}{f' OR {sql} IS NULL' if sign == '<=' else ''})")
    values.append(key)


def fetched(cursor: Any, query: Query, found: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """What is shown of flows, in the order in which they were found: (file, row, …) each."""
    columns = ", ".join(f"{_SPECIAL.get(name, name)} AS {name}" for name in SHOWN)
    keys = ", ".join(f"{key} AS _{place}" for place, key in enumerate(_keys(query)))
    of_file: dict[str, list[int]] = {}
    for path, number, *_ in found:
        of_file.setdefault(path, []).append(int(number))
    read: dict[tuple[str, int], dict[str, Any]] = {}
    for path, numbers in of_file.items():
        text = (
            f"SELECT file_row_number, {columns}, {keys} FROM read_parquet(?, file_row_number = true) "  # noqa: S608
            f"WHERE file_row_number IN ({', '.join(map(str, numbers))})"
        )
        for number, *values in cursor.execute(text, [[path]]).fetchall():
            shown = dict(zip(SHOWN, values, strict=False))
            read[path, number] = shown | {"_place": values[len(SHOWN) :]}
    return [read[path, number] for path, number, *_ in found]


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
