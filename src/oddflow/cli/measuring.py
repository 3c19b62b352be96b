"""What the commands that measure this machine have in common: options, progress, and the table of figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oddflow.bench.figures import Figure
    from oddflow.bench.ingest import Step

Rounds = Annotated[int, typer.Option("--rounds", min=1, help="How often each contestant runs.")]
Captures = Annotated[
    list[Path] | None,
    typer.Option(
        "--captures",
        metavar="FILE",
        help="Make the input of this capture; may be repeated. The mixed capture or the examples unless given.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="Write the JSON here.", show_default=False)
]


class Bench(Protocol):
    """What is measured: steps to be run in order, then figures."""

    def steps(self) -> "Iterator[Step]":
        """What is to be done, in order."""
        ...

    def figures(self) -> "list[Figure]":
        """The rows of the result."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        ...


def measured(
    make: "Callable[[Path], Bench]",
    output: str | None = None,
    *,
    as_json: bool,
) -> None:
    """Runs a bench in a folder of its own, and prints what it found."""
    import json
    import tempfile

    from oddflow.cli import console
    from oddflow.files import check_place, write_whole

    if output:
        check_place(output)
    with tempfile.TemporaryDirectory(prefix="oddflow-bench-") as folder:
        bench = make(Path(folder))
        run(bench)
        found = bench.as_dict()
        if as_json:
            console.print_json(found)
        else:
            show(found, bench.figures())
            console.say("; ".join(f"{name}: {value}" for name, value in found["input"].items()))
    if output:
        write_whole(output, json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def program(name: str, *, root: bool = False) -> Path | None:
    """A program that measures by itself: beside the examples in a repository; some are for root alone."""
    import os

    from oddflow import api

    place = api.examples().parent / "benchmarks" / name
    return place if place.is_file() and (not root or os.geteuid() == 0) else None


def run(bench: Bench) -> None:
    """Runs all steps, with a bar where somebody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from oddflow.cli import console

    steps = list(bench.steps())
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as progress:
        task = progress.add_task("", total=len(steps))
        for step in steps:
            progress.update(task, description=step.said)
            step.do()
            progress.advance(task)


def show(found: dict[str, Any], figures: "list[Figure]") -> None:
    """Prints the table of figures, and the machine."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    table.add_column("taken on")
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        target = f"{sign} {number(figure.target, figure.unit)}" if figure.target is not None else ""
        met = {True: "[green]met[/green]", False: "[red]not met[/red]", None: ""}[figure.met]
        value = number(figure.value, figure.unit) if figure.value is not None else "–"
        table.add_row(console.plain(figure.what), value, target, met, console.plain(figure.detail))
    console.out.print(table)
    console.say("; ".join(f"{name} {value}" for name, value in found["machine"].items()))


def number(value: float, unit: str) -> str:
    """A figure with its unit, as short as it may be."""
    if unit == "packets/s":
        return f"{value / 1e6:.2f} M/s" if value >= 1e5 else f"{value:,.0f}/s"
    if unit == "rows/s":
        return f"{value / 1e6:.2f} M/s" if value >= 1e6 else f"{value:,.0f}/s"
    if unit == "records/s":
        return f"{value:,.0f}/s"
    if unit == "×":
        return f"{value:,.0f} ×" if value >= 100 else f"{value:.2f} ×"
    return f"{value:,.0f} {unit}"
