"""One host: what is normal for it, and what changed."""

import ipaddress
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddflow.errors import UsageError
from oddflow.server.flowstore.changes import Change, HostHour, changes_of
from oddflow.server.flowstore.database import Database
from oddflow.server.flowstore.days import HOSTS, TALKS
from oddflow.server.flowstore.summing import Made, all_made_between
from oddflow.server.flowstore.talking import HOSTS_SQL, TALKS_SQL

MOST_TALKS = 20_000
"""Peer and service pairs that a picture is drawn from, those with most flows."""
MOST_SHOWN = 100
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Talk:
    """What a host had with one peer over one service, on one day.

    Attributes:
        serves: Whether the peer asked and this host answered.
        port: 0 for those drawn at random.
        service: Its name; empty where it is not known.
        day: Days since 1970.
    """

    peer: str
    serves: bool
    protocol: int
    port: int
    service: str
    day: int
    flows: int
    sent: float
    received: float
    alerts: int
    score: float | None
    first_ns: int
    last_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class UsualService:
    """A service that a host uses or offers.

    Attributes:
        serves: Whether it offers it.
        share: Of its flows in this role, 0 to 1.
        days: Days on which it was seen.
        peers: Hosts at the other end.
    """

    protocol: int
    port: int
    service: str
    serves: bool
    flows: int
    sent: float
    received: float
    share: float
    days: int
    peers: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class UsualPeer:
    """A host that a host talks to.

    Attributes:
        serves, asks: Whether the peer offered something to this host, and whether it used something of it.
        services: Names or ports, those with most flows first.
        days: Days on which they talked.
    """

    peer: str
    serves: bool
    asks: bool
    services: tuple[str, ...]
    flows: int
    sent: float
    received: float
    alerts: int
    days: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class HostPicture:
    """A host in a stretch of time.

    Attributes:
        host: Its address, in its usual form.
        since_s, until_s: The stretch.
        change_since_s: What came later is compared with what was before.
        first_ns, last_ns: First and last time it was seen; None where it was not.
        flows_out, flows_in, sent, received, alerts, score: Of all of it.
        peers_total, services_total: How many there are; `peers` and `services` have those with most flows.
        hours: Each hour in which it was seen, the oldest first.
        by_hour: Flows by hour of the day, UTC, on an average day on which it was seen: 24 numbers.
        changes: What is new or beyond the usual, the most telling first.
        cut: Not all pairs of peer and service were looked at: there are too many.
    """

    host: str
    since_s: float
    until_s: float
    change_since_s: float
    first_ns: int | None = None
    last_ns: int | None = None
    flows_out: int = 0
    flows_in: int = 0
    sent: float = 0.0
    received: float = 0.0
    alerts: int = 0
    score: float | None = None
    peers_total: int = 0
    services_total: int = 0
    services: tuple[UsualService, ...] = ()
    peers: tuple[UsualPeer, ...] = ()
    hours: tuple[HostHour, ...] = ()
    by_hour: tuple[float, ...] = ()
    changes: tuple[Change, ...] = ()
    cut: bool = False


