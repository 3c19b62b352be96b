"""`oddflow datasets show`: what a labelled set holds, and what makes results on it better than they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from oddflow.datasets.leaks import Finding
    from oddflow.datasets.rows import LabelledRows, Split
    from oddflow.datasets.summary import Spread, Summary
    from oddflow.reports.dataset import About

HELP = (
    "Show what a data set, or any labelled source, holds: classes, what is missing, how features are spread, and what "
    "leaks from the training rows into the test rows."
)
BARS = " ▁▂▃▄▅▆▇█"
STYLES = {"clean": "green", "not checked": "dim", "note": "", "warning": "yellow", "severe": "red"}
USUAL = "official, else time, else stratified"


def show(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|SOURCE…",
            help="A data set, as `oddflow datasets list` calls it; or captures, logs or flow tables with labels.",
            show_default=False,
        ),
    ],
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="With sources: a CSV that says which flows are what.", show_default=False),
    ] = None,
    data: options.Data = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Of which leaks are looked for: official, stratified, time, host, capture, k-fold or "
            f"stratified-k-fold (the first fold). Unless given: {USUAL}.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    features: Annotated[int, typer.Option("--features", min=0, help="Features listed.")] = 60,
    leak_checks: Annotated[bool, typer.Option(" /--no-leak-checks", help="Do not look for leaks.")] = True,
    report: Annotated[str | None, typer.Option("--report", help="Write an HTML page that needs no network.")] = None,
    as_json: options.Json = False,
    strict: options.Strict = False,
) -> None:
    """Reads the set once, and keeps an even sample where it is very large."""
    from oddflow.cli import console
    from oddflow.datasets.summary import Summary
    from oddflow.errors import UsageError
    from oddflow.files import check_place, same_file, write_whole
    from oddflow.reports import dataset as page
    from oddflow.verdicts.words import amount

    if report:
        check_place(report)
        if any(same_file(report, source) for source in [*given, *filter(None, [truth])]):
            raise UsageError(f"{report} is read, too; give the page another name")
    rows, about = _load(given, truth, data)
    findings, name = _checked(rows, split, seed) if leak_checks else ([], "")
    found = Summary.of(rows, amount)
    if report:
        write_whole(report, page.render(found, findings, name, about=about))
    if as_json:
        console.print_json(
            {
                "summary": found.as_dict(),
                "split": name,
                "leaks": [finding.as_dict() for finding in findings],
                "ledger": rows.ledger.as_dict(),
            }
        )
    else:
        _show(found, findings, name, features=features)
        console.show_ledger(rows.ledger)
    if report:
        console.say(f"page in {report}")
    if strict and not rows.ledger.complete:
        raise options.Lost


def _load(given: list[str], truth: str | None, data: str | None) -> "tuple[LabelledRows, About]":
    """A set of the registry where its name is given, else labelled sources."""
    from oddflow.cli import console
    from oddflow.datasets import load, load_labelled, registry
    from oddflow.errors import UsageError
    from oddflow.reports.dataset import About

    known = registry.known().get(given[0]) if len(given) == 1 else None
    with console.moving(None, f"reading {', '.join(given)}"):
        if known is None:
            return load_labelled(given, truth), About()
        if truth is not None:
            raise UsageError(f"{known.name} has labels of its own; --truth goes with sources")
        rows = load(known.name, data)
    paper = f"{known.paper.authors}: {known.paper.title}. {known.paper.venue} {known.paper.year}"
    return rows, About(known.title, known.summary, paper, known.licence, tuple(known.notes))


def _checked(rows: "LabelledRows", name: str | None, seed: int) -> "tuple[list[Finding], str]":
    """What the leak checks find; nothing, and why, where no usual split can be made."""
    from oddflow.cli import console
    from oddflow.datasets.leaks import check_leaks
    from oddflow.datasets.splits import splits, usual
    from oddflow.errors import UsageError

    try:
        chosen: Split = splits(rows, name, seed=seed)[0] if name else usual(rows, seed=seed)
    except UsageError as error:
        if name:
            raise
        console.say(f"no leak checks: {error}")
        return [], ""
    with console.moving(None, "looking for leaks"):
        return check_leaks(rows, chosen, seed=seed), chosen.name


def _show(found: "Summary", findings: "Sequence[Finding]", split: str, *, features: int) -> None:
    from oddflow.amounts import count
    from oddflow.cli import console
    from oddflow.reports.words import share

    console.out.print(class_table(found))
    if features:
        console.out.print(feature_table(found.spreads[:features]))
    if len(found.spreads) > features:
        console.say(f"{len(found.spreads) - features:,} more features; --features shows more, --json and --report all")
    if findings:
        print_leaks(findings, split)
    kept = f", an even sample of {found.read:,}" if found.read > found.rows else ""
    console.say(
        f"{found.name}: {count(found.rows, 'row')}{kept}, {share(found.attacks, found.rows)} attacks, "
        f"{count(len(found.spreads), 'feature')}, {share(found.incomplete, found.rows)} of the rows lack a value"
    )


def print_leaks(findings: "Sequence[Finding]", split: str) -> None:
    """What the leak checks found, on standard output: the gravest first."""
    from rich.text import Text

    from oddflow.cli import console
    from oddflow.datasets.leaks import by_weight

    console.out.print(console.plain(f"leak checks of the split {split}:"))
    for finding in by_weight(findings):
        mark = Text(f"  {finding.severity.value:<12}", style=STYLES[finding.severity.value])
        what = console.plain(finding.what)
        console.out.print(Text.assemble(mark, (f"{finding.check}: ", "bold"), what), soft_wrap=True)
        if finding.advice:
            console.out.print(Text.assemble(" " * 14, ("→ ", "dim"), console.plain(finding.advice)), soft_wrap=True)


def say_leaks(findings: "Sequence[Finding]", split: str) -> None:
    """What weighs, on standard error; how many checks had nothing to say."""
    from oddflow.cli import console
    from oddflow.datasets.leaks import by_weight

    grave = [finding for finding in by_weight(findings) if finding.advice]
    for finding in grave:
        console.say(f"{finding.severity.value}: {finding.check}: {finding.what}; {finding.advice}")
    console.say(f"leak checks of the split {split}: {len(grave)} of {len(findings)} found something")


def class_table(found: "Summary") -> "Table":
    """Rows of each class, by part."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from oddflow.cli import console
    from oddflow.reports.words import share

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", overflow="fold")
    for name in ("category", "ATT&CK"):
        table.add_column(name, no_wrap=True)
    for name in (*found.parts, "rows", "share"):
        table.add_column(console.plain(name), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max((one.rows for one in found.classes), default=1)
    for one in found.classes:
        table.add_row(
            console.plain(one.label.name),
            one.label.category.value.replace("_", " "),
            " ".join(one.label.techniques),
            *(f"{rows:,}" for rows in (*one.parts, one.rows)),
            share(one.rows, found.rows),
            Text("█" * max(1, round(20 * one.rows / most)), style="blue"),
        )
    return table


def feature_table(spreads: "Sequence[Spread]") -> "Table":
    """How features are spread, normal rows and attacks apart; of categories the commonest values."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from oddflow.cli import console
    from oddflow.reports.words import number

    is_any_missing = any(spread.missing for spread in spreads)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("feature", overflow="fold")
    for name in (*(["missing"] if is_any_missing else []), "5 %", "median", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("normal", "attacks"):
        table.add_column(name, no_wrap=True)
    for spread in spreads:
        middle = [number(value) for value in spread.quantiles[1:6:2]]
        said = f"{spread.distinct:,} values" if spread.words else "none"
        missing = [f"{spread.missing:,}" if spread.missing else ""] if is_any_missing else []
        table.add_row(
            console.plain(spread.feature.name),
            *missing,
            *(middle or ["", said, ""]),
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
