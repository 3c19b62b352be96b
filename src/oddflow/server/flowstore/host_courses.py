"""How much some hosts did in each hour."""

from collections.abc import Sequence
from pathlib import Path

from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.days import HOSTS
from oddflow.server.flowstore.summing import made_between
from oddflow.server.flowstore.talking import HOSTS_SQL

Courses = dict[str, list[int]]
"""Flows in each hour, the oldest first, by host."""


def host_courses(
    database: Database,
    folder: Path,
    hosts: Sequence[str],
    since_s: float,
    until_s: float,
    *,
    sources: frozenset[str] | None = None,
) -> Courses:
    """As FlowStore.courses."""
    first, last = int(since_s // 3600), int(until_s // 3600)
    found = {host: [0] * (last - first + 1) for host in hosts}
    made = made_between(folder, HOSTS, since_s, until_s, sources)
    if not hosts or not (made.made or made.parts):
        return found
    sql, values = made.sql(HOSTS_SQL, hosts=hosts)
    text = (
        "SELECT host, hour, sum(coalesce(flows_out, 0) + coalesce(flows_in, 0))::BIGINT "  # noqa: S608
        f"FROM ({sql}) WHERE host IN ({', '.join('?' * len(hosts))}) AND hour BETWEEN ? AND ? GROUP BY host, hour"
    )
    with database.cursor() as cursor:
        for host, hour, flows in cursor.execute(text, [*values, *hosts, first, last]).fetchall():
            found[host][hour - first] = flows
    return found
