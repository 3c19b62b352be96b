"""The header lines of Zeek's tab-separated logs: what the columns below are."""

import re
from dataclasses import dataclass, field, replace

from oddflow.errors import InputError

BLANKS = "   "
"""Stands between three columns in one, in the labelled logs of IoT-23: tunnel_parents, label, detailed-label."""

_HEX = re.compile(r"\\x([0-9A-Fa-f]{2})")
MOST_FIELDS = 1_000


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines below a header are to be read.

    Attributes:
        names: The columns' names, as they stand; empty before a `#fields` line.
        separator: One character.
        unset: The text of a value that is absent; `empty`: that of an empty one.
        path: The log's name: "conn".
    """

    names: tuple[str, ...] = ()
    separator: str = "\t"
    unset: str = "-"
    empty: str = "(empty)"
    path: str = field(default="", compare=False)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of all fields, those taken apart that stand in one column."""
        return tuple(part for name in self.names for part in name.split(BLANKS))

    def after(self, line: str, where: str) -> "Layout":
        """The layout that holds from a header line on.

        Args:
            line: It, from its #.
            where: The log and the line, for messages.

        Raises:
            InputError: Columns that nothing can be read from.
        """
        key, _, value = line.partition(" ")
        if key == "#separator":
            return replace(Layout(), separator=_separator(value.strip(), where))
        key, _, value = line.partition(self.separator)
        if key == "#unset_field":
            return replace(self, unset=value)
        if key == "#empty_field":
            return replace(self, empty=value)
        if key == "#path":
            return replace(self, path=value)
        if key == "#fields":
            names = tuple(value.split(self.separator))
            if len(names) > MOST_FIELDS:
                raise InputError(f"{where}: {len(names):,} columns; expected at most {MOST_FIELDS:,}")
            return replace(self, names=names)
        if key.startswith("#fields"):
            raise InputError(
                f"{where}: the fields are not divided by {self.separator!r}, as #separator says; is it a Zeek log?"
            )
        return self  # #open, #close, #types, #set_separator


def _separator(text: str, where: str) -> str:
    character = _HEX.sub(lambda found: chr(int(found[1], 16)), text)
    if len(character) != 1 or character in '\n\r#"' or not character.isascii() or character.isalnum():
        raise InputError(f"{where}: #separator is {text!r}; expected one character, like \\x09")
    return character
