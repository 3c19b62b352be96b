"""A kind of tabular representation: which columns it has and what they are computed from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from oddflow.features.columns import Floats, integers, numbers, services
from oddflow.features.feature import Feature

NO_ANSWER, REFUSED, NO_DATA, ONE_WAY, BOTH_WAYS = 0, 1, 2, 3, 4
OUTCOMES = {
    NO_ANSWER: "no answer", REFUSED: "refused", NO_DATA: "opened without data",
    ONE_WAY: "data one way only", BOTH_WAYS: "data both ways",
}  # fmt: skip

Columns = Callable[[pa.RecordBatch], Floats]
"""One feature of each flow, (n,)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a representation is made of.

    Attributes:
        version: Names it in models: "tabular-1".
        own: Features of a flow by itself, and what gives each.
        beside: More of them, that one function gives together.
        give_beside: Gives those, each (n,).
        needed: Columns of the flow table that a source must know.
        exchanged: Bytes that the initiator and the responder sent, each (n,): what context counts.
    """

    version: str
    own: tuple[tuple[Feature, Columns], ...]
    beside: tuple[Feature, ...]
    give_beside: Callable[[pa.RecordBatch], list[Floats]]
    needed: tuple[str, ...]
    exchanged: Callable[[pa.RecordBatch], tuple[Floats, Floats]]


def ratio(above: Floats, below: Floats) -> Floats:
    """Quotients, (n,); 0 where the divisor is not positive."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def durations_s(batch: pa.RecordBatch) -> Floats:
    """How long each flow lasted, (n,)."""
    return np.maximum(0, (integers(batch, "end") - integers(batch, "start")) / 1e9)


def rates_per_s(batch: pa.RecordBatch, what: str) -> Floats:
    """Packets or bytes a second both ways, (n,): 0 for a single packet; durations under a millisecond count as one."""
    packets = both_ways(batch, "packets")
    return np.where(packets > 1, both_ways(batch, what) / np.maximum(1e-3, durations_s(batch)), 0.0)


def both_ways(batch: pa.RecordBatch, what: str) -> Floats:
    """Sum of a counter over both directions, (n,)."""
    return numbers(batch, f"forward_{what}") + numbers(batch, f"reverse_{what}")


def service_numbers(batch: pa.RecordBatch) -> Floats:
    """What each flow asks for, (n,): at most 255 × 65536 + 65535 < 2²⁴, exact in float32."""
    return services(batch).astype(np.float64)


def column(name: str) -> Columns:
    """A column of the flow table as it is."""
    return lambda batch: numbers(batch, name)
