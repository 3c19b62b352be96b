"""How flows are cut: time-outs and limits, stated once and kept in every model that was learnt with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from oddflow.errors import UsageError

MAX_ACTIVE_TIMEOUT_S = 3_000.0
"""Above it, a sum of squared gaps in µs² could pass 2⁶³."""

LEAST_MAX_FLOWS = 16

REORDER_SLACK_S = 1.0
"""Packets this much late still find their flow open."""


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """Time-outs in seconds and the most flows held at a time.

    Attributes:
        idle_timeout_s: A TCP flow ends after this long without a packet; connections are kept open in silence.
        datagram_timeout_s: Any other flow does after this; ports are soon used again.
        active_timeout_s: A flow that lasts longer is cut and goes on as a new one.
        closed_timeout_s: A TCP flow that said goodbye waits this long for stragglers.
        max_flows: When more are open, the one longest quiet is ended early, and counted.
    """

    idle_timeout_s: float = 300.0
    active_timeout_s: float = 1_800.0
    closed_timeout_s: float = 5.0
    max_flows: int = 65_536
    datagram_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuses settings that no meter can keep."""
        for name in ("idle_timeout_s", "active_timeout_s", "closed_timeout_s", "datagram_timeout_s"):
            value = getattr(self, name)
            if not 0 < value <= MAX_ACTIVE_TIMEOUT_S:
                raise UsageError(f"{name} is {value}; expected more than 0 and at most {MAX_ACTIVE_TIMEOUT_S:.0f} s")
        if not LEAST_MAX_FLOWS <= self.max_flows <= 4_194_304:
            raise UsageError(f"max_flows is {self.max_flows}; expected {LEAST_MAX_FLOWS} to 4,194,304")

    @property
    def longest_wait_s(self) -> float:
        """How long after its last packet a flow is known to have ended, at most."""
        return max(self.idle_timeout_s, self.datagram_timeout_s, self.closed_timeout_s) + REORDER_SLACK_S

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Self:
        """The settings that `as_dict` gave; raises UsageError for any others."""
        try:
            return cls(**known)
        except TypeError:
            raise UsageError(f"no meter settings: {dict(known)}; was the model made by another version?") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings for a manifest."""
        return asdict(self)
