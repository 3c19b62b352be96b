"""A settings file with every key in it: its meaning, what it may be, its default; made from the models."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oddflow.server.settings.keys import Key, Section, sections

WIDTH = 100
_EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "sources": {"name": "office", "interface": "eth0"},
    "outputs": {"to": "syslog+tls://siem.example.org:6514?format=ecs"},
}
"""What a section that repeats shows: it has no defaults for what must be given."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Values that fit this machine, to be written without a # before them.

    Attributes:
        values: By section and key, of sections that do not repeat.
        sources: Each with its keys.
        notes: By section, lines for the reader.
    """

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Sequence[Mapping[str, Any]] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def sample(suggestion: Suggestion | None = None) -> str:
    """The text of a settings file; where a # stands right before a key, the key has its default.

    A value of "" stands where nothing is the default: reading takes it for that.
    """
    suggestion = suggestion or Suggestion()
    lines = [
        "# The settings of an Oddflow service. `oddflow doctor FILE` checks them against this machine,",
        "# `oddflow serve FILE` runs them. A key behind a # has its default; take the # away to change it.",
        "# Relative paths are relative to this file. Unknown keys are refused.",
    ]
    for section in sections():
        lines += ["", *_wrapped(f"{section.meaning[:1].upper()}{section.meaning[1:]}")]
        for note in suggestion.notes.get(section.name, ()):
            lines += _wrapped(note)
        if section.repeats:
            lines += _repeating(section, suggestion)
        else:
            lines.append(section.header)
            lines += _keys(section, suggestion.values.get(section.name, {}))
    return "\n".join(lines) + "\n"


def _repeating(section: Section, suggestion: Suggestion) -> Iterator[str]:
    given = suggestion.sources if section.name == "sources" else ()
    for values in given:
        yield section.header
        yield from (f"{name} = {written(value)}" for name, value in values.items())
        yield ""
    yield f"#{section.header}"
    yield from _keys(section, {}, _EXAMPLES.get(section.name, {}))


def _keys(section: Section, values: Mapping[str, Any], examples: Mapping[str, str] | None = None) -> Iterator[str]:
    for key in section.keys:
        yield from _wrapped(f"{key.meaning} {_range(key)}".strip())
        if key.name in values:
            yield f"{key.name} = {written(values[key.name])}"
        else:
            default = (examples or {}).get(key.name, key.default)
            yield f"#{key.name} = {written(default)}"


def _range(key: Key) -> str:
    told = ("a whole number", "a number", "one of", "lower-case")
    return f"({key.expected})" if key.expected.startswith(told) else ""


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False)]


def written(value: Any) -> str:
    """A value as TOML has it.

    >>> written("a\\tb"), written(True), written([Path("/x")]), written(None), written(20.0)
    ('"a\\\\tb"', 'true', '["/x"]', '""', '20.0')
    """
    if value is None:
        return '""'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, Path | str):
        # of JSON's escapes TOML lacks \/ alone, which is never written; DEL is an escape in TOML only
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
    return json.dumps(value)


def uncommented(text: str) -> str:
    """The same with every key in force."""
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"
