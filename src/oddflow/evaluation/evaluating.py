"""A protocol, run: each entry with each seed, to figures with intervals, costs, leaks and what it may be called."""

import multiprocessing
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from oddflow import __version__
from oddflow.datasets.leaks import check_leaks
from oddflow.errors import UsageError
from oddflow.evaluation.cost import Cost
from oddflow.evaluation.figures import Seeded, difference, part_of
from oddflow.evaluation.kept import KeptRun, Shelf, code
from oddflow.evaluation.learner import check, is_supervised
from oddflow.evaluation.measure import Asked
from oddflow.evaluation.problem import Loaded, Problem, load
from oddflow.evaluation.protocol import Classes, Entry, Protocol, Rule
from oddflow.evaluation.result import Difference, Leak, Opening, Result, Row
from oddflow.evaluation.running import entries_of, key_of, reads_of, rule_of, run
from oddflow.evaluation.standing import standing
from oddflow.features.representation import Reads

FLOWS_A_DAY = 100_000.0
"""Of a small office, where the data do not tell how many a network has."""
PACKAGES = ("numpy", "scikit-learn", "torch", "onnxruntime", "pyod")

Told = Callable[[int, int, str], None]
"""Told of runs that are done, of all of them, and what was just done."""


@dataclass(frozen=True, slots=True)
class Given:
    """A protocol, and where it and its data come from.

    Attributes:
        protocol: What is run.
        path: Its file; None where it was given in words.
        folder: Of all data sets.
    """

    protocol: Protocol
    path: Path | None = None
    folder: str | None = None

    @property
    def name(self) -> str:
        """What results call it."""
        return self.path.stem if self.path else ""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A result, and what it is made of: what was said of each row.

    Attributes:
        result: The figures.
        seeded: By entry and test part, what each seed said.
    """

    result: Result
    seeded: Mapping[str, Mapping[str, list[Seeded]]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Unit:
    entry: Entry
    fold: int
    seed: int
    reads: Reads
    key: str


@dataclass(frozen=True, slots=True)
class _Done:
    """All runs, and what the first seed's rows were."""

    problem: Problem
    data_sha256: tuple[str, ...]
    runs: Mapping[str, KeptRun]
    seeded: Mapping[str, Mapping[str, list[Seeded]]]
    flows_a_day: float


def evaluate(
    given: Given,
    *,
    shelf: Shelf | None = None,
    jobs: int = 1,
    again: bool = False,
    earlier: Result | None = None,
    told: Told | None = None,
    pool: Executor | None = None,
) -> Evaluated:
    """Runs a protocol, or goes on where it stopped.

    Args:
        given: What is run.
        shelf: Where runs are kept; nowhere unless given.
        jobs: Processes that share the runs.
        again: Whether runs that are kept are made anew.
        earlier: What it found before: times when the test rows were opened with other choices are taken over.
        told: Told of each run.
        pool: Makes the runs, in place of processes of this machine: a cluster (`cluster.executor.RayExecutor`), which
            finds the data in the same folder.

    Raises:
        UsageError: A detector, a measure or the data are not what they should be.
        InputError: A file is missing, or is not what it should be.
    """
    protocol = given.protocol
    for entry in protocol.entries:
        check(entry, 2 if protocol.classes is Classes.TWO else 3)
    problems = {seed: problem_of(given, seed) for seed in protocol.seeds}
    entries = entries_of(protocol, problems[protocol.seeds[0]])
    shas = {
        (seed, reads): _alike(problem_of(given, seed, reads), problems[seed], reads).sha256
        for seed in protocol.seeds
        for reads in dict.fromkeys(reads_of(entry, protocol) for entry in entries)
    }
    units = [
        _Unit(entry, fold, seed, reads, f"{key_of(protocol, entry, seed, shas[seed, reads])}-{fold}")
        for entry in entries
        for seed in protocol.seeds
        for reads in [reads_of(entry, protocol)]
        for fold in range(len(problems[seed].folds))
    ]
    with _pool(pool, min(jobs, len(units))) as makers:
        runs = _runs(given, units, shelf, pool=makers, again=again, told=told)
    done = _Done(
        problem=problems[protocol.seeds[0]],
        data_sha256=tuple(shas.values()),
        runs=runs,
        seeded=_by_part(units, runs, problems),
        flows_a_day=protocol.flows_a_day or problems[protocol.seeds[0]].flows_a_day() or FLOWS_A_DAY,
    )
    rows = [_row(entry, units, done, protocol) for entry in entries]
    return Evaluated(_result(given, done, rows, earlier), done.seeded)


