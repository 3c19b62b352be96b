"""What the events of a journal amount to: names, their versions, and which version is active."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from oddflow.errors import UsageError
from oddflow.models.registry.journal import Event, What

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REFERENCE = re.compile(rf"({_NAME.pattern})(?:@([1-9][0-9]{{0,8}}))?")


@dataclass(slots=True)
class Version:
    """A model under a name.

    Attributes:
        number: From 1; none is used twice.
        added: When it came, and what it is.
        shadows: Comparisons with models that were active then.
    """

    number: int
    added: Event
    shadows: list[Event] = field(default_factory=list)

    @property
    def sha256(self) -> str:
        """Of its file."""
        return self.added.sha256

    def comparison_with(self, sha256: str) -> Event | None:
        """The last time that it was seen beside that model on the same traffic."""
        return next((event for event in reversed(self.shadows) if event.against == sha256), None)


@dataclass(slots=True)
class Named:
    """A name in the registry.

    Attributes:
        name: As it is written.
        versions: Those that are there, by number.
        activated: Versions that were active, one after another, the present one last; rolling back takes it away.
        events: All that happened to it, oldest first.
    """

    name: str
    versions: dict[int, Version] = field(default_factory=dict)
    activated: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def active(self) -> Version | None:
        """The version that the name alone means."""
        return self.versions[self.activated[-1]] if self.activated else None

    @property
    def previous(self) -> Version | None:
        """The version that a rollback makes active."""
        return self.versions[self.activated[-2]] if len(self.activated) > 1 else None

    def version(self, number: int) -> Version:
        """One version.

        Raises:
            UsageError: There is none such.
        """
        if number not in self.versions:
            known = ", ".join(map(str, self.versions)) or "none"
            raise UsageError(f"{self.name} has no version {number}; there are {known}")
        return self.versions[number]

    def take(self, event: Event) -> None:
        """What an event changes."""
        self.events.append(event)
        number = event.version
        if event.what is What.ADD:
            self.versions[number] = Version(number, event)
        elif number not in self.versions:
            return
        elif event.what is What.PROMOTE:
            self.activated.append(number)
        elif event.what is What.ROLLBACK:
            self.activated.pop()
        elif event.what is What.SHADOW:
            self.versions[number].shadows.append(event)
        else:
            del self.versions[number]
            self.activated = _without_repeats(one for one in self.activated if one != number)


def state_of(events: Iterable[Event]) -> dict[str, Named]:
    """All names by what happened, in alphabetical order."""
    found: dict[str, Named] = {}
    for event in events:
        found.setdefault(event.name, Named(event.name)).take(event)
    return dict(sorted(found.items()))


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        UsageError: It may not be one.
    """
    if not _NAME.fullmatch(name) or name.endswith(".oddflow"):
        raise UsageError(
            f"a model cannot be called {name!r}; expected up to 64 of a–z, 0–9, '.', '_' and '-', not with .oddflow "
            "at its end"
        )
    return name


def reference(text: str) -> tuple[str, int | None] | None:
    """A name and a version, of "office" or "office@3"; None where it can only be a path.

    >>> reference("office@3"), reference("office"), reference("./office")
    (('office', 3), ('office', None), None)
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or match[1].endswith(".oddflow"):
        return None
    return match[1], int(match[2]) if match[2] else None


def _without_repeats(numbers: Iterable[int]) -> list[int]:
    kept: list[int] = []
    for number in numbers:
        if kept[-1:] != [number]:
            kept.append(number)
    return kept
