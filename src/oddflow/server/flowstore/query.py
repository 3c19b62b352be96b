"""A question about flows, as a person types it."""

import time
from dataclasses import dataclass
from typing import Any

from oddflow.errors import UsageError

NEWEST = "end"


@dataclass(frozen=True, slots=True)
class Query:
    """A question, compiled.

    Attributes:
        text: As it was typed.
        where: A condition in SQL with a `?` for each value; empty where all flows are meant.
        values: They.
        since_ns, until_ns: Flows that ended in this stretch of time, ns since 1970; None for no end.
        sources: Of these sources only; None for all.
        order: What the result is sorted by, a field's name.
        descending: The greatest first.
        limit: How many rows are wanted; None where the question does not say.
    """

    text: str = ""
    where: str = ""
    values: tuple[Any, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    sources: frozenset[str] | None = None
    order: str = NEWEST
    descending: bool = True
    limit: int | None = None

    @classmethod
    def parse(cls, text: str, *, now_ns: int | None = None) -> "Query":
        """Reads a question.

        Args:
            text: "src_ip = 10.0.0.5 and score > 3 last 2h"; empty for the newest flows.
            now_ns: What `last` counts from; now unless given.

        Raises:
            UsageError: It is no question; the message says where, and what was expected.
        """
        now_ns = time.time_ns() if now_ns is None else now_ns
        if text.strip():
            raise UsageError("questions are not read yet")
        return cls(text=text)
