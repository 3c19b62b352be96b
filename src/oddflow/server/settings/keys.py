"""Every key of the settings file: its section, its meaning, what it may be; read off the models, so never stale."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from oddflow.server.settings.settings import Settings

_ITEM = re.compile(r"^ {4}([a-z_][a-z0-9_]*): (.*)$")
_HEAD = re.compile(r"\[\[?\w+\]\]?|`")


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: As it is written.
        meaning: In a sentence or two.
        expected: What its value may be, in words.
        default: None where nothing is the default; `needed` then says whether it must be given.
        needed: It has no default.
    """

    name: str
    meaning: str
    expected: str
    default: Any
    needed: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One section.

    Attributes:
        name: Without brackets.
        repeats: Whether it stands in double brackets, once for each thing.
        meaning: In a sentence.
        keys: In order.
    """

    name: str
    repeats: bool
    meaning: str
    keys: tuple[Key, ...]

    @property
    def header(self) -> str:
        """As it is written in the file."""
        return f"[[{self.name}]]" if self.repeats else f"[{self.name}]"


@cache
def sections() -> tuple[Section, ...]:
    """All sections, as the file has them."""
    return tuple(_section(name, *model_of(field)) for name, field in Settings.model_fields.items())


def model_of(field: FieldInfo) -> tuple[type[BaseModel], bool]:
    """The model of a section, and whether there may be several of it."""
    repeats = get_origin(field.annotation) is list
    model = get_args(field.annotation)[0] if repeats else field.annotation
    assert isinstance(model, type)  # noqa: S101  (Settings holds sections alone)
    assert issubclass(model, BaseModel)  # noqa: S101
    return model, repeats


def _section(name: str, model: type[BaseModel], repeats: bool) -> Section:
    head, meanings = _documented(model)
    properties = model.model_json_schema()["properties"]
    keys = []
    for key, field in model.model_fields.items():
        default = None if field.default is PydanticUndefined else field.default
        expected = expected_of(properties[key])
        keys.append(Key(key, meanings.get(key, ""), expected, default, field.is_required()))
    return Section(name, repeats, head, tuple(keys))


def _documented(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The first line of a docstring without the section's name, and what it says of each attribute."""
    first, _, rest = cleandoc(model.__doc__ or "").partition("\n")
    found: dict[str, str] = {}
    name = ""
    for line in rest.partition("Attributes:")[2].splitlines():
        if match := _ITEM.match(line):
            name = match[1]
            found[name] = match[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return _HEAD.sub("", first).removeprefix(": ").strip(), found


def expected_of(schema: Mapping[str, Any]) -> str:
    """What a JSON schema asks for, in words.

    >>> expected_of({"type": "integer", "minimum": 1, "maximum": 4096})
    'a whole number from 1 to 4,096'
    >>> expected_of({"anyOf": [{"type": "string", "format": "path"}, {"type": "null"}]})
    'a path'
    """
    if "anyOf" in schema:
        return " or ".join(expected_of(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(f'"{value}"' for value in schema["enum"])
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
        case "array":
            inside = expected_of(schema["items"])
            return "a list of paths" if inside == "a path" else "a list of texts"
        case _:
            pass
    if pattern := schema.get("pattern"):
        rest = "letters, digits, dots, dashes and underscores"
        return f"{rest}, 201 at most" if "A-Z" in pattern else f"lower-case {rest}, 63 at most"
    return {"path": "a path", "password": "env:NAME or file:PATH"}.get(schema.get("format", ""), "a text")


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = [f"above {above:,}"] if above is not None else []
    words += [f"{least:,} or more"] if least is not None else []
    words += [f"below {below:,}"] if below is not None else []
    words += [f"up to {most:,}"] if most is not None else []
    return " " + " and ".join(words) if words else ""


def may_be_none(field: FieldInfo) -> bool:
    """Whether nothing is a value of it."""
    return NoneType in get_args(field.annotation)


def holds(field: FieldInfo, kind: type) -> bool:
    """Whether values of it are of a kind, or lists of them."""
    return any(one is kind for one in _inside(field.annotation))


def _inside(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from _inside(one)
