"""Reading the settings file: TOML, bounded, checked key by key; an error names the file, the section and the key."""

import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from oddflow.errors import Unreadable, UsageError
from oddflow.files import reason_of
from oddflow.server.settings.keys import Section, holds, may_be_none, model_of, sections
from oddflow.server.settings.renamed import renew
from oddflow.server.settings.secrets import read_secret
from oddflow.server.settings.settings import Settings

MOST_BYTES = 1 << 20
MOST_SHOWN = 60
MOST_PROBLEMS = 8
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read.

    Attributes:
        settings: What it says, paths made absolute, secrets fetched.
        remarks: What should be changed in it, though it still works.
    """

    settings: Settings
    remarks: tuple[str, ...] = ()


def read_settings(path: str | Path) -> Settings:
    """The settings of a file; what should be changed in it goes to the log.

    Raises:
        Unreadable: There is no such file, or it may not be read.
        UsageError: It is no TOML, or a key is unknown or wrong; the message names each, and what was expected.
    """
    reading = read(path)
    for remark in reading.remarks:
        logger.warning("%s: %s", path, remark)
    return reading.settings


def read(path: str | Path) -> Reading:
    """The same, with the remarks."""
    place = Path(path)
    given = _parsed(place)
    folder = place.absolute().parent
    try:
        remarks = renew(given)
        _leave_out_empty(given)
        settings = Settings.model_validate_json(json.dumps(given, default=str), strict=True)
        settings = _with_secrets(settings, folder)
    except ValidationError as error:
        raise UsageError(_told(place, given, error)) from None
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    return Reading(_absolute(settings, folder), tuple(remarks))


def _parsed(place: Path) -> dict[str, Any]:
    try:
        with place.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(
            f"the settings {place} cannot be read: {reason_of(error)}; `oddflow init {place}` writes a new file"
        ) from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{place} is larger than {MOST_BYTES >> 20} MiB; expected a settings file, in TOML")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        said = str(error).replace("Cannot overwrite a value", "a key is given twice")
        raise UsageError(f"{place} is not TOML: {said}; `oddflow init -` shows how one looks") from None


def _leave_out_empty(given: dict[str, Any]) -> None:
    """Takes empty texts away where nothing may be given: TOML has no null."""
    for name, field in Settings.model_fields.items():
        model, _ = model_of(field)
        value = given.get(name)
        for table in value if isinstance(value, list) else [value]:
            if isinstance(table, dict):
                for key, inside in model.model_fields.items():
                    if table.get(key) == "" and may_be_none(inside):
                        del table[key]


def _with_secrets(settings: Settings, folder: Path) -> Settings:
    """The settings with the passwords that keys lead to."""
    store = settings.store
    try:
        has_password = urlsplit(store.url).password is not None
    except ValueError:
        raise UsageError("[store] url is no URL; expected one like postgresql+psycopg://oddflow@db/oddflow") from None
    if has_password:
        raise UsageError(
            "[store] url holds a password, and others may read this file; leave it out there, and add "
            'password = "env:NAME" or password = "file:PATH"'
        )
    changed: dict[str, BaseModel] = {}
    for name, section in (("store", store), ("stream", settings.stream)):
        if section.password is not None:
            found = read_secret(section.password.get_secret_value(), what=f"[{name}] password", folder=folder)
            changed[name] = section.model_copy(update={"password": SecretStr(found)})
    return settings.model_copy(update=changed)


def _absolute(settings: Settings, folder: Path) -> Settings:
    """The settings with paths that are relative to the file's folder."""
    changed: dict[str, Any] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        changed[name] = [_placed(one, folder) for one in value] if isinstance(value, list) else _placed(value, folder)
    return settings.model_copy(update=changed)


def _placed(section: BaseModel, folder: Path) -> BaseModel:
    update: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if holds(field, Path) and value is not None:
            update[name] = [folder / one for one in value] if isinstance(value, list) else folder / value
        elif name == "model" and ("/" in value or value.endswith(".oddflow")):
            update[name] = str(folder / value)
    return section.model_copy(update=update)


def _told(place: Path, given: Mapping[str, Any], error: ValidationError) -> str:
    problems = [_problem(given, one) for one in error.errors(include_url=False)]
    problems = list(dict.fromkeys(problems))
    if len(problems) == 1:
        return f"{place}: {problems[0]}"
    more = len(problems) - MOST_PROBLEMS
    lines = [f"{place} has {len(problems)} faults:", *problems[:MOST_PROBLEMS]]
    return "\n  ".join(lines + ([f"and {more} more"] if more > 0 else []))


def _problem(given: Mapping[str, Any], error: ErrorDetails) -> str:
    """One fault in words: where, what was expected, what came, what to do."""
    if not error["loc"]:
        return _said(error)
    name, *rest = error["loc"]
    known = {section.name: section for section in sections()}
    if name not in known:
        return _unknown(str(name), given)
    section = known[str(name)]
    where = section.header
    if section.repeats and rest:
        where = f"{where} {_which(given[section.name], int(rest.pop(0)))}"
    if not rest:
        return _of_section(section, where, error)
    key = next((key for key in section.keys if key.name == rest[0]), None)
    if key is None:
        return f"{where}: unknown key {_shown(rest[0])}{_meant(str(rest[0]), [one.name for one in section.keys])}"
    if error["type"] == "missing":
        return f"{where}: {key.name} is missing; expected {key.expected}: {key.meaning}"
    if error["type"] == "value_error":
        return f"{where} {key.name}: {_said(error)}; got {_shown(error['input'])}"
    secret = "password" in key.name
    got = "" if secret else f"; got {_shown(error['input'])}"
    return f"{where} {key.name}: expected {key.expected}{got}"


def _of_section(section: Section, where: str, error: ErrorDetails) -> str:
    if error["type"] in {"model_type", "list_type"}:
        got = "single brackets" if isinstance(error["input"], dict) else _shown(error["input"])
        return f"{where}: expected keys in a section {section.header}; got {got}"
    if error["type"] == "too_long":
        return f"{where} is there {error['ctx']['actual_length']} times; expected {error['ctx']['max_length']} at most"
    return f"{where}: {_said(error)}"


def _said(error: ErrorDetails) -> str:
    """What a validator of ours says."""
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else error["msg"]


def _unknown(name: str, given: Mapping[str, Any]) -> str:
    """A name at the top of the file that is no section; most often a key that lost its section."""
    if not isinstance(given.get(name), dict | list):
        homes = [section.header for section in sections() if any(key.name == name for key in section.keys)]
        rest = f"; it belongs under {' or '.join(homes)}" if homes else "; every key belongs under a [section]"
        return f"{_shown(name)} stands outside all sections{rest}"
    return f"unknown section [{_printable(name)}]{_meant(name, [section.name for section in sections()])}"


def _which(tables: Any, index: int) -> str:
    """Which of several sections it is: its number, and its name where it has one."""
    table = tables[index] if isinstance(tables, list) else {}
    name = table.get("name") if isinstance(table, dict) else None
    return f"number {index + 1}" + (f" ({_printable(name)})" if isinstance(name, str) and name else "")


def _meant(name: str, known: Sequence[str]) -> str:
    """What was likely meant, else all that there is."""
    if close := get_close_matches(name, known, n=1, cutoff=0.6):
        return f"; do you mean {close[0]}?"
    return f"; known: {', '.join(known)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return _printable(text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: MOST_SHOWN + 1])
