"""`oddflow datasets show`: what a labelled set holds, in the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from oddflow.amounts import count
from oddflow.cli import console
from oddflow.datasets.leaks import Finding, Severity
from oddflow.datasets.summary import Spread, Summary
from oddflow.reports.words import number, share

BARS = " ▁▂▃▄▅▆▇█"
STYLES = {
    Severity.CLEAN: "green", Severity.NOT_CHECKED: "dim", Severity.NOTE: "", Severity.WARNING: "yellow",
    Severity.SEVERE: "red",
}  # fmt: skip


def summary(found: Summary, findings: Sequence[Finding], split: str, *, features: int) -> None:
    """Classes, features and what the leak checks found.

    Args:
        found: What the set holds.
        findings: Of the leak checks; none where there was no split.
        split: Its name.
        features: The most that are listed.
    """
    console.out.print(class_table(found))
    console.out.print(feature_table(found.spreads[:features]))
    if len(found.spreads) > features:
        console.say(f"{len(found.spreads) - features:,} more features; --features shows more, --report and --json all")
    if findings:
        leaks(findings, split)
    kept = f", an even sample of {found.read:,}" if found.read > found.rows else ""
    console.say(
        f"{found.name}: {count(found.rows, 'row')}{kept}, {share(found.attacks, found.rows)} attacks, "
        f"{count(len(found.spreads), 'feature')}, {share(found.incomplete, found.rows)} of the rows lack a value"
    )


def leaks(findings: Sequence[Finding], split: str) -> None:
    """What the leak checks found: the gravest first, then what is well."""
    order = list(Severity)
    console.out.print(console.plain(f"leak checks of the split {split}"))
    for finding in sorted(findings, key=lambda one: -order.index(one.severity)):
        mark = Text(f"{finding.severity.value:<11} ", style=STYLES[finding.severity])
        console.out.print(Text.assemble(mark, (f"{finding.check}: ", "bold"), console.plain(finding.what)))
        if finding.advice:
            console.out.print(Text.assemble(" " * 12, ("→ ", "dim"), console.plain(finding.advice)))


def class_table(found: Summary) -> Table:
    """Rows of each class, by part."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    table.add_column("category", no_wrap=True)
    table.add_column("ATT&CK", no_wrap=True)
    for part in found.parts:
        table.add_column(part, justify="right", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    most = max((one.rows for one in found.classes), default=1)
    table.add_column("", no_wrap=True)
    for one in found.classes:
        table.add_row(
            console.plain(one.label.name),
            one.label.category.value.replace("_", " "),
            " ".join(one.label.techniques),
            *(f"{rows:,}" for rows in one.parts),
            f"{one.rows:,}",
            share(one.rows, found.rows),
            Text("█" * max(1, round(20 * one.rows / most)), style="blue"),
        )
    return table


def feature_table(spreads: Sequence[Spread]) -> Table:
    """How features are spread; normal rows and attacks apart, each from its rarest to its commonest bin."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("feature", overflow="fold")
    for name in ("missing", "5 %", "median", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("normal", no_wrap=True)
    table.add_column("attacks", no_wrap=True)
    for spread in spreads:
        places = spread.quantiles[1:6:2] or ()
        middle = [number(value) for value in places] or ["", f"{spread.distinct:,} words" if spread.words else "", ""]
        table.add_row(
            console.plain(spread.feature.name),
            f"{spread.missing:,}" if spread.missing else "",
            *middle,
            Text(bars(spread.normal), style="blue"),
            Text(bars(spread.attack), style="red"),
        )
    return table


def bars(counts: Sequence[int]) -> str:
    """Counts as a row of bars; what is not nothing is seen.

    >>> bars([0, 1, 500, 1000])
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(BARS[max(int(rows > 0), round(8 * rows / most))] if most else " " for rows in counts)
