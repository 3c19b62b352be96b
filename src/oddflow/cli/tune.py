"""`oddflow tune`: the options that suit a detector best, found without the rows to test on."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import cluster_learning, options

if TYPE_CHECKING:
    from oddflow.tuning.tuned import Tuned

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="tune", help="Search for the options that suit a detector best; the test part stays closed.")(tune)


def tune(
    sources: options.SourcesOrNone = None,
    *,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="NAME[:OPTION=VALUE…]",
            help="By name, with options that are not varied behind colons; autoencoder if torch is, else robust-pca",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option("--truth", metavar="TRUTH.csv", help="What the flows of the sources are.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="NAME",
            help="In place of sources: the rows to learn from of a data set (see `oddflow datasets list`).",
            show_default=False,
        ),
    ] = None,
    data: options.Data = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="NAME",
            help="With --dataset, which rows are learnt from; the official ones, or by time, unless given.",
            show_default=False,
        ),
    ] = "",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials in all, of all runs of a study.")] = 50,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="Stop after this: 90s, 10m, 2h.", show_default=False)
    ] = "",
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="tpe|random|genetic|grid",
            help="How the next trial is drawn; tpe, or genetic with --features and --cost.",
            show_default=False,
        ),
    ] = None,
    pruner: Annotated[
        str,
        typer.Option(
            "--pruner", metavar="median|halving|none", help="Which trials are left early: by epochs and folds."
        ),
    ] = "median",
    folds: Annotated[int, typer.Option("--folds", help="Parts of the rows that are held back in turn.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", help="How often they are dealt anew.")] = 1,
    fold_by: Annotated[
        str,
        typer.Option(
            "--fold-by",
            metavar="capture|time|host|family|chance",
            help="What rows of a fold have in common; captures, time or chance, as the rows allow, unless given.",
            show_default=False,
        ),
    ] = "",
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="roc-auc|average-precision|macro-f1",
            help="What is made great; average-precision where labels are learnt, else roc-auc.",
            show_default=False,
        ),
    ] = "",
    cost: Annotated[
        str,
        typer.Option(
            "--cost", metavar="parameters|learning", help="Make this small as well: two goals.", show_default=False
        ),
    ] = "",
    features: Annotated[
        str,
        typer.Option(
            "--features",
            metavar="genetic",
            help="Choose columns by a genetic algorithm, in place of options; those of --vary are varied beside.",
            show_default=False,
        ),
    ] = "",
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="OPTION=RANGE",
            help="Where an option is looked for: 1..64, 1e-4..1e-1:log, or relu|tanh; may be repeated.",
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="FILE.sqlite",
            help="Keep the trials there: run again to go on, or twice at once to be done sooner.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Of the study in its file.")] = "oddflow",
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS|local",
            help="Judge the folds of trials at the same time on a Ray cluster: HOST:PORT, auto, or local for all "
            "processors of this machine. The trials and what they find are the same as without.",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(
            "--at-once",
            metavar="N",
            min=1,
            help="Draw so many trials before the first of them is judged, so that more than one trial's folds fill a "
            "cluster. The search knows less when it draws; what it finds hangs on N, not on who judges.",
        ),
    ] = 1,
    most: Annotated[int, typer.Option("--most", min=20, help="Most rows of each kind that a trial looks at.")] = 5_000,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="MODEL.oddflow", help="Learn and seal the best.", show_default=False),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="FILE.toml",
            help="Write what was chosen, and how, to be committed.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE.html", help="Write a page with plots.", show_default=False)
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Each trial is learnt on some of the rows to learn from and judged on the others; rows to test on are not read."""
    from oddflow import api
    from oddflow.cli import console
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.files import check_place, write_whole

    if features not in {"", "genetic"}:
        raise UsageError(f"--features must be genetic; {features!r} given")
    for place in (output, protocol, report):
        if place is not None:
            check_place(place)
    if not registry.installed("autoencoder"):
        raise UsageError("tune needs torch, scikit-learn and Optuna: pip install 'oddflow[train]'")
    cluster_learning.check(ray)

    from oddflow.tuning import report as page
    from oddflow.tuning.folds import Dealing
    from oddflow.tuning.reading import Given
    from oddflow.tuning.search import Plan
    from oddflow.tuning.space import options_of
    from oddflow.tuning.tune import tune as search
    from oddflow.tuning.words import evaluate_line, learn_line
    from oddflow.tuning.words import protocol as protocol_of

    chosen, fixed = registry.told(detector or registry.default())
    kind = registry.sealable(chosen) if output else registry.find(chosen)
    plan = Plan(
        trials=trials,
        timeout_s=_seconds(timeout),
        sampler=sampler or ("genetic" if features or cost else "tpe"),
        pruner=pruner,
        cost=cost,
        columns=bool(features),
        study=study,
        name=name,
        seed=seed,
        at_once=at_once,
    )
    dealing = Dealing(folds, repeats, fold_by, seed)
    given = Given(tuple(sources or ()), truth, dataset, data, split, most, seed)
    with console.reading(list(sources or []), "reading") as progress:
        material, gathered = given.read(kind, progress if sources and not truth else None)
    with cluster_learning.executor(ray) as pool, _searching(trials) as listener:
        tuned = search(
            material,
            kind,
            fixed=fixed,
            vary=vary or [],
            plan=plan,
            dealing=dealing,
            measure=measure,
            listener=listener,
            pool=pool,
        )
    lines = [
        line for line in (learn_line(tuned, given, output or "MODEL.oddflow"), evaluate_line(tuned, given)) if line
    ]
    if protocol:
        write_whole(protocol, protocol_of(tuned, given))
    if report:
        write_whole(report, page.render(tuned, lines))
    if output:
        with console.epochs() as told:
            api.learn_gathered(gathered, output, detector=kind, seed=seed, told=told, **options_of(kind, tuned.words))
    if as_json:
        console.print_json(tuned.as_dict() | {"commands": lines})
    else:
        _show(tuned, lines)


