"""A candidate: a row of alike alerts that waits for an analyst's look."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oddflow.verdicts.alert import AlertRow

FIRST_MINUTES = 2.0
"""An assumption, not a measurement: what any look takes, to open the row and read its reasons."""
MOST_MINUTES = 12.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an analyst could know of a row of alerts before looking at it.

    Attributes:
        score: Of its highest alert.
        alerts: How many alerts it holds.
        peers: Different destinations among them.
        ports: Different destination ports among them.
        lasted_s: From the first alert's start to the last one's end.
        category_probability: How likely an attack of some kind it is, where a model tells; else 0.
        protocol: The IP protocol's number.
        has_payload: Whether any of its alerts carried data.
        kind: What makes it alike to others: protocol, port where there are data, category.
        source: The source address.
        hosts: The source and the first few destinations.
        minutes: What a look at it costs.
    """

    score: float
    alerts: int
    peers: int
    ports: int
    lasted_s: float
    category_probability: float
    protocol: int
    has_payload: bool
    kind: tuple[int, int, str]
    source: str
    hosts: frozenset[str]
    minutes: float


MOST_HOSTS = 16


def minutes_for(alerts: int, peers: int) -> float:
    """What a look at a row costs: more alerts and more destinations take longer, by their logarithms.

    >>> minutes_for(1, 1), minutes_for(5_000, 1), round(minutes_for(30, 8), 1)
    (3.0, 12.0, 10.0)
    """
    return min(MOST_MINUTES, FIRST_MINUTES + math.log2(1 + alerts) + math.log2(max(1, peers)))


def candidate_of(row: AlertRow, hall: str = "") -> Candidate:
    """What can be known of a row; `hall` keeps hosts of different networks apart, where queues are mixed."""
    alerts, top = row.alerts, row.top
    peers = _distinct(f"{hall}{alert.dst_ip}" for alert in alerts)
    has_payload = any(alert.payload_bytes or alert.payload for alert in alerts)
    source = f"{hall}{top.src_ip}"
    span_ns = max(alert.end_ns for alert in alerts) - min(alert.start_ns for alert in alerts)
    return Candidate(
        score=top.score,
        alerts=len(alerts),
        peers=len(peers),
        ports=len({alert.dst_port for alert in alerts}),
        lasted_s=max(0, span_ns) / 1e9,
        category_probability=max(alert.category_probability for alert in alerts),
        protocol=top.protocol,
        has_payload=has_payload,
        kind=(top.protocol, top.dst_port if has_payload else 0, top.category),
        source=source,
        hosts=frozenset([source, *peers[:MOST_HOSTS]]),
        minutes=minutes_for(len(alerts), len(peers)),
    )


def _distinct(names: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(names))
