"""What a search answers."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowPage:
    """Flows, in the order that was asked for.

    Attributes:
        columns: Names of what each row has.
        rows: A dictionary a flow; times are ns since 1970, text is as it came from the wire.
        seconds: How long it took.
        files: Parts that were looked at.
        looked: Flows that these hold.
        truncated: There are more; `next` asks for them.
        next: For `after`; None where there is nothing more.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    seconds: float
    files: int
    looked: int
    truncated: bool
    next: str | None = field(default=None)
