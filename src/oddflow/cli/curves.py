"""`oddflow curves`: how a detector fares with more rows, or with another size."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from oddflow.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oddflow.features.gathering import Gathered
    from oddflow.learning.capacity import Ground, Varied
    from oddflow.reports.trials import Curve, Trial


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="curves", help="Learn a detector at several sizes, or on more and more rows, and compare.")(curves)


def curves(
    sources: options.SourcesOrNone = None,
    *,
    detector: Annotated[
        str | None, typer.Option("--detector", help="By name; autoencoder where torch is, else robust-pca.")
    ] = None,
    vary: Annotated[
        str | None,
        typer.Option(
            "--vary",
            metavar="NAME=VALUE/VALUE/…",
            help="A capacity curve: an option of the detector at several values, like hidden=4/8/16/32 or "
            "hidden=64,16/128,32.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="N,N,…",
            help="A learning curve: so many normal rows, like 500,1000,2000. Without --vary and --rows: from a "
            "sixteenth of the rows to all.",
            show_default=False,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="NAME=VALUE", help="An option that stays as it is; may be repeated.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="In place of sources: the training part of a data set.",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    split: Annotated[
        str, typer.Option("--split", help="With --dataset, which rows are the training part (see `learn`).")
    ] = "official",
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="TRUTH.csv",
            help="What the flows of the sources are; attacks then judge too.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=50, help="Most normal rows, and most attacks, to use.")] = 20_000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Fits for each value.")] = 1,
    seed: options.Seed = 0,
    report: Annotated[
        str | None,
        typer.Option("--report", help="Write an HTML page that needs no network.", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """A fifth of the training part judges all fits alike; a test part is never looked at."""
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.files import write_whole
    from oddflow.learning.capacity import Ground, by_option, by_rows
    from oddflow.reports import curves as page
    from oddflow.reports.trials import Curve

    if bool(sources) == bool(dataset):
        raise UsageError("expected either SOURCE… or --dataset NAME to learn from")
    if vary and rows:
        raise UsageError("--vary and --rows are two curves; give one of them at a time")
    if dataset and labels:
        raise UsageError("a --dataset has labels of its own; leave --labels out")
    options.check_report(report, [*(sources or []), *filter(None, [labels])])
    name, given = registry.told(detector or registry.default(), option or [])
    varied_name, values = by_option(name, vary, given) if vary else ("rows", [])
    counts = _counts(rows)
    gathered, shuffled = _gathered(sources or [], dataset, data, split, labels, name, seed)
    ground = Ground.of(_thinned(gathered, most, seed), shuffled=seed if shuffled else None)
    values = values or by_rows(ground, counts, given)
    found = list(_watched(ground, gathered, name, values, range(seed, seed + seeds), silent=as_json))
    still = [f"{key}={_shown(value)}" for key, value in given.items() if key != varied_name]
    curve = Curve(
        detector=name,
        options=", ".join(still),
        varied=varied_name,
        trials=found,
        validation_rows=len(ground.validation),
        attacks=len(ground.attacks) + len(ground.held_attacks),
        source=", ".join(seen.name for seen in gathered.seen),
    )
    if report:
        write_whole(report, page.render(curve))
    if as_json:
        console.print_json(curve.as_dict())
        return
    _show(curve)
    if report:
        console.say(f"page in {report}")


def _counts(text: str | None) -> list[int]:
    from oddflow.errors import UsageError

    try:
        return [int(word) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise UsageError(
            f"--rows must be whole numbers with commas between, like 500,1000,2000; {text!r} given"
        ) from None


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _gathered(
    sources: list[str],
    dataset: str | None,
    data: str | None,
    split: str,
    labels: str | None,
    detector: str,
    seed: int,
) -> "tuple[Gathered, bool]":
    """Rows of the training part with the attacks that are known, and whether they stand in no order of time."""
    from oddflow import baselines
    from oddflow.cli import console
    from oddflow.detectors import registry

    if dataset:
        from oddflow.datasets.loading import load
        from oddflow.datasets.splits import splits
        from oddflow.learning.labelled import baseline

        rows = load(dataset, data, reads=registry.find(detector).reads)
        return baseline(rows, splits(rows, split, seed=seed)[0], attacks=True), rows.times_ns is None
    if labels:
        with console.moving(None, f"reading {', '.join(sources)}"):
            return baselines.gather_labelled(*sources, truth=labels, detector=detector), False
    with console.reading(sources, "metering") as progress:
        return baselines.gather(*sources, progress=progress, detector=detector), False


def _thinned(gathered: "Gathered", most: int, seed: int) -> "Gathered":
    """With at most so many normal rows and so many attacks, each drawn by chance, in their order."""
    from dataclasses import replace

    import numpy as np

    chance = np.random.default_rng([seed, 7])
    y = np.zeros(len(gathered.x), np.int64) if gathered.y is None else gathered.y
    kept = [chance.permutation(np.flatnonzero(kind))[:most] for kind in (y == 0, y > 0)]
    places = np.sort(np.concatenate(kept))
    return replace(gathered, x=gathered.x[places], times_ns=gathered.times_ns[places], y=y[places], marks=None)


def _watched(
    ground: "Ground", gathered: "Gathered", detector: str, values: "list[Varied]", seeds: range, *, silent: bool
) -> "Iterator[Trial]":
    """Trials, with a bar over them at a terminal and a line of each elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from oddflow.cli import console
    from oddflow.learning.capacity import trials
    from oddflow.reports.words import number

    total = len(values) * len(seeds)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    watched = console.err.is_terminal and not silent
    with Progress(*columns, console=console.err, transient=True, disable=not watched) as progress:
        task = progress.add_task("learning", total=total)
        for place, trial in enumerate(trials(ground, gathered, detector, values, seeds), start=1):
            progress.advance(task)
            loss = trial.validation_loss if math.isfinite(trial.validation_loss) else trial.validation_score
            progress.update(task, description=f"{trial.value}: validation {number(loss)}")
            if not watched and not silent:
                console.say(f"fit {place} of {total}: {trial.value}, seed {trial.seed}, validation {number(loss)}")
            yield trial


