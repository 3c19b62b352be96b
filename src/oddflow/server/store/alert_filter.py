"""Which alerts are looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement

from oddflow.server.store.tables import alerts
from oddflow.server.store.texts import holds_all, key


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """What alerts must have; None is anything.

    Attributes:
        source, sensor: Where they came from.
        since_ns, until_ns: They began from the first on, and before the second; ns since 1970 UTC.
        min_score: At least.
        category: Which kind of attack; "" for those that no kind is known of.
        host: Either end.
        incident: What they belong to.
        verdict: What people say: "benign", "malicious", or "" for nothing yet.
        text: Each of its words is in what alerts are found by: addresses, names, labels, kinds, the first reason.
        order: The newest or the highest-scoring first.
    """

    source: str | None = None
    sensor: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    min_score: float | None = None
    category: str | None = None
    host: str | None = None
    incident: str | None = None
    verdict: str | None = None
    text: str = ""
    order: Literal["newest", "score"] = "newest"


def conditions(wanted: AlertFilter) -> Sequence[ColumnElement[bool]]:
    """The same for the database, but for the host."""
    column = alerts.c
    found: list[ColumnElement[bool]] = [
        column[name] == key(value)
        for name in ("source", "sensor", "category", "incident", "verdict")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.verdict:
        found.append(column.verdict != "")  # so that the index of what has a verdict is seen to fit
    if wanted.since_ns is not None:
        found.append(column.start_ns >= wanted.since_ns)
    if wanted.until_ns is not None:
        found.append(column.start_ns < wanted.until_ns)
    if wanted.min_score is not None:
        found.append(column.score >= wanted.min_score)
    return [*found, *holds_all(column.words, wanted.text)]