def _seconds(text: str) -> float | None:
    from oddflow.errors import UsageError

    if not text:
        return None
    found = re.fullmatch(r"(\d+\.?\d*)([smh]?)", text)
    if found is None:
        raise UsageError(f"--timeout must be a time like 90s, 10m or 2h; {text!r} given")
    return float(found[1]) * _UNITS_S[found[2]]


@contextmanager
def _searching(total: int) -> Iterator[Any]:
    """A progress bar over trials with the best value so far; gives the function that is told."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from oddflow.cli import console

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as progress:
        task = progress.add_task("trials", total=total)

        def listener(told: Any) -> None:
            best = "none yet" if told.best is None else f"{told.best:.4f}"
            progress.update(task, completed=told.done, description=f"trials, best so far {best}")

        yield listener


def _show(tuned: "Tuned", lines: list[str]) -> None:
    """The best ten, what they were judged on, what to expect, and what to do next."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console

    judged = sorted((trial for trial in tuned.trials if trial.value is not None), key=lambda one: -(one.value or 0.0))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("trial", tuned.measure, "options"):
        table.add_column(head)
    for trial in judged[:10]:
        words = " ".join(f"{option}={_short(word)}" for option, word in trial.options.items())
        table.add_row(str(trial.number), f"{trial.value:.4f}", console.plain(words))
    console.out.print(table)
    console.say(f"{tuned.detector}, {tuned.rows:,} rows of which {tuned.attacks:,} are attacks: {tuned.judged}")
    early = len(tuned.trials) - len(judged)
    console.say(f"{tuned.folds} folds by {tuned.dealt}; {len(tuned.trials)} trials, {early} of them left early")
    usual = "lie outside of what was searched" if tuned.usual is None else f"{tuned.usual:.4f}"
    console.say(f"best {tuned.value:.4f} (deviation over folds {tuned.spread:.4f}); the usual options {usual}")
    if tuned.left_out:
        count = len(tuned.left_out)
        known, chosen = (sum(getattr(one, side) for one in tuned.left_out) / count for side in ("usual", "chosen"))
        console.say(
            f"each of {count} families judged by what the others chose: {chosen:.4f}; the usual options: {known:.4f}"
        )
    if tuned.importances:
        told = ", ".join(f"{option} {100 * share:.0f} %" for option, share in list(tuned.importances.items())[:5])
        console.say(f"what made the difference: {told}")
    if tuned.columns:
        console.say(f"columns: {len(tuned.columns)} of {tuned.all_columns}: {', '.join(tuned.columns)}")
    if tuned.front:
        console.say(f"none beats in both value and {tuned.cost}: trials {', '.join(map(str, tuned.front))}")
    for what, line in zip(("learn it", "open the test part, once"), lines, strict=False):
        console.say(f"{what}: {line}")


def _short(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:37]}…"