def _by_part(
    units: Sequence[_Unit], runs: Mapping[str, KeptRun], problems: Mapping[int, Problem]
) -> dict[str, dict[str, list[Seeded]]]:
    """By entry and test part, what each seed said."""
    found: dict[str, dict[str, list[Seeded]]] = {}
    for unit in units:
        problem = problems[unit.seed]
        for part, tested in runs[unit.key].run.tests.items():
            one = Seeded(problem, problem.folds[unit.fold].tests[part], tested)
            found.setdefault(unit.entry.title, {}).setdefault(part, []).append(one)
    return found


@lru_cache(maxsize=2)
def _loaded(protocol: str, folder: str | None, reads: Reads) -> Loaded:
    given = Protocol.model_validate_json(protocol)
    return load(given.data, given.classes, reads, folder=folder)


def problem_of(given: Given, seed: int, reads: Reads | None = None) -> Problem:
    """The rows as a seed sees them, which are read once; those of plain features unless others are asked for."""
    usual = given.protocol.data.reads or _plain(given)
    return _loaded(given.protocol.model_dump_json(), given.folder, reads or usual).problem(seed)


def _plain(given: Given) -> Reads:
    """Plain features, unless all entries look at the same other thing."""
    kinds = {reads_of(entry, given.protocol) for entry in given.protocol.entries}
    return next(iter(kinds)) if len(kinds) == 1 else Reads.TABULAR


def _alike(problem: Problem, other: Problem, reads: Reads) -> Problem:
    """The problem, once it is sure that its rows are those of another, seen otherwise."""
    if not np.array_equal(problem.codes, other.codes):
        raise UsageError(
            f"what reads {reads} has rows of its own here, {len(problem.codes):,} and not {len(other.codes):,}; "
            "evaluate it by itself"
        )
    return problem


def _runs(
    given: Given, units: Sequence[_Unit], shelf: Shelf | None, *, pool: Executor | None, again: bool, told: Told | None
) -> dict[str, KeptRun]:
    """All runs by their keys: those that are kept, and the others as they are made."""
    found = {} if again or shelf is None else {u.key: kept for u in units if (kept := shelf.find(u.key)) is not None}
    left = [unit for unit in units if unit.key not in found]
    done = len(units) - len(left)
    if told and done:
        told(done, len(units), "taken up where it stopped")
    for unit, kept in _made(given, left, pool):
        found[unit.key] = kept
        if shelf is not None:
            shelf.keep(unit.key, kept)
        done += 1
        if told:
            told(done, len(units), f"{unit.entry.title}, seed {unit.seed}")
    return found


@contextmanager
def _pool(given: Executor | None, jobs: int) -> Iterator[Executor | None]:
    """What makes runs beside each other: what is given, else so many processes; None for this one alone."""
    if given is not None or jobs <= 1:
        yield given
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def _made(given: Given, units: Sequence[_Unit], pool: Executor | None) -> Iterator[tuple[_Unit, KeptRun]]:
    if pool is None:
        for unit in units:
            yield unit, _run(given, unit)
        return
    waiting = {pool.submit(_run, given, unit): unit for unit in units}
    try:
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        for future in waiting:
            future.cancel()


