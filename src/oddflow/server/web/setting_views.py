"""The settings in effect as pages show them: each with its meaning and whether the file gives it; never a secret."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from pydantic import BaseModel, SecretStr

from oddflow.errors import UsageError
from oddflow.outputs.address import Address
from oddflow.server.settings.keys import sections
from oddflow.server.settings.settings import Settings

NOT_SHOWN = "set; not shown"
_USER = re.compile(r"//([^/@:]*)(:[^/@]*)?@")
_QUERY = re.compile(r"([?&#][A-Za-z_.-]*(?:pass|secret|token|key|auth)[A-Za-z_.-]*)=[^&#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One key.

    Attributes:
        name: As the file has it.
        value: In words.
        meaning: In a sentence or two.
        given: Whether the file gives it; else it is the default.
    """

    name: str
    value: str
    meaning: Markup
    given: bool


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """A section of the file, or one of several like it."""

    header: str
    title: str
    meaning: str
    settings: tuple[Setting, ...]


def groups(settings: Settings) -> Iterator[SettingGroup]:
    """All sections that the file has, in its order; of those that repeat each for itself."""
    in_effect = {("store", "url"): settings.store_url, ("models", "registry"): settings.registry_folder}
    for section in sections():
        found = getattr(settings, section.name)
        for part in found if section.repeats else [found]:
            meanings = {key.name: key.meaning for key in section.keys}
            title = str(getattr(part, "name", "")) if section.repeats else ""
            told = tuple(
                Setting(
                    name,
                    shown(name, in_effect.get((section.name, name), getattr(part, name))),
                    code_marked(meanings.get(name, "")),
                    name in part.model_fields_set,
                )
                for name in type(part).model_fields
            )
            yield SettingGroup(section.header, title, section.meaning, told)


def code_marked(text: str) -> Markup:
    """Text with what stands in backticks as code.

    >>> print(code_marked("see `a < b`"))
    see <code>a &lt; b</code>
    """
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def shown(name: str, value: Any) -> str:
    """A value in words.

    >>> shown("url", "postgresql+psycopg://me:hush@db/oddflow"), shown("payload", True), shown("filter", "")
    ('postgresql+psycopg://me:…@db/oddflow', 'yes', 'not set')
    """
    if value is None or value in ("", []):
        return "not set"
    if isinstance(value, SecretStr):
        return NOT_SHOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,g}"
    if isinstance(value, list):
        return ", ".join(shown(name, one) for one in value)
    if isinstance(value, BaseModel):
        return "set"
    if name == "to":
        return receiver(str(value))
    return masked(str(value))


def receiver(url: str) -> str:
    """Where alerts go, without user, options or anything that may be a secret."""
    try:
        return Address.parse(url).name
    except UsageError:
        return masked(url)


def masked(text: str) -> str:
    """Text without the password of a URL, and without values of options that sound secret.

    >>> masked("https://ops:hush@siem.example/in?token=abc&format=eve")
    'https://ops:…@siem.example/in?token=…&format=eve'
    """
    without = _USER.sub(lambda found: f"//{found[1]}:…@" if found[2] else found[0], text)
    return _QUERY.sub(r"\1=…", without)