def host_picture(
    database: Database,
    folder: Path,
    address: str,
    since_s: float,
    until_s: float,
    *,
    change_s: float = DAY_S,
    sources: frozenset[str] | None = None,
) -> HostPicture:
    """A host's picture.

    Args:
        database: Sums up.
        folder: Of the store.
        address: The host.
        since_s, until_s: By whole hours, s since 1970.
        change_s: The last stretch of it, which is compared with what was before.
        sources: Seen by these sources; None for all.

    Raises:
        UsageError: It is no address, or the answer takes too long.
    """
    try:
        host = str(ipaddress.ip_address(address))
    except ValueError:
        raise UsageError(f"{address[:60]!r} is no address; expected one like 10.0.0.5 or fd00::5") from None
    change_since_s = max(since_s, until_s - change_s)
    made = all_made_between(folder, (HOSTS, TALKS), since_s, until_s, sources)
    hours: tuple[HostHour, ...] = ()
    talks: list[Talk] = []
    if made[0].any:
        with database.cursor() as cursor:
            hours = _hours(cursor, made[0], host, since_s, until_s)
            talks = _talks(cursor, made[1], host)
    if not hours:
        return HostPicture(host, since_s, until_s, change_since_s)
    services, peers = _services(talks), _peers(talks)
    scores = [hour.score for hour in hours if hour.score is not None]
    return HostPicture(
        host,
        since_s,
        until_s,
        change_since_s,
        first_ns=min(hour.first_ns for hour in hours),
        last_ns=max(hour.last_ns for hour in hours),
        flows_out=sum(hour.flows_out for hour in hours),
        flows_in=sum(hour.flows_in for hour in hours),
        sent=sum(hour.sent for hour in hours),
        received=sum(hour.received for hour in hours),
        alerts=sum(hour.alerts for hour in hours),
        score=max(scores, default=None),
        peers_total=len(peers),
        services_total=len(services),
        services=services[:MOST_SHOWN],
        peers=peers[:MOST_SHOWN],
        hours=hours,
        by_hour=_by_hour(hours),
        changes=changes_of(hours, talks, int(change_since_s // 3600), int(until_s // 3600)),
        cut=len(talks) >= MOST_TALKS,
    )


def _hours(cursor: Any, made: Made, host: str, since_s: float, until_s: float) -> tuple[HostHour, ...]:
    sql, values = made.sql(HOSTS_SQL, hosts=[host])
    text = (
        "SELECT hour, sum(coalesce(flows_out, 0))::BIGINT, sum(coalesce(flows_in, 0))::BIGINT, sum(sent), "  # noqa: S608
        "sum(received), sum(alerts)::BIGINT, max(score), sum(peers)::BIGINT, min(first_ns), max(last_ns) "
        f"FROM ({sql}) WHERE host = ? AND hour BETWEEN ? AND ? GROUP BY hour ORDER BY hour"
    )
    rows = cursor.execute(text, [*values, host, int(since_s // 3600), int(until_s // 3600)]).fetchall()
    return tuple(HostHour(*row) for row in rows)


def _talks(cursor: Any, made: Made, host: str) -> list[Talk]:
    sql, values = made.sql(TALKS_SQL, hosts=[host])
    text = (
        "SELECT peer, serves, protocol, port, service, day, sum(flows)::BIGINT, sum(sent), sum(received), "  # noqa: S608
        "sum(alerts)::BIGINT, max(score), min(first_ns), max(last_ns), any_value(source) "
        f"FROM ({sql}) WHERE host = ? GROUP BY peer, serves, protocol, port, service, day "
        f"ORDER BY 7 DESC, 1, 2, 3, 4, 5, 6 LIMIT {MOST_TALKS}"
    )
    return [Talk(*row) for row in cursor.execute(text, [*values, host]).fetchall()]


def _by_hour(hours: tuple[HostHour, ...]) -> tuple[float, ...]:
    days = len({hour.number // 24 for hour in hours})
    flows = [0] * 24
    for hour in hours:
        flows[hour.number % 24] += hour.flows
    return tuple(count / days for count in flows)


def _services(talks: list[Talk]) -> tuple[UsualService, ...]:
    groups: dict[tuple[bool, int, int, str], list[Talk]] = defaultdict(list)
    for talk in talks:
        groups[talk.serves, talk.protocol, talk.port, talk.service].append(talk)
    total = {serves: sum(talk.flows for talk in talks if talk.serves == serves) for serves in (False, True)}
    services = [
        UsualService(
            protocol, port, service, serves,
            flows=(flows := sum(talk.flows for talk in some)),
            sent=sum(talk.sent for talk in some),
            received=sum(talk.received for talk in some),
            share=flows / total[serves],
            days=len({talk.day for talk in some}),
            peers=len({talk.peer for talk in some}),
            first_ns=min(talk.first_ns for talk in some),
            last_ns=max(talk.last_ns for talk in some),
        )
        for (serves, protocol, port, service), some in groups.items()
    ]  # fmt: skip
    return tuple(sorted(services, key=lambda one: (-one.flows, one.port, one.protocol, one.serves, one.service)))


def _peers(talks: list[Talk]) -> tuple[UsualPeer, ...]:
    groups: dict[str, list[Talk]] = defaultdict(list)
    for talk in talks:
        groups[talk.peer].append(talk)
    peers = [
        UsualPeer(
            peer,
            serves=any(not talk.serves for talk in some),
            asks=any(talk.serves for talk in some),
            services=tuple(dict.fromkeys(talk.service or (str(talk.port) if talk.port else "other") for talk in some)),
            flows=sum(talk.flows for talk in some),
            sent=sum(talk.sent for talk in some),
            received=sum(talk.received for talk in some),
            alerts=sum(talk.alerts for talk in some),
            days=len({talk.day for talk in some}),
            first_ns=min(talk.first_ns for talk in some),
            last_ns=max(talk.last_ns for talk in some),
        )
        for peer, some in groups.items()
    ]
    return tuple(sorted(peers, key=lambda one: (-one.flows, one.peer)))
