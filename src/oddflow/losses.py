"""The loss ledger: what a stage could not use, by reason."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from oddflow.errors import NothingMetered

MAX_DETAILS = 64


class Loss(StrEnum):
    """Why a packet or record was not metered; the value is what people read."""

    SNAPPED = "cut by the capture's snap length inside the headers"
    LINK_TYPE = "link type not read"
    NOT_IP = "not IP"
    ARP = "malformed ARP"
    IP_HEADER = "malformed IP header"
    TRANSPORT_HEADER = "malformed transport header"
    TUNNEL_DEPTH = "more headers than the limit"
    RECORD = "record that cannot be read"
    EXPORTED = "lost on the way from the exporter"
    MESSAGE = "export message that cannot be read"
    TEMPLATE = "record whose template never came"
    RING = "dropped: the capture ring was full"
    INTERFACE = "dropped by the interface or the kernel before capture"


class Ledger:
    """Counts what came in, what was used and what was lost, by reason.

    >>> ledger = Ledger()
    >>> ledger.used(98)
    >>> ledger.lost(Loss.NOT_IP, 2, "LLDP")
    >>> ledger.total, ledger.metered, ledger.lost_total, ledger.as_dict()["losses"]
    (100, 98, 2, {'not IP: LLDP': 2})
    """

    def __init__(self, unit: str = "packets") -> None:
        self.unit = unit
        self.metered = 0
        self.reasons: Counter[str] = Counter()
        self.damages: list[str] = []
        self.notes: list[str] = []
        self.evicted_flows = 0
        self.unread: Counter[str] = Counter()
        self.first_at: dict[str, str] = {}

    def used(self, count: int) -> None:
        """Adds packets that reached a flow."""
        self.metered += count

    def lost(self, reason: Loss, count: int = 1, detail: str = "", *, at: str = "") -> None:
        """Adds packets or records that could not be used.

        A reason has at most 64 details; what comes after them is added up as "other".

        Args:
            reason: Why.
            count: How many.
            detail: What exactly (a link type, say).
            at: Where: "conn.log, line 12"; the first place of each reason and detail is kept.
        """
        if not count:
            return
        name = f"{reason}: {detail}" if detail else str(reason)
        if detail and name not in self.reasons and self._details(reason) >= MAX_DETAILS:
            name = f"{reason}: other"
        self.reasons[name] += count
        if at:
            self.first_at.setdefault(name, at)

    def _details(self, reason: Loss) -> int:
        return sum(known.startswith(f"{reason}: ") for known in self.reasons)

    def damaged(self, text: str) -> None:
        """Adds what was lost of a source without a count of packets: it ends early, it is broken from here on."""
        if text not in self.damages:
            self.damages.append(text)

    def noted(self, text: str) -> None:
        """Adds what a person should know and is no loss: files that were passed over, say."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, other: "Ledger", *, packets: bool = True) -> None:
        """Adds what another ledger counted; without its packets where both saw the same ones."""
        if packets:
            self.metered += other.metered
            self.reasons.update(other.reasons)
            self.first_at = other.first_at | self.first_at
        self.evicted_flows += other.evicted_flows
        self.unread.update(other.unread)
        for text in other.damages:
            self.damaged(text)
        for text in other.notes:
            self.noted(text)

    @property
    def complete(self) -> bool:
        """True where nothing was lost."""
        return not self.lost_total and not self.damages

    @property
    def lost_total(self) -> int:
        """Packets lost, for all reasons."""
        return sum(self.reasons.values())

    @property
    def total(self) -> int:
        """Packets that came in: metered + lost, always."""
        return self.metered + self.lost_total

    def told(self, reason: str) -> str:
        """A reason with the first place where it was met, where that is known."""
        return f"{reason} (first in {self.first_at[reason]})" if reason in self.first_at else reason

    def nothing_metered(self, sources: Sequence[str]) -> NothingMetered:
        """The error for sources that could be read and held no flow: it says why."""
        lost = [f"{count:,} {self.unit}: {self.told(reason)}" for reason, count in self.reasons.most_common(3)]
        why = "; ".join([*lost, *self.damages]) or f"no {self.unit} are in it"
        return NothingMetered(f"no flow in {', '.join(sources)}: {why}")

    def as_dict(self) -> dict[str, object]:
        """The ledger for JSON."""
        return {
            "unit": self.unit,
            "total": self.total,
            "metered": self.metered,
            "lost": self.lost_total,
            "losses": dict(self.reasons.most_common()),
            "first_at": dict(self.first_at),
            "evicted_flows": self.evicted_flows,
            "unread_first_bytes": dict(self.unread.most_common()),
            "damages": list(self.damages),
            "notes": list(self.notes),
        }
