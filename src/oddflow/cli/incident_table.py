"""Incidents in the terminal: a table of them with their rows beneath, and one line for each as they come."""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from oddflow.amounts import count, seconds
from oddflow.cli.console import plain
from oddflow.cli.tables import clock, targets
from oddflow.schema import protocol_name
from oddflow.verdicts.incidents.incident import Severity

if TYPE_CHECKING:
    from oddflow.verdicts.alert import AlertRow
    from oddflow.verdicts.detection import Detection
    from oddflow.verdicts.incidents.incident import Incident

STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "dim"}
SHOWN_INCIDENTS = 20
SHOWN_EVIDENCE = 2
SHOWN_ROWS = 3


def incident_table(detection: "Detection") -> Table:
    """The incidents, the gravest first: what was done, why it is odd, and the rows of flows that it stands on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("first, UTC", no_wrap=True)
    table.add_column("what was done, and why it is odd", overflow="fold", ratio=1)
    table.add_column("alerts", justify="right", no_wrap=True)
    if detection.truth:
        table.add_column("truth", no_wrap=True)
    rows = detection.rows_of_incidents()
    for rank, incident in enumerate(detection.incidents[:SHOWN_INCIDENTS], start=1):
        cells: list[Text | str] = [
            str(rank),
            Text.assemble(
                (incident.severity.value, STYLES[incident.severity]), "\n", (f"{incident.points} points", "dim")
            ),
            Text.assemble(
                clock(incident.first_ns)[:8],
                "\n",
                (f"for {seconds((incident.last_ns - incident.first_ns) / 1e9)}", "dim"),
            ),
            _story(incident, rows.get(incident.id, [])),
            f"{incident.alerts:,}",
        ]
        if detection.truth:
            cells.append(_truth_of(incident))
        table.add_row(*cells)
        table.add_section()
    return table


def incident_line(incident: "Incident", *, new: bool) -> Text:
    """An incident in one line, as it begins or goes on: when, how grave, what, how much, why."""
    about = [count(incident.alerts, "alert"), *incident.evidence[:1]]
    about += [f"likeliest {incident.likeliest}"] if incident.likeliest else []
    about += incident.known
    about += [f"the source says: {', '.join(incident.labels)}"] if incident.labels else []
    return Text.assemble(
        f"{clock(incident.first_ns)[:8]} ",
        (f"{'new' if new else 'more':<4} ", "dim"),
        (f"{incident.severity.value:<8} ", STYLES[incident.severity]),
        (plain(incident.title).plain, "bold"),
        plain(f"; {'; '.join(about)}  [{incident.id}]").plain,
    )


def _story(incident: "Incident", rows: "list[AlertRow]") -> Text:
    lines: list[Text | tuple[str, str]] = [(plain(incident.title).plain, "bold")]
    lines += [plain(text) for text in incident.evidence[:SHOWN_EVIDENCE]]
    if incident.known:
        lines.append(plain("; ".join(incident.known)))
    said = [f"likeliest {incident.likeliest}"] if incident.likeliest else []
    said += [", ".join(incident.techniques)] if incident.techniques else []
    said += [f"the source says: {', '.join(incident.labels)}"] if incident.labels else []
    said += [f"incident {incident.id}"]
    lines.append((plain("; ".join(said)).plain, "dim"))
    lines += [_row(row) for row in rows[:SHOWN_ROWS]]
    if len(rows) > SHOWN_ROWS:
        lines.append((f"  and {count(len(rows) - SHOWN_ROWS, 'more row')} of flows", "dim"))
    return Text("\n").join(Text(*line) if isinstance(line, tuple) else line for line in lines)


def _row(row: "AlertRow") -> Text:
    flows = count(len(row.alerts), "flow")
    said = f"  {row.top.src_ip} → {targets(row)} {protocol_name(row.top.protocol)}  {flows}, score {row.top.score:.4g}"
    return Text(plain(f"{said}, {row.top.rarity}").plain, style="dim")


def _truth_of(incident: "Incident") -> Text:
    names = [name for name, alerts in sorted(incident.truths, key=lambda one: -one[1]) if name and alerts]
    return Text("\n".join(names), style="green") if names else Text("benign", style="dim")
