"""Manual pages, in the macros of man(7): one for each command, from its own help; oddflow.toml(5) from the settings."""

import re
from datetime import UTC, datetime
from typing import Any

import typer.main

from oddflow import __version__
from oddflow.cli.main import app
from oddflow.server.settings.keys import Key, sections
from oddflow.server.settings.sample import written

_MARKUP = re.compile(r"\[/?(?:bold|dim|italic)\]")
ENVIRONMENT = {
    "ODDFLOW_CACHE": "A folder for compiled kernels, instead of the user's cache folder.",
    "ODDFLOW_REGISTRY": "The registry of models, instead of the user's own.",
    "ODDFLOW_TRUST": "Files or folders of public keys, with colons between; only models that they signed are taken.",
    "ODDFLOW_DEBUG": "Where it is set, an internal error shows where it happened.",
}
FILES = {
    "/etc/oddflow/oddflow.toml": "The settings of the service; see oddflow.toml(5).",
    "/var/lib/oddflow": "What the service keeps: the store, flows, models, what waits for receivers.",
}


def pages(epoch_s: int) -> dict[str, str]:
    """All pages by their file names."""
    group: Any = typer.main.get_command(app)
    commands = dict(leaves(group))
    date = f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d}"
    found = {"oddflow.1": _overview(group, commands, date), "oddflow.toml.5": _settings(date)}
    for name, command in commands.items():
        found[f"oddflow-{name.replace(' ', '-')}.1"] = _command(name, command, group.epilog, date)
    return found


def leaves(group: Any, before: str = "") -> list[tuple[str, Any]]:
    """All commands by their full names, those of groups among them."""
    found: list[tuple[str, Any]] = []
    for name, command in group.commands.items():
        more = leaves(command, f"{before}{name} ") if hasattr(command, "commands") else [(before + name, command)]
        found += more
    return found


def escaped(text: str) -> str:
    """Text as roff prints it: no line of it is a request, no dash a hyphen.

    >>> print(escaped(".x \\\\ -y 'z"))
    \\&.x \\e \\-y 'z
    """
    text = _MARKUP.sub("", text).replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(rf"\&{line}" if line.startswith((".", "'")) else line for line in text.splitlines())


def _title(name: str, section: int, date: str) -> list[str]:
    return [f'.TH "{escaped(name.upper())}" {section} {date} "oddflow {__version__}" "Oddflow"', ".nh", ".ad l"]


def _first_sentence(text: str) -> str:
    plain = " ".join(_MARKUP.sub("", text).split("\n\n", 1)[0].split())
    return re.split(r"(?<=[a-z\)])[.;] ", plain, maxsplit=1)[0].rstrip(".")


def _overview(group: Any, commands: dict[str, Any], date: str) -> str:
    about, _, steps = group.help.partition("\n\n")
    lines = [*_title("oddflow", 1, date), ".SH NAME", rf"oddflow \- {escaped(_first_sentence(about).lower())}"]
    lines += [".SH SYNOPSIS", ".B oddflow", escaped("COMMAND [OPTIONS] …"), ".SH DESCRIPTION", escaped(about)]
    lines += [".SH EXAMPLES", ".nf", escaped(steps.split("\n\n", 1)[-1]).replace("\n\n", "\n"), ".fi", ".SH COMMANDS"]
    for name, command in commands.items():
        page = f"oddflow-{name.replace(' ', '-')}"
        lines += [".TP", rf"\fB{escaped(page)}\fR(1)", escaped(_first_sentence(command.help or ""))]
    lines += [".SH EXIT STATUS", escaped(group.epilog.removeprefix("Exit codes: "))]
    for title, told in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)):
        lines.append(f".SH {title}")
        for name, meaning in told.items():
            lines += [".TP", rf"\fB{escaped(name)}\fR", escaped(meaning)]
    return "\n".join([*lines, ".SH SEE ALSO", r"\fBoddflow.toml\fR(5)"]) + "\n"


def _command(name: str, command: Any, epilog: str, date: str) -> str:
    page, about = f"oddflow-{name.replace(' ', '-')}", command.help or ""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    shown = " ".join(one.metavar or one.name.upper() for one in arguments)
    lines = [*_title(page, 1, date), ".SH NAME", rf"{escaped(page)} \- {escaped(_first_sentence(about))}"]
    lines += [".SH SYNOPSIS", rf"\fBoddflow {escaped(name)}\fR {escaped('[OPTIONS] ' + shown)}".rstrip()]
    lines += [".SH DESCRIPTION", escaped(about)]
    if arguments:
        lines.append(".SH ARGUMENTS")
        for one in arguments:
            lines += [".TP", rf"\fI{escaped(one.metavar or one.name.upper())}\fR", escaped(one.help or "")]
    if options:
        lines.append(".SH OPTIONS")
        for one in options:
            lines += [".TP", _option(one), escaped((one.help or "") + _default(one))]
    lines += [".SH EXIT STATUS", escaped(epilog.removeprefix("Exit codes: ")), ".SH SEE ALSO", r"\fBoddflow\fR(1)"]
    return "\n".join(lines) + "\n"


def _option(option: Any) -> str:
    names = ", ".join(rf"\fB{escaped(name)}\fR" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag:
        return names
    return rf"{names} \fI{escaped(option.metavar or option.name.upper())}\fR"


def _default(option: Any) -> str:
    is_told = option.default is None or isinstance(option.default, bool) or callable(option.default)
    return "" if is_told or option.default == "" else f" ({option.default} unless given.)"


def _settings(date: str) -> str:
    lines = [*_title("oddflow.toml", 5, date), ".SH NAME", r"oddflow.toml \- settings of the Oddflow service"]
    lines += [".SH DESCRIPTION"]
    lines.append(
        escaped(
            "TOML, in sections. Every key has a default, except those that a source or a receiver must have. Unknown "
            'keys are refused. Relative paths are relative to the file. The text "" means that nothing is given. '
            "`oddflow init` writes a file with all keys, `oddflow doctor FILE` checks one against the machine."
        )
    )
    for section in sections():
        lines += [f'.SH "{escaped(section.header)}"', escaped(f"{section.meaning[:1].upper()}{section.meaning[1:]}")]
        if section.repeats:
            lines.append("There may be several.")
        for key in section.keys:
            lines += [".TP", rf"\fB{escaped(key.name)}\fR", escaped(f"{key.meaning} {_facts(key)}")]
    return "\n".join([*lines, ".SH SEE ALSO", r"\fBoddflow\fR(1), \fBoddflow\-serve\fR(1)"]) + "\n"


def _facts(key: Key) -> str:
    facts = f"Expected: {key.expected}."
    if key.needed:
        return f"{facts} It must be given."
    return f"{facts} Default: {written(key.default)}." if key.default not in (None, "", []) else facts
