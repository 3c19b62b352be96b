"""A part of a question as SQL: a condition with its values apart, and what it says of sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition.

    Attributes:
        sql: With a `?` for each value. True, false or null.
        values: They, in order.
        sources: Flows of other sources cannot fulfil it; None where it does not say.
        hosts: Flows of which neither end is one of these cannot fulfil it; None where it does not say.
    """

    sql: str
    values: tuple[Any, ...] = ()
    sources: frozenset[str] | None = None
    hosts: frozenset[str] | None = None


def both(parts: Sequence[Condition]) -> Condition:
    """All of them."""
    if len(parts) == 1:
        return parts[0]
    return Condition(
        f"({' AND '.join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.values),
        _met([part.sources for part in parts]),
        _fewest([part.hosts for part in parts]),
    )


def either(parts: Sequence[Condition]) -> Condition:
    """At least one of them."""
    if len(parts) == 1:
        return parts[0]
    return Condition(
        f"({' OR '.join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.values),
        _joined([part.sources for part in parts]),
        _joined([part.hosts for part in parts]),
    )


def opposite(part: Condition) -> Condition:
    """Where it does not hold, or what it asks about is not known."""
    return Condition(f"({part.sql} IS NOT TRUE)", part.values)


def _met(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    said = [each for each in sets if each is not None]
    return frozenset.intersection(*said) if said else None


def _joined(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    said = [each for each in sets if each is not None]
    return frozenset.union(*said) if len(said) == len(sets) else None


def _fewest(sets: list[frozenset[str] | None]) -> frozenset[str] | None:
    """Any of them is right; the smallest passes over most."""
    said = [each for each in sets if each is not None]
    return min(said, key=len) if said else None