def _run(given: Given, unit: _Unit) -> KeptRun:
    problem = problem_of(given, unit.seed, unit.reads)
    made = run(given.protocol, problem, problem.folds[unit.fold], unit.entry, seed=unit.seed)
    return KeptRun(made, code(), _now())


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _row(entry: Entry, units: Sequence[_Unit], done: _Done, protocol: Protocol) -> Row:
    mine = [done.runs[unit.key].run for unit in units if unit.entry is entry]
    seeded = done.seeded[entry.title]
    return Row(
        title=entry.title,
        detector=entry.detector,
        learns="labels" if is_supervised(entry) else "normal rows",
        decides=_decides(entry, protocol, done.problem),
        learnt_rows=round(float(np.mean([one.learnt_rows for one in mine]))),
        trivial=entry not in protocol.entries,
        parts={part: part_of(several, flows_a_day=done.flows_a_day) for part, several in seeded.items()},
        cost=_mean_cost([one.cost for one in mine]),
        thresholds=[one.threshold for one in mine if one.threshold is not None],
        note=entry.note,
    )


def _decides(entry: Entry, protocol: Protocol, problem: Problem) -> str:
    rule = rule_of(entry.threshold or protocol.threshold, entry, problem)
    if rule.rule is Rule.ARGMAX:
        return "likeliest class"
    if rule.rate is not None:
        return f"{100 * rule.rate:g} % false alarms asked for"
    return f"best {str(rule.measure).replace('_', ' ')} on validation"


def _mean_cost(costs: Sequence[Cost]) -> Cost:
    def mean(name: str) -> int | None:
        known = [getattr(cost, name) for cost in costs]
        return None if None in known else round(float(np.mean(known)))

    return Cost(
        learning_s=float(np.mean([cost.learning_s for cost in costs])),
        rows_per_s=float(np.mean([cost.rows_per_s for cost in costs])),
        peak_bytes=mean("peak_bytes"),
        parameters=mean("parameters"),
        sealed_bytes=mean("sealed_bytes"),
    )


def _result(given: Given, done: _Done, rows: list[Row], earlier: Result | None) -> Result:
    protocol, problem = given.protocol, done.problem
    opened = _opened(protocol, earlier)
    dates = [kept.date for kept in done.runs.values()]
    found = standing(protocol, given.path, opened, made=min(dates))
    return Result(
        name=given.name,
        label=found.label,
        why=found.why,
        sha256=protocol.sha256,
        commit=found.commit,
        opened=opened,
        protocol=protocol.model_dump(mode="json", exclude_defaults=True),
        names=list(problem.names),
        attacks=problem.is_attack.tolist(),
        provenance=list(problem.told),
        data_sha256=list(dict.fromkeys(done.data_sha256)),
        leaks=_leaks(problem) if protocol.leak_checks else [],
        rows=rows,
        differences=_differences(protocol, done),
        flows_a_day=done.flows_a_day,
        date=max(dates),
        duration_s=sum(kept.run.cost.learning_s for kept in done.runs.values()),
        versions=_versions(),
        code=sorted({kept.code for kept in done.runs.values()}),
    )


def _opened(protocol: Protocol, earlier: Result | None) -> list[Opening]:
    """Times when the test rows were looked at with other choices."""
    if earlier is None:
        return []
    last = Opening(sha256=earlier.sha256, date=earlier.date, commit=earlier.commit)
    return [one for one in (*earlier.opened, last) if one.sha256 != protocol.sha256]


def _leaks(problem: Problem) -> list[Leak]:
    """What the checks find of each test part; what all of them say is said once."""
    parts = [(fold, part) for fold in problem.folds for part in fold.tests]
    found: dict[Leak, list[str]] = {}
    for fold, part in parts:
        for one in check_leaks(problem.rows, fold.split(part)):
            leak = Leak(check=one.check, severity=one.severity.value, what=one.what, advice=one.advice)
            found.setdefault(leak, []).append(part)
    return [
        leak if len(told) == len(parts) else leak.model_copy(update={"what": f"{', '.join(told)}: {leak.what}"})
        for leak, told in found.items()
    ]


def _differences(protocol: Protocol, done: _Done) -> list[Difference]:
    found = []
    for pair in protocol.pairs:
        for part in [pair.part] if pair.part else done.seeded[pair.one]:
            one, other = done.seeded[pair.one][part], done.seeded[pair.other][part]
            figure = difference(one, other, Asked.read(pair.measure), flows_a_day=done.flows_a_day)
            found.append(Difference(one=pair.one, other=pair.other, measure=pair.measure, part=part, figure=figure))
    return found


def _versions() -> dict[str, str]:
    found = {"oddflow": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
