"""A question about flows, as a person types it."""

import re
import time
from dataclasses import dataclass
from typing import Any

from oddflow.server.flowstore.columns import STORED_SCHEMA
from oddflow.server.flowstore.fields import FIELDS, Field
from oddflow.server.flowstore.grammar import Parser

NEWEST = FIELDS["end"]
_NAME = re.compile(r"\w+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """A question, compiled.

    Attributes:
        text: As it was typed.
        where: A condition in SQL with a `?` for each value; empty where all flows are meant.
        values: They.
        since_ns, until_ns: Flows that ended in this stretch of time, ns since 1970, both included; None for no end.
        sources: Of these sources only; None for all.
        hosts: Of these hosts only, at either end; None for all.
        order: What the result is sorted by.
        descending: The greatest first.
        limit: How many rows are wanted; None where the question does not say.
    """

    text: str = ""
    where: str = ""
    values: tuple[Any, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    sources: frozenset[str] | None = None
    hosts: frozenset[str] | None = None
    order: Field = NEWEST
    descending: bool = True
    limit: int | None = None

    @property
    def columns(self) -> frozenset[str]:
        """Columns that it asks about or is sorted by."""
        return frozenset(_NAME.findall(f"{self.where} {self.order.sorts}")) & frozenset(STORED_SCHEMA.names)

    @classmethod
    def parse(cls, text: str, *, now_ns: int | None = None) -> "Query":
        """Reads a question.

        Args:
            text: "src_ip = 10.0.0.5 and score > 3 last 2h"; empty for the newest flows.
            now_ns: What `last` counts from; now unless given.

        Raises:
            WrongQuery: It is no question; a UsageError that says where, and what was expected.
        """
        asked, clauses = Parser(text, time.time_ns() if now_ns is None else now_ns).read()
        order = clauses.order or NEWEST
        return cls(
            text=text,
            where="" if asked is None else asked.sql,
            values=() if asked is None else asked.values,
            since_ns=clauses.since_ns,
            until_ns=clauses.until_ns,
            sources=None if asked is None else asked.sources,
            hosts=None if asked is None else asked.hosts,
            order=NEWEST if order.name == "time" else order,
            descending=clauses.descending,
            limit=clauses.limit,
        )
