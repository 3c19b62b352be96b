"""What is wrong with a part of the service, as its processes tell each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong until it is not told any more.

    Attributes:
        code: Which kind of thing; of each kind a source has one at a time.
        text: In words, with what to do.
        level: "warning" or "error".
    """

    code: str
    text: str
    level: str = "warning"

    def as_list(self) -> list[str]:
        """For JSON."""
        return [self.code, self.level, self.text]

    @classmethod
    def of(cls, told: Any) -> Self | None:
        """From JSON; None where it is none."""
        match told:
            case [str(code), str(level), str(text)]:
                return cls(code, text, level)
        return None


def texts(problems: Iterable[Problem]) -> list[str]:
    """In words, errors first."""
    return [problem.text for problem in sorted(problems, key=lambda problem: problem.level != "error")]
