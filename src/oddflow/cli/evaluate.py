"""`oddflow evaluate`: detectors side by side on traffic or a data set whose attacks are known."""

from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from oddflow.datasets.rows import LabelledRows, Split
    from oddflow.evaluation.comparing import Result
    from oddflow.features.representation import Reads


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="evaluate", help="Compare detectors where attacks are known: on your traffic, or a data set.")(
        evaluate
    )


def evaluate(
    sources: options.SourcesOrNone = None,
    *,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            metavar="NAME[:OPTION=VALUE…]",
            help="May be repeated: autoencoder, autoencoder:epochs=20:hidden=64,16, or pyod:ECOD for any detector of "
            "PyOD. isolation-forest and robust-pca unless given.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option("--truth", metavar="TRUTH.csv", help="What the flows of the sources are.", show_default=False),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            metavar="SOURCE",
            help="Learn from these and test on the sources; else the first 70 % of the time are learnt from.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="In place of sources: a data set (see `oddflow datasets list`).",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="With --dataset: official, stratified, time, host or capture; the official one, or by time, unless "
            "given.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=2, help="Most rows of each kind to learn from.")] = 20_000,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Each detector learns once, and is sealed where it can be; nothing is written."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.evaluation.comparing import compare, thinned

    if bool(sources) == bool(dataset) or bool(sources) != bool(truth) or (dataset and baseline):
        raise UsageError("expected either SOURCE… with --truth TRUTH.csv, or --dataset NAME, to test on")
    texts = list(dict.fromkeys(detector or ["isolation-forest", "robust-pca"]))
    kinds = [registry.find(registry.told(text)[0]).reads for text in texts]  # what is misspelt fails before it reads
    rows_of: dict[Reads, tuple[LabelledRows, Split]] = {}
    found: list[Result] = []
    for text, reads in zip(texts, kinds, strict=True):
        if reads not in rows_of:
            rows, chosen = _rows(sources or [], baseline or [], truth, dataset, data, split, reads=reads, seed=seed)
            rows_of[reads] = rows, thinned(chosen, rows, most, seed=seed)
        found.append(compare(text, *rows_of[reads], seed=seed))
    if as_json:
        console.print_json([result.as_dict() for result in found])
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    heads = ("detector", "learnt from", "AUC", "average precision", "learning", "scoring", "sealed")
    for name in heads:
        table.add_column(name, no_wrap=name == heads[0])
    for result in found:
        table.add_row(*(console.plain(cell) for cell in result.cells()))
    console.out.print(table)
    for reads, (rows, chosen) in rows_of.items():
        tested = rows.is_attack[chosen.test]
        console.say(
            f"{reads}: tested on {(~tested).sum():,} normal rows and {tested.sum():,} attacks, {chosen.name}; by "
            f"chance, AUC is 0.5 and average precision {tested.mean():.2g}; 95 of 100 such samples lie in the brackets"
        )


def _rows(
    sources: list[str],
    baseline: list[str],
    truth: str | None,
    dataset: str | None,
    data: str | None,
    split: str | None,
    *,
    reads: "Reads",
    seed: int,
) -> "tuple[LabelledRows, Split]":
    """Rows as detectors read them that read so, and which of them are learnt from."""
    from oddflow.datasets.splits import by_capture, by_time, splits, usual
    from oddflow.evaluation.rows import of_data_set, of_sources

    if dataset:
        rows = of_data_set(dataset, data, reads)
        return rows, splits(rows, split, seed=seed)[0] if split else usual(rows, seed=seed)
    rows = of_sources([*baseline, *sources], truth or "", reads)
    return rows, by_capture(rows, test=sources) if baseline else by_time(rows)
