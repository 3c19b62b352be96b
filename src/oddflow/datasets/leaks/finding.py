"""What one check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Figure = int | float | str | list[str] | None


class Severity(StrEnum):
    """How much a finding weighs, the least first; the value is what people read."""

    CLEAN = "clean"
    NOT_CHECKED = "not checked"
    NOTE = "note"
    WARNING = "warning"
    SEVERE = "severe"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: Its name: "exact repeats".
        severity: How much it weighs.
        what: A sentence with figures.
        advice: What to do; "" where there is nothing to do.
        figures: The figures by their names, as JSON values.
    """

    check: str
    severity: Severity
    what: str
    advice: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The finding for JSON."""
        return {
            "check": self.check, "severity": self.severity.value, "what": self.what, "advice": self.advice,
            "figures": dict(self.figures),
        }  # fmt: skip


def by_share(share: float, *, note: float = 0.0, warning: float, severe: float) -> Severity:
    """How much a share weighs: more than `note`, at least `warning`, at least `severe`."""
    if share >= severe:
        return Severity.SEVERE
    if share >= warning:
        return Severity.WARNING
    return Severity.NOTE if share > note else Severity.CLEAN


def percent(share: float) -> str:
    """A share in words; what is not nothing is never called 0, nor what is not all 100.

    >>> percent(0.1234), percent(0.00001), percent(0.99999), percent(0)
    ('12.3 %', '< 0.1 %', '> 99.9 %', '0 %')
    """
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