def _show(curve: "Curve") -> None:
    """A table of the points, and what they teach."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.cli.learning_view import sparkline, spread
    from oddflow.reports.trials import told
    from oddflow.reports.words import number

    points = curve.points()
    several = len({trial.seed for trial in curve.trials}) > 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    sized = curve.varied != "rows"
    heads = [curve.varied, *(["weights"] if sized else []), f"training {curve.measure}", "validation"]
    heads += ["± of seeds"] if several else []
    heads += ["AUC", "±"][: 1 + several] if curve.attacks else []
    for head in [*heads, "epochs", "learning", ""]:
        table.add_column(head, justify="right" if head else "left")
    low, high = spread([point.validation for point in points])
    for point in points:
        cells = [point.value, *([f"{point.weights:,}"] if sized else []), number(point.train)]
        cells += [number(point.validation), *([number(point.spread)] if several else [])]
        if curve.attacks:
            cells += [f"{point.validation_area:.3f}", *([f"{point.area_spread:.3f}"] if several else [])]
        cells += [f"{point.epochs:.0f}" if point.epochs else "–", f"{point.learning_s:.1f} s"]
        table.add_row(*(console.plain(cell) for cell in [*cells, sparkline([point.validation], low, high)]))
    console.out.print(table)
    judges = f"{curve.validation_rows:,} normal rows of the training part that no fit learnt"
    console.say(f"{curve.detector}{_options(curve)}, {curve.source}; judged by {judges}" + _attacks(curve))
    for sentence in told(curve):
        console.say(sentence)
    if not several:
        console.say("one seed: differences of a few percent may be chance; --seeds 3 tells")


def _options(curve: "Curve") -> str:
    return f" ({curve.options})" if curve.options else ""


def _attacks(curve: "Curve") -> str:
    return f" and {curve.attacks:,} attacks" if curve.attacks else ""
