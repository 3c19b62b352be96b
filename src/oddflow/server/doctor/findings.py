"""What was found, each with what to do about it."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It will run, and perhaps not as one wants."""
    FAULT = "fault"
    """It cannot run so, or not all of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them.

    Attributes:
        level: How bad it is.
        about: A section of the settings, and which one where there are several.
        text: What was found.
        advice: What to do; empty where it is well.
    """

    level: Level
    about: str
    text: str
    advice: str = ""


@dataclass(slots=True)
class Findings:
    """All of them, in the order in which they were found."""

    found: list[Finding] = field(default_factory=list)

    def well(self, about: str, text: str) -> None:
        """It is as it should be."""
        self.found.append(Finding(Level.OK, about, text))

    def warn(self, about: str, text: str, advice: str) -> None:
        """It will run, and perhaps not as one wants."""
        self.found.append(Finding(Level.WARNING, about, text, advice))

    def fault(self, about: str, text: str, advice: str = "") -> None:
        """It cannot run so; our errors say what to do themselves."""
        self.found.append(Finding(Level.FAULT, about, text, advice))

    def count(self, level: Level) -> int:
        """How many of a level there are."""
        return sum(finding.level is level for finding in self.found)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "faults": self.count(Level.FAULT),
            "warnings": self.count(Level.WARNING),
            "findings": [asdict(finding) for finding in self.found],
        }
