"""All hosts that were seen, each in a row."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddflow.errors import UsageError
from oddflow.server.flowstore.columns import key_of
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.days import HOSTS, TALKS
from oddflow.server.flowstore.summing import Made, all_made_between
from oddflow.server.flowstore.talking import HOSTS_SQL, TALKS_SQL

ORDERS = {
    "flows": "sum(coalesce(flows_out, 0) + coalesce(flows_in, 0))", "bytes": "sum(sent + received)",
    "sent": "sum(sent)", "received": "sum(received)", "alerts": "sum(alerts)",
    "score": "coalesce(max(score), -1e308)", "last": "max(last_ns)", "first": "min(first_ns)",
    "hours": "count(DISTINCT hour)", "host": "any_value(host_key)",
}  # fmt: skip
"""What hosts can be sorted by, in SQL over their hours."""
MOST_HOSTS = 1_000


@dataclass(frozen=True, slots=True)
class HostSummary:
    """A host, in a stretch of time.

    Attributes:
        host: Its address.
        flows_out, flows_in: Flows that it began, and that others began with it.
        sent, received: Bytes.
        peers: Hosts that it talked to.
        services: Services that it used or offered.
        alerts: Its flows that were over the threshold, at either end.
        score: The highest of its flows; None where nothing judged them.
        hours: Hours in which it was seen.
        first_ns, last_ns: First and last time in this stretch, ns since 1970.
    """

    host: str
    flows_out: int
    flows_in: int
    sent: float
    received: float
    peers: int
    services: int
    alerts: int
    score: float | None
    hours: int
    first_ns: int
    last_ns: int

    @property
    def flows(self) -> int:
        """Flows in which it took part."""
        return self.flows_out + self.flows_in


@dataclass(frozen=True, slots=True)
class HostPage:
    """Hosts, in the order that was asked for.

    Attributes:
        hosts: At most as many as were asked for.
        total: How many there are.
    """

    hosts: tuple[HostSummary, ...]
    total: int


@dataclass(frozen=True, slots=True)
class HostQuestion:
    """Which hosts are wanted.

    Attributes:
        sources: Seen by these sources; None for all.
        inside: Only hosts in these networks; empty for all.
        text: Only addresses that hold this, or are in this network.
        order: One of ORDERS.
        descending: The greatest first.
        limit, offset: Which of them.
    """

    sources: frozenset[str] | None = None
    inside: tuple[str, ...] = ()
    text: str = ""
    order: str = "flows"
    descending: bool = True
    limit: int = 50
    offset: int = 0


def list_hosts(database: Database, folder: Path, since_s: float, until_s: float, question: HostQuestion) -> HostPage:
    """The hosts of a stretch of time, by whole hours.

    Raises:
        UsageError: The order is none, a network is wrong, or the answer takes too long.
    """
    if question.order not in ORDERS:
        raise UsageError(f"hosts cannot be sorted by {question.order!r}; expected one of {', '.join(ORDERS)}")
    hours, talks = all_made_between(folder, (HOSTS, TALKS), since_s, until_s, question.sources)
    if not hours.any:
        return HostPage((), 0)
    with database.cursor() as cursor:
        hours.gather(cursor)
        names, total = _first(cursor, hours, since_s, until_s, question)
        seen = _seen(cursor, hours, since_s, until_s, names)
        met = _met(cursor, talks, names)
    return HostPage(tuple(HostSummary(host=name, **seen[name], **met[name]) for name in names), total)


def _first(cursor: Any, hours: Made, since_s: float, until_s: float, question: HostQuestion) -> tuple[list[str], int]:
    """The hosts that come first, and how many there are: most hosts are not shown, so nothing else is summed up."""
    where, values = _where(question)
    sql, paths = hours.sql(HOSTS_SQL, gathered=True)
    limit, offset = max(1, min(question.limit, MOST_HOSTS)), max(0, question.offset)
    text = (
        f"SELECT host, count(*) OVER () FROM ({sql}) WHERE hour BETWEEN ? AND ? {where} GROUP BY host "  # noqa: S608
        f"ORDER BY {ORDERS[question.order]} {'DESC' if question.descending else 'ASC'}, host "
        f"LIMIT {limit} OFFSET {offset}"
    )
    rows = cursor.execute(text, [*paths, *_whole_hours(since_s, until_s), *values]).fetchall()
    return [host for host, _ in rows], rows[0][1] if rows else 0


def _where(question: HostQuestion) -> tuple[str, list[Any]]:
    where, values = "", list[Any]()
    ranges = [_range(network) for network in question.inside]
    if ranges:
        where += f" AND ({' OR '.join('host_key BETWEEN ? AND ?' for _ in ranges)})"
        values += [key for pair in ranges for key in pair]
    text = question.text.strip()
    if "/" in text:
        where += " AND host_key BETWEEN ? AND ?"
        values += _range(text)
    elif text:
        where += " AND contains(host, ?)"
        values.append(text.lower())
    return where, values


def _range(network: str) -> tuple[bytes, bytes]:
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise UsageError(f"{network!r} is no network; expected one like 10.0.0.0/8") from None
    low, high = key_of(str(found.network_address)), key_of(str(found.broadcast_address))
    assert low is not None  # noqa: S101  (they are addresses)
    assert high is not None  # noqa: S101
    return low, high


def _whole_hours(since_s: float, until_s: float) -> tuple[int, int]:
    return int(since_s // 3600), int(until_s // 3600)


def _seen(cursor: Any, hours: Made, since_s: float, until_s: float, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each host: what its hours tell."""
    sql, paths = hours.sql(HOSTS_SQL, gathered=True)
    text = (
        "SELECT host, sum(coalesce(flows_out, 0))::BIGINT AS flows_out, "  # noqa: S608
        "sum(coalesce(flows_in, 0))::BIGINT AS flows_in, sum(sent) AS sent, sum(received) AS received, "
        "sum(alerts)::BIGINT AS alerts, max(score) AS score, count(DISTINCT hour) AS hours, "
        "min(first_ns) AS first_ns, max(last_ns) AS last_ns "
        f"FROM ({sql}) WHERE hour BETWEEN ? AND ? AND {_any_of(names)} GROUP BY host"
    )
    return _by_host(cursor.execute(text, [*paths, *_whole_hours(since_s, until_s), *names]))


def _met(cursor: Any, talks: Made, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each host: how many peers it had, and how many services."""
    sql, paths = talks.sql(TALKS_SQL, gathered=True)
    text = (
        "SELECT host, count(DISTINCT peer) AS peers, "  # noqa: S608
        "count(DISTINCT (serves, protocol, port, service)) AS services "
        f"FROM ({sql}) WHERE {_any_of(names)} GROUP BY host"
    )
    return _by_host(cursor.execute(text, [*paths, *names]))


def _any_of(names: Sequence[str]) -> str:
    return f"host IN ({', '.join('?' * len(names))})" if names else "false"


def _by_host(answer: Any) -> dict[str, dict[str, Any]]:
    columns = [column[0] for column in answer.description[1:]]
    return {host: dict(zip(columns, row, strict=True)) for host, *row in answer.fetchall()}
