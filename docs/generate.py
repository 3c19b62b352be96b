"""Writes the pages that the code itself knows best, and lists the detectors' own: `python docs/generate.py`.

A test checks that they are current.
"""

from pathlib import Path
from typing import Any, cast

import typer.main

from oddflow.cli.main import app
from oddflow.datasets import registry
from oddflow.datasets.description import DataSet
from oddflow.detectors import registry as detectors
from oddflow.flows.statistics import STATISTICS
from oddflow.schema import COLUMNS
from oddflow.server.access.listing import routes_of
from oddflow.server.settings.keys import sections
from oddflow.server.settings.sample import written
from oddflow.server.settings.settings import Settings
from oddflow.server.status import Status
from oddflow.server.web.app import make_app
from oddflow.server.web.service import Service

HERE = Path(__file__).parent


def flow_table() -> str:
    """The flow schema as a page."""
    lines = [
        "# Flow table",
        "",
        "Every source gives these columns; what it cannot know is null. `forward` is from the initiator (RFC 5103).",
        "Counters are integers, so that tables merge exactly.",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |" for c in COLUMNS),
    ]
    return "\n".join(lines) + "\n"


def statistics() -> str:
    """The statistics of CICFlowMeter as a page."""
    lines = [
        "# Statistics",
        "",
        "`oddflow flows --statistics` adds the 76 statistics of CICFlowMeter to the table, under their meaning. Each",
        "follows from columns of the [flow table](flow-table.md) that merge exactly; its formula names them. Lengths",
        "are those of the transport payload, as in CICFlowMeter. A statistic without a value is null.",
        "",
        'Faults of CICFlowMeter that Engelen, Rimmer and Joosen found ("Troubleshooting an Intrusion Detection',
        'Dataset: the CICIDS2017 Case Study", 2021) are not repeated: a connection ends after FIN both ways or RST,',
        "not at the first FIN; each packet is counted once; flags are counted over all packets; a rate over no time",
        "is null.",
        "",
        "| column | in CICFlowMeter | unit | formula |",
        "|---|---|---|---|",
        *(f"| `{s.name}` | {s.cic_name} | {s.unit} | {s.formula} |" for s in STATISTICS),
    ]
    return "\n".join(lines) + "\n"


def known_sets() -> str:
    """The data sets as a page."""
    sets = registry.known().values()
    lines = [
        "# Data sets that are known",
        "",
        "`oddflow datasets list` prints this table, and whether each set is here; `--json` all that follows. Rows are",
        "those that are read unless others are asked for; ? where nobody here has counted them.",
        "",
        "| name | what it is | kind | rows | terms |",
        "|---|---|---|---|---|",
        *(
            f"| [`{s.name}`](#{s.name}) | {s.title} | {s.kind} | {'?' if s.rows is None else f'{s.rows:,}'} | "
            f"{s.licence} |"
            for s in sets
        ),
        "",
    ]
    for one in sets:
        lines += _known_set(one)
    return "\n".join(lines)


def _known_set(one: DataSet) -> list[str]:
    paper = one.paper
    facts = {
        "What": f"{one.title}: {one.summary}.",
        "Paper": f"{paper.authors} ({paper.year}), “{paper.title}”, {paper.venue}.",
        "Terms": f"{one.licence}{f'; <{one.url}>' if one.url else ''}",
        "Not read": one.reason,
        "Split": one.split,
        "Counts": "as the literature has them; no file was seen here" if one.source == "literature" else "",
        "Labels": one.ground,
        "Files": ", ".join(f"`{file.path}`" for file in one.files),
        "Note": "; ".join(one.notes),
    }
    rows = [f"| `{m.name}` | {m.category.value} | {', '.join(m.techniques)} |" for m in one.labels]
    table = ["| label | category | ATT&CK |", "|---|---|---|", *rows, ""] if rows else []
    return [f"## {one.name}", "", *(f"- **{name}.** {text}" for name, text in facts.items() if text), "", *table]


def _option(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"| `{parameter.metavar or parameter.name.upper()}` | {parameter.help or ''} | |"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = (
        ""
        if parameter.default is None or parameter.default is False or callable(parameter.default)
        else f"`{parameter.default}`"
    )
    return f"| {names} | {parameter.help or ''} | {default} |"


def leaves(group: Any, before: str = "") -> list[tuple[str, Any]]:
    """All commands by their full names, those of groups among them."""
    found = []
    for name, command in group.commands.items():
        inside = leaves(command, f"{before}{name} ") if hasattr(command, "commands") else [(before + name, command)]
        found += inside
    return found


def command_line() -> str:
    """All commands with their options as a page."""
    group: Any = typer.main.get_command(app)
    lines = ["# Command line", "", group.epilog, ""]
    for name, command in leaves(group):
        lines += [f"## oddflow {name}", "", command.help or "", "", "| option | meaning | default |", "|---|---|---|"]
        lines += [_option(parameter) for parameter in command.params if parameter.name != "help"]
        lines.append("")
    return "\n".join(lines)


def settings() -> str:
    """All keys of the service's settings as a page."""
    lines = [
        "# Settings of the service",
        "",
        "One TOML file. `oddflow init` writes it with every key, its meaning and its default; `oddflow doctor FILE`",
        "checks it against the machine; `oddflow serve FILE` runs it. Unknown keys are refused, with the one that was",
        'likely meant. Relative paths are relative to the file. `""` means that nothing is given: TOML has no null.',
        "Secrets never stand in it: a key that asks for one takes `env:NAME` or `file:PATH`.",
        "",
    ]
    for section in sections():
        lines += [f"## `{section.header}`", "", f"{section.meaning[:1].upper()}{section.meaning[1:]}", ""]
        lines += ["There may be several.", ""] if section.repeats else []
        lines += ["| key | meaning | expected | default |", "|---|---|---|---|"]
        for key in section.keys:
            default = "must be given" if key.needed else f"`{written(key.default)}`"
            lines.append(f"| `{key.name}` | {key.meaning} | {key.expected} | {default} |")
        lines.append("")
    return "\n".join(lines)


def routes() -> str:
    """Who may call what, from the guards of the application's own routes."""
    app = make_app(Service(Settings(), *[cast("Any", None)] * 3, Status))
    lines = [
        "# Who may call what",
        "",
        "All routes of the service: the least role that may call each, and the scope that a token must have for it. Where",
        "a dash stands, no token will do, only a person who is logged in. [Security](security.md) says what roles and",
        "scopes are. A test calls each route as everybody who may not.",
        "",
        "| route | role | scope |",
        "|---|---|---|",
    ]
    for route in routes_of(app):
        role = route.needs.role.name.lower() if route.needs else "anybody"
        scope = route.scope or ("" if route.needs is None else "–")
        lines.append(f"| `{route.method} {route.path}` | {role} | {scope} |")
    return "\n".join(lines) + "\n"


def navigation() -> str:
    """The table of contents, with a page for each detector."""
    text = (HERE.parent / "mkdocs.yml").read_text(encoding="utf-8")
    begin, end = "      - detectors/index.md\n", "  - Command line:"
    before, rest = text.split(begin)
    entries = "".join(f"      - {name}: detectors/{name}.md\n" for name in detectors.names())
    return before + begin + entries + end + rest.split(end, 1)[1]


PAGES = {
    "../mkdocs.yml": navigation,
    "flow-table.md": flow_table,
    "statistics.md": statistics,
    "data-sets.md": known_sets,
    "command-line.md": command_line,
    "settings.md": settings,
    "routes.md": routes,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
