"""`oddflow evaluate`: detectors side by side where attacks are known, and every table of the documentation."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oddflow.cli import cluster_learning, options

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from oddflow.evaluation.evaluating import Evaluated, Given
    from oddflow.evaluation.protocol import Protocol
    from oddflow.evaluation.result import Result

MOVED = 5
"""The exit code where a figure left its earlier interval, or an expectation is not met."""

Detectors = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        metavar="NAME[:OPTION=VALUE…]",
        help="May be repeated: autoencoder, autoencoder:epochs=20:hidden=64,16, pyod:ECOD for any detector of PyOD, or "
        "reference:extra-trees for a classifier of scikit-learn. robust-pca unless given.",
        show_default=False,
    ),
]
Truth = Annotated[
    str | None,
    typer.Option("--truth", metavar="TRUTH.csv", help="What the flows of the sources are.", show_default=False),
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        metavar="SOURCE",
        help="Learn from these and test on the sources; else the first 70 % of the time are learnt from.",
        show_default=False,
    ),
]
DataSet = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="In place of sources: a data set (see `oddflow datasets list`).",
        show_default=False,
    ),
]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="With --dataset: official, stratified, time, host, capture, each-capture or capture-pairs; the official "
        "one, or by time, unless given.",
        show_default=False,
    ),
]
Kinds = Annotated[str, typer.Option("--classes", help="What is told apart: two, categories or own (the set's labels).")]
Rate = Annotated[
    float | None,
    typer.Option(
        "--false-alarms",
        metavar="SHARE",
        min=0,
        max=1,
        help="Set thresholds so that this share of held-back normal rows lies above; else what tells probabilities "
        "takes the likeliest class, and all others what is best on validation.",
        show_default=False,
    ),
]
SuiteName = Annotated[
    str | None,
    typer.Option(
        "--suite",
        help="Run the committed protocols of a suite: papers, anomaly, quick or all. Goes on where it stopped.",
        show_default=False,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="Of a suite, this protocol alone; may be repeated.", show_default=False
    ),
]
ProtocolFile = Annotated[
    str | None, typer.Option("--protocol", metavar="FILE.toml", help="Run this protocol.", show_default=False)
]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE.json", help="Write the results.", show_default=False)
]
Cards = Annotated[
    list[str] | None,
    typer.Option(
        "--card",
        metavar="CARD.html|CARD.md",
        help="Write a page with plots, or the tables as Markdown; of one protocol. May be repeated.",
        show_default=False,
    ),
]
Write = Annotated[
    str | None,
    typer.Option(
        "--write",
        metavar="PAGE.md",
        help="Put each protocol's tables into this page, between its own marks, and keep its results in "
        "benchmarks/results.",
        show_default=False,
    ),
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="FILE.json",
        help="Exit with 5 where a figure left the interval that it has in this file, or an expectation is not met.",
        show_default=False,
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS|local",
        help="Spread the runs over a Ray cluster: HOST:PORT, auto, or local for this machine (--jobs processes, or one "
        "for each processor). Each node reads the data itself, from the same folder. Figures are the same as without.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="evaluate", help="Compare detectors where attacks are known: on your traffic, or a data set.")(
        evaluate
    )


def evaluate(
    sources: options.SourcesOrNone = None,
    *,
    detector: Detectors = None,
    truth: Truth = None,
    baseline: Baseline = None,
    dataset: DataSet = None,
    data: options.Data = None,
    split: SplitName = None,
    classes: Kinds = "two",
    false_alarms: Rate = None,
    most: Annotated[int, typer.Option("--most", min=2, help="Most rows of each kind to learn from.")] = 20_000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many seeds each learns with.")] = 1,
    seed: options.Seed = 0,
    suite: SuiteName = None,
    only: Only = None,
    protocol: ProtocolFile = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes that share the runs.")] = 1,
    ray: Ray = None,
    again: Annotated[bool, typer.Option("--again", help="Make runs anew that are kept in out/results.")] = False,
    output: Output = None,
    card: Cards = None,
    write: Write = None,
    compare: Compare = None,
    as_json: options.Json = False,
) -> None:
    """Without a protocol each detector learns as it is told here, and nothing is kept: such results are exploratory."""
    from oddflow.cli import console
    from oddflow.datasets.place import VARIABLE
    from oddflow.errors import UsageError
    from oddflow.evaluation.evaluating import Given
    from oddflow.evaluation.result import Results
    from oddflow.evaluation.suites import read_results
    from oddflow.files import check_place, write_whole

    words = bool(sources or dataset)
    _check_call(sources, truth, dataset, baseline, suite, protocol, only)
    if ray is not None and ray != cluster_learning.LOCAL and jobs > 1:
        raise UsageError("--jobs counts processes of this machine; the cluster runs as many as it has processors")
    cluster_learning.check(ray)
    if ray is not None:
        # nodes have an environment of their own
        data = data or os.environ.get(VARIABLE)
    for path in (*(card or []), *filter(None, [output, write])):
        check_place(path)
    before = read_results(Path(compare)) if compare else None
    if words:
        told = _in_words(
            sources or [], baseline or [], truth or "", dataset or "",
            detectors=detector or ["robust-pca"], split=split, classes=classes, rate=false_alarms, most=most,
            seeds=range(seed, seed + seeds),
        )  # fmt: skip
        given = [Given(told, None, data)]
    else:
        given = _committed(suite, only or [], protocol, data)
    if card and len(given) > 1:
        raise UsageError(f"a card is of one protocol, and {len(given)} are run; name one with --only")
    with cluster_learning.executor(ray, jobs if jobs > 1 else None) as pool:
        found = [_evaluated(one, jobs=jobs, pool=pool, again=again, write=write, shelved=not words) for one in given]
    results = Results(results=[one.result for one in found])
    if output:
        write_whole(output, results.written())
    for path in card or []:
        _write_card(found[0], path)
    if as_json:
        console.print_json(results.model_dump(mode="json"))
    else:
        for one in found:
            _show(one.result)
    if before is not None:
        _compare(results, before)


def _check_call(
    sources: list[str] | None,
    truth: str | None,
    dataset: str | None,
    baseline: list[str] | None,
    suite: str | None,
    protocol: str | None,
    only: list[str] | None,
) -> None:
    """Refuses what does not go together."""
    from oddflow.errors import UsageError

    words = bool(sources or dataset)
    is_half = words and (bool(sources) == bool(dataset) or bool(sources) != bool(truth))
    if words + bool(suite) + bool(protocol) != 1 or is_half or (dataset and baseline):
        raise UsageError(
            "expected either SOURCE… with --truth TRUTH.csv, or --dataset NAME, to test on; or --suite NAME, or "
            "--protocol FILE"
        )
    if only and not suite:
        raise UsageError("--only names protocols of a suite; name it with --suite")


def _in_words(
    sources: list[str],
    baseline: list[str],
    truth: str,
    dataset: str,
    *,
    detectors: list[str],
    split: str | None,
    classes: str,
    rate: float | None,
    most: int,
    seeds: range,
) -> "Protocol":
    """A protocol of what was said on the command line."""
    from oddflow.evaluation.protocol import given

    rule = {"rule": "false-alarm-rate", "rate": rate} if rate is not None else {}
    data: dict[str, Any] = {"most_train": most} | ({"split": split} if split else {})
    data |= {"set": dataset} if dataset else {"sources": sources, "baseline": baseline, "truth": truth}
    return given(
        {
            "title": dataset or ", ".join(sources),
            "suite": "quick",
            "status": "exploratory",
            "data": data,
            "classes": classes,
            "entries": [{"detector": text} for text in dict.fromkeys(detectors)],
            "seeds": list(seeds),
            "threshold": rule,
            "leak_checks": bool(dataset),
        }
    )


def _committed(suite: str | None, only: list[str], protocol: str | None, data: str | None) -> "list[Given]":
    from oddflow.evaluation.evaluating import Given
    from oddflow.evaluation.protocol import read
    from oddflow.evaluation.suites import protocols

    if protocol:
        return [Given(read(Path(protocol)), Path(protocol), data)]
    return [Given(one, path, data) for path, one in protocols(suite or "", only=only).items()]


def _evaluated(
    given: "Given", *, jobs: int, pool: "Executor | None", again: bool, write: str | None, shelved: bool
) -> "Evaluated":
    """One protocol, run, and written where that is asked for: a suite that is ended keeps what it has."""
    from oddflow.cli import console
    from oddflow.evaluation.evaluating import evaluate as run
    from oddflow.evaluation.kept import Shelf, code
    from oddflow.evaluation.suites import earlier, keep
    from oddflow.evaluation.tables import page, replaced
    from oddflow.files import write_whole

    before = earlier(given.name) if given.name else None
    shelf = Shelf() if shelved else None
    with console.counting(f"evaluating {given.name}".strip()) as told:
        found = run(given, shelf=shelf, jobs=jobs, again=again, earlier=before, told=told, pool=pool)
    if set(found.result.code) != {code()}:
        console.say(f"{given.name}: some runs were kept from an earlier state of the program; --again makes them anew")
    if write:
        keep(found.result)
        text = Path(write).read_text("utf-8") if Path(write).exists() else ""
        write_whole(write, replaced(text, given.name, page(found.result)))
    return found


def _write_card(found: "Evaluated", path: str) -> None:
    from oddflow.evaluation.card import markdown, render
    from oddflow.files import write_whole

    write_whole(path, markdown(found) if path.endswith(".md") else render(found))


def _show(result: "Result") -> None:
    """Tables and what one must know beside them."""
    from rich import box
    from rich.table import Table

    from oddflow.cli import console
    from oddflow.evaluation.checking import expected
    from oddflow.evaluation.protocol import Protocol
    from oddflow.evaluation.tables import COST_HEADS, cell, cost_cells, titles

    protocol = Protocol.model_validate(result.protocol)
    for part in result.parts:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=console.plain(part), title_justify="left")
        for place, name in enumerate(("detector", *titles(protocol))):
            table.add_column(name, overflow="fold", justify="right" if place else "left")
        for row in result.rows:
            cells = [cell(asked, row.parts[part].figures.get(str(asked))) for asked in protocol.shown]
            # an interval stands under its figure, so that tables stay narrow
            told = [text.replace(" (", "\n").replace(")", "") for text in cells]
            table.add_row(console.plain(row.title), *told, style="dim" if row.trivial else "")
        console.out.print(table)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(("detector", "learns from", "decides by", "rows learnt", *COST_HEADS)):
        table.add_column(name, overflow="fold", justify="left" if place < 3 else "right")
    for row in result.rows:
        texts = [row.title, row.learns, row.decides, f"{row.learnt_rows:,}", *cost_cells(row)]
        table.add_row(*(console.plain(one) for one in texts), style="dim" if row.trivial else "")
    console.out.print(table)
    for one in result.provenance:
        console.say(one)
    for leak in result.leaks:
        if leak.severity in {"severe", "warning"}:
            console.say(f"{leak.severity}: {leak.check}: {leak.what}")
    for checked in expected(result):
        console.say(f"{'reached' if checked.met else 'not reached'}: {checked.said}")
    console.say(f"{result.label}: {result.why}; in brackets, where 95 of 100 such means lie, of other seeds and rows")


def _compare(results: Any, before: Any) -> None:
    from oddflow.cli import console
    from oddflow.evaluation.checking import left

    moved = list(left(results, before))
    for one in moved:
        console.say(one)
    if moved:
        raise typer.Exit(MOVED)
    console.say("all figures lie within their earlier intervals")
