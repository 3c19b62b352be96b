"""Keys that had other names: old files go on to be read for two minor versions, with a warning that says what to write.

A key that is renamed, or that moves to another section, gets a line in `RENAMED`. A test fails once the version in
`until` has come, and the line goes then: the old name is an unknown key from there on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oddflow.errors import UsageError


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key that is called something else now.

    Attributes:
        old, new: SECTION.KEY, of sections that do not repeat, or of the same one that does.
        since: The version that brought the new name.
        until: The first version that does not know the old one: two minor versions later.
    """

    old: str
    new: str
    since: str
    until: str

    @property
    def remark(self) -> str:
        """What to do."""
        was, now = self.old.partition("."), self.new.partition(".")
        return (
            f"[{was[0]}] {was[2]} is called [{now[0]}] {now[2]} since version {self.since}: write that; "
            f"version {self.until} will refuse the old name"
        )


RENAMED: tuple[Renamed, ...] = ()
"""All of them; none yet."""


def renew(given: dict[str, Any], renamed: Sequence[Renamed] = RENAMED) -> list[str]:
    """Puts values of old keys under their new names, in place; gives what to say of each.

    Raises:
        UsageError: Old and new name are both given.
    """
    said = []
    for one in renamed:
        section, key = one.old.split(".")
        to_section, to_key = one.new.split(".")
        for old in _tables(given.get(section)):
            if key not in old:
                continue
            new = old if section == to_section else given.setdefault(to_section, {})
            if not isinstance(new, dict):
                continue
            if to_key in new:
                raise UsageError(
                    f"[{section}] {key} and [{to_section}] {to_key} are both given, and the first is the old name of "
                    "the second; take it out"
                )
            new[to_key] = old.pop(key)
            said.append(one.remark)
    return list(dict.fromkeys(said))


def _tables(value: Any) -> list[dict[str, Any]]:
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, dict)]
