"""A message: a notice in the format that one receiver wants."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """What a transport carries and a spool keeps.

    Attributes:
        id: Of the alert or incident, at most 255 bytes: receivers know by it what they were told before.
        body: What is said, one line where the format is one of lines.
        facts: A few words beside the body that a transport may want: time, severity, a headline.
    """

    id: str
    body: bytes
    facts: dict[str, str]

    @property
    def key(self) -> str:
        """An alert's id; of an incident also what is said of it, for one that has grown is told again."""
        if self.facts.get("kind") == "alert":
            return self.id
        return f"{self.id}-{hashlib.sha256(self.body).hexdigest()[:12]}"
