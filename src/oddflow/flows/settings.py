"""How flows are cut: time-outs and limits, stated once and kept in every model that was learnt with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from oddflow.errors import UsageError

MAX_ACTIVE_TIMEOUT_S = 3_000.0
"""Above it, a sum of squared gaps in µs² could pass 2⁶³."""

LEAST_MAX_FLOWS = 16

REORDER_SLACK_S = 1.0
"""Packets this much late still find their flow open."""


class Payload(StrEnum):
    """What the `payload` column holds: the four variants of USTC-TK2016 (Wang et al. 2017), or nothing.

    A session is both directions in arrival order; a flow is one, so that `reverse_payload` holds the other. Frames are
    packets with all their headers, addresses zeroed; else the transport payload counts.
    """

    SESSION = "session"
    SESSION_FRAMES = "session-frames"
    FLOW = "flow"
    FLOW_FRAMES = "flow-frames"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How flows are cut and what of them is kept.

    Attributes:
        idle_timeout_s: A TCP flow ends after this long without a packet; connections are kept open in silence.
        datagram_timeout_s: Any other flow does after this; ports are soon used again.
        active_timeout_s: A flow that lasts longer is cut and goes on as a new one.
        closed_timeout_s: A TCP flow that said goodbye waits this long for stragglers.
        max_flows: When more are open, the one longest quiet is ended early, and counted.
        early_packets: A flow of so many packets gives an early record, and its final one later; 0: none does.
        payload: Which bytes the payload column keeps.
        tunnels: Whether packets inside tunnels are metered, or the tunnels themselves.
        first_bytes_mib: Memory for the first bytes of open flows, which say what they speak.
    """

    idle_timeout_s: float = 300.0
    active_timeout_s: float = 1_800.0
    closed_timeout_s: float = 5.0
    max_flows: int = 65_536
    datagram_timeout_s: float = 10.0
    early_packets: int = 0
    payload: Payload = Payload.SESSION
    tunnels: bool = True
    first_bytes_mib: int = 24

    def __post_init__(self) -> None:
        """Refuses settings that no meter can keep."""
        for name in ("idle_timeout_s", "active_timeout_s", "closed_timeout_s", "datagram_timeout_s"):
            value = getattr(self, name)
            if not 0 < value <= MAX_ACTIVE_TIMEOUT_S:
                raise UsageError(f"{name} is {value}; expected more than 0 and at most {MAX_ACTIVE_TIMEOUT_S:.0f} s")
        if not LEAST_MAX_FLOWS <= self.max_flows <= 4_194_304:
            raise UsageError(f"max_flows is {self.max_flows}; expected {LEAST_MAX_FLOWS} to 4,194,304")
        if not 0 <= self.early_packets <= 1_000_000:
            raise UsageError(f"early_packets is {self.early_packets}; expected 0 (no early records) to 1,000,000")
        if not 0 <= self.first_bytes_mib <= 4_096:
            raise UsageError(f"first_bytes_mib is {self.first_bytes_mib}; expected 0 to 4,096")
        if self.payload not in list(Payload):
            raise UsageError(f"payload is {self.payload!r}; expected one of {', '.join(Payload)}")

    @property
    def longest_wait_s(self) -> float:
        """How long after its last packet a flow is known to have ended, at most."""
        return max(self.idle_timeout_s, self.datagram_timeout_s, self.closed_timeout_s) + REORDER_SLACK_S

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Self:
        """The settings that `as_dict` gave; raises UsageError for any others."""
        try:
            named: dict[str, Any] = dict(known)
            return cls(**named | {"payload": Payload(named.get("payload", Payload.SESSION))})
        except (TypeError, ValueError):
            raise UsageError(f"no meter settings: {dict(known)}; was the model made by another version?") from None

    def as_dict(self) -> dict[str, Any]:
        """The settings for a manifest."""
        return asdict(self)
