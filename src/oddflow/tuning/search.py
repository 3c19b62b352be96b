"""The search itself: trials one after the other, kept in a file where that is wanted, so that it can go on."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from oddflow.detectors import registry
from oddflow.detectors.chosen import ONLY
from oddflow.errors import InputError, LearningFailed, UsageError
from oddflow.features.representation import Reads
from oddflow.tuning.grid import points
from oddflow.tuning.judging import Here, Judge, Spread
from oddflow.tuning.keeping import quiet, storage_of
from oddflow.tuning.objective import Cost, Objective
from oddflow.tuning.pruning import ALIKE, FIRST_FOLD_STEP, MEANING, Pruner
from oddflow.tuning.space import Dimension, default_of, options_of
from oddflow.tuning.workers import OPTIONS, WORKER, myself, take_over

if TYPE_CHECKING:
    from oddflow.training.loop import Epoch, EpochTold

SCHEMA, FAMILIES, WHY, SPREAD = "oddflow", "families", "why", "folds"
"""Attributes: of the study, what it is of; of a trial, what it took, found and failed of."""
COLUMN = "column "
"""What the name of a choice begins with that takes a column or leaves it out."""
GRID_QUEUED = "queued"
MOST_COLUMNS = 512


class Sampler(StrEnum):
    """How the next configuration is drawn.

    Source: tpe: Bergstra, Bardenet, Bengio & Kégl 2011, "Algorithms for Hyper-Parameter Optimization"; genetic: Deb,
    Pratap, Agarwal & Meyarivan 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II".
    """

    TPE = "tpe"
    RANDOM = "random"
    GENETIC = "genetic"
    GRID = "grid"


@dataclass(frozen=True, slots=True)
class Plan:
    """How it is searched.

    Attributes:
        trials: Trials in all, of all workers of a study; those left early count, those that were cut off do not.
        timeout_s: No trial goes on after this; the first one does.
        sampler, pruner: Words of `Sampler` and `Pruner`.
        cost: A second thing to make small, a word of `Cost`; "" for none. Then nothing is left early.
        columns: Whether columns are taken or left out, by the genetic sampler.
        study: The SQLite file that keeps it; None for none.
        name: Of the study in the file.
        seed: Of all chance in it.
        at_once: So many trials are drawn before the first of them is judged; what is found hangs on it, and not on who
            judges them, or how many do.
    """

    trials: int = 50
    timeout_s: float | None = None
    sampler: str = Sampler.TPE
    pruner: str = Pruner.MEDIAN
    cost: str = ""
    columns: bool = False
    study: str | None = None
    name: str = "oddflow"
    seed: int = 0
    at_once: int = 1

    def __post_init__(self) -> None:
        """Refuses words that are none."""
        checks = (("--sampler", self.sampler, Sampler), ("--pruner", self.pruner, Pruner), ("--cost", self.cost, Cost))
        for option, word, words in checks:
            if word not in list(words) and (word or words is not Cost):
                raise UsageError(f"{option} must be one of {', '.join(words)}; {word!r} given")
        if self.trials < 1:
            raise UsageError(f"--trials must be 1 or more; {self.trials} given")
        if self.at_once < 1:
            raise UsageError(f"--at-once must be 1 or more; {self.at_once} given")
        if self.columns and self.sampler not in {Sampler.GENETIC, Sampler.RANDOM}:
            raise UsageError(f"columns are chosen by --sampler genetic (or random); {self.sampler} given")


@dataclass(frozen=True, slots=True)
class Told:
    """How far the search is: trials done, and the best value so far; None where there is none yet."""

    done: int
    best: float | None


Listener = Callable[[Told], None]


class _OutOfTime(Exception):
    """A trial is cut off, and done again when the study goes on."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A trial, and the options that it takes; None where they make none."""

    trial: Trial
    options: Mapping[str, Any] | None


class Search:
    """A study of one objective; `run` does trials until there are enough, or time is up."""

    def __init__(
        self, objective: Objective, space: Sequence[Dimension], plan: Plan, pool: Executor | None = None
    ) -> None:
        """Opens the study, or makes it.

        A pool judges folds beside each other; this process alone looks at the study.

        Raises:
            UsageError: There is nothing to vary, or the study is of something else.
            InputError: The file is no study.
        """
        self.objective, self.space, self.plan = objective, list(space), plan
        self._judge: Judge = Spread(objective, pool) if pool else Here(objective)
        self._columns = [feature.name for feature in objective.material.features] if plan.columns else []
        if plan.columns:
            _check_columns(objective)
        elif not self.space:
            raise UsageError(f"of {objective.kind.name} nothing is left to vary; name an option with --vary")
        self._grid = points(self.space, self.usual(), plan.seed) if plan.sampler == Sampler.GRID else []
        self._in_epochs = "told" in registry.options(objective.kind)
        # optuna speaks of a cost as a second thing to be made small, and leaves nothing early then
        self.pruner = Pruner.NONE if plan.cost else Pruner(plan.pruner)
        with quiet():
            self.study = self._opened()

    def run(self, listener: Listener | None = None) -> Study:
        """Does trials, as many as the plan wants in all; gives the study."""
        deadline = math.inf if self.plan.timeout_s is None else monotonic() + self.plan.timeout_s
        with quiet():
            take_over(self.study)
            self._queue()
            while self._done() < self._wanted() and (monotonic() < deadline or not self._done()):
                try:
                    self._try([self._drawn() for _ in range(self._next())], deadline, listener)
                except _OutOfTime:
                    break
        return self.study

    def _try(self, drawn: Sequence[_Drawn], deadline: float, listener: Listener | None) -> None:
        """Judges trials that were drawn, in their order; those that it does not come to are done again."""
        left = list(drawn)
        try:
            for one in drawn:
                if one.options is not None:
                    self._judge.begin(one.trial.number, one.options)
            for one in drawn:
                try:
                    value = self._tried(one, deadline)
                except optuna.TrialPruned:
                    self.study.tell(one.trial, state=TrialState.PRUNED)
                else:
                    self.study.tell(one.trial, value)
                left.remove(one)
                self._judge.end(one.trial.number)
                if listener:
                    listener(self.told())
        except Exception as error:
            for one in left:
                self._judge.end(one.trial.number)
                self.study.tell(one.trial, state=TrialState.FAIL)
            refused = isinstance(error, LearningFailed | UsageError)
            for one in left[1:] if refused else left:
                self.study.enqueue_trial(one.trial.params)
            raise

    def told(self) -> Told:
        """How far it is."""
        values = [trial.values[0] for trial in completed(self.study)]
        return Told(self._done(), max(values) if values else None)

    def usual(self) -> dict[str, Any]:
        """What a trial takes that leaves all options as they are; what lies outside the space is left out."""
        kind = self.objective.kind
        defaults = {one.option: default_of(kind, one.option) for one in self.space}
        held = {
            one.option: str(defaults[one.option]) if one.words else defaults[one.option]
            for one in self.space
            if one.holds(defaults[one.option])
        }
        return held | {COLUMN + name: True for name in self._columns}

    def _opened(self) -> Study:
        directions = [StudyDirection.MAXIMIZE, *([StudyDirection.MINIMIZE] if self.plan.cost else [])]
        try:
            study = optuna.create_study(
                storage=storage_of(self.plan.study),
                study_name=self.plan.name,
                directions=directions,
                pruner=self.pruner.made(in_epochs=self._in_epochs),
                load_if_exists=True,
            )
        except Exception as error:
            if self.plan.study is None or type(error).__module__.split(".")[0] not in {
                "sqlalchemy",
                "sqlite3",
                "optuna",
            }:
                raise
            raise InputError(
                f"{self.plan.study} cannot be used as a study: {str(error).splitlines()[0][:200]}; name another file"
            ) from error
        about = self._about()
        known = study.user_attrs.get(SCHEMA)
        if known is None:
            study.set_user_attr(SCHEMA, about)
        elif known != about:
            other = next((key for key in about if known.get(key) != about[key]), "kind")
            raise UsageError(
                f"the study {self.plan.name!r} of {self.plan.study} has another {other}; it goes on only with what it "
                "began with: give another --name to begin a new one"
            )
        return study

    def _about(self) -> dict[str, Any]:
        """What must be the same for trials to be compared."""
        one = self.objective
        return {
            "detector": one.kind.name,
            "fixed options": {key: str(value) for key, value in sorted(one.fixed.items())},
            "rows": one.material.fingerprint(),
            "space": [str(dimension) for dimension in self.space],
            "columns": self._columns,
            "measure": f"{one.purpose} {one.measure}",
            "folds": f"{len(one.folds)} by {one.by}",
            "cost": self.plan.cost,
            "seed": [one.seed, self.plan.seed],
        }

    def _queue(self) -> None:
        """What is usual comes first; of a grid, its points by chance."""
        usual = self.usual()
        if not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(usual)
        if self.plan.sampler != Sampler.GRID:
            return
        queued = self.study.user_attrs.get(GRID_QUEUED, 0)
        for point in self._grid[queued : self.plan.trials]:
            self.study.enqueue_trial(point, skip_if_exists=True)
        self.study.set_user_attr(GRID_QUEUED, max(queued, min(len(self._grid), self.plan.trials)))

    def _wanted(self) -> int:
        if self.plan.sampler != Sampler.GRID:
            return self.plan.trials
        return min(self.plan.trials, 1 + len(self._grid))

    def _next(self) -> int:
        """How many trials are drawn now: in a study that goes on, as many as if it had not been broken off."""
        return min(self.plan.at_once - self._done() % self.plan.at_once, self._wanted() - self._done())

    def _done(self) -> int:
        return len(finished(self.study))

    def _sampler(self) -> BaseSampler:
        """Seeded anew for each trial by how many there were: a study that goes on draws what it would have drawn."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        count = len(self.study.get_trials(deepcopy=False, states=states))
        seed = int(np.random.SeedSequence([self.plan.seed % 2**63, count]).generate_state(1)[0])
        if self.plan.sampler == Sampler.TPE:
            return TPESampler(seed=seed)
        if self.plan.sampler == Sampler.GENETIC:
            return NSGAIISampler(population_size=max(4, min(20, self.plan.trials // 5)), seed=seed)
        return RandomSampler(seed=seed)

    def _drawn(self) -> _Drawn:
        """The next trial, with all that is drawn for it."""
        self.study.sampler = self._sampler()
        trial = self.study.ask()
        trial.set_user_attr(WORKER, myself())
        words = {one.option: one.drawn(trial) for one in self.space}
        if self._columns:
            kept = [name for name in self._columns if trial.suggest_categorical(COLUMN + name, [False, True])]
            if not kept:
                trial.set_user_attr(WHY, "no column was taken")
                return _Drawn(trial, None)
            if len(kept) < len(self._columns):
                words[ONLY] = ",".join(kept)
        trial.set_user_attr(OPTIONS, words)
        alike = {option: word for option, word in words.items() if option in MEANING}
        trial.set_user_attr(ALIKE, repr(sorted(alike.items())))
        return _Drawn(trial, options_of(self.objective.kind, words))

    def _tried(self, drawn: _Drawn, deadline: float) -> float | tuple[float, float]:
        trial = drawn.trial
        if drawn.options is None:
            raise optuna.TrialPruned
        try:
            return self._judged(trial, drawn.options, deadline)
        except (LearningFailed, UsageError) as error:
            if not self._done():
                raise
            # options that do not go together, or diverge, are bad ones: the search learns to stay away
            trial.set_user_attr(WHY, str(error))
            raise optuna.TrialPruned from error

    def _judged(self, trial: Trial, options: Mapping[str, Any], deadline: float) -> float | tuple[float, float]:
        values: list[float] = []
        families: dict[str, list[float]] = {}
        costs = dict.fromkeys(Cost, 0.0)
        prunes = self.pruner is not Pruner.NONE
        for number in range(len(self.objective.folds)):
            told = self._epochs(trial, deadline) if prunes and not number else self._clock(deadline)
            try:
                judgement = self._judge.judge(trial.number, options, number, told, lambda: self._left_s(deadline))
            except TimeoutError:
                raise _OutOfTime from None
            values.append(judgement.value)
            for name, value in judgement.families.items():
                families.setdefault(name, []).append(value)
            for cost, spent in judgement.costs.items():
                costs[cost] += spent / len(self.objective.folds)
            trial.set_user_attr(SPREAD, values)
            if prunes:
                first = FIRST_FOLD_STEP if self._in_epochs else 1
                trial.report(float(np.mean(values)), first + number)
                last = number + 1 == len(self.objective.folds)
                if not last and self.pruner.looks_at_folds(in_epochs=self._in_epochs) and trial.should_prune():
                    raise optuna.TrialPruned
            self._check_time(deadline)
        trial.set_user_attr(FAMILIES, {name: float(np.mean(each)) for name, each in families.items()})
        for cost, spent in costs.items():
            trial.set_user_attr(cost.value, spent)
        value = float(np.mean(values))
        return (value, costs[Cost(self.plan.cost)]) if self.plan.cost else value

    def _epochs(self, trial: Trial, deadline: float) -> "EpochTold":
        """Reports the losses of the first fit: the lower, the better; of what follows it under another loss, none."""
        reported = 0

        def told(epoch: "Epoch") -> None:
            nonlocal reported
            self._check_time(deadline)
            if epoch.number != reported or not math.isfinite(epoch.validation_loss):
                return
            reported += 1
            # below 0, so that what folds say, 0 to 1, is better than any of it
            trial.report(-max(0.0, epoch.validation_loss), 1 + epoch.number)
            if trial.should_prune():
                raise optuna.TrialPruned

        return told

    def _left_s(self, deadline: float) -> float | None:
        """Seconds until time is up; None where that does not count yet."""
        return None if math.isinf(deadline) or not self._done() else max(0.0, deadline - monotonic())

    def _clock(self, deadline: float) -> "EpochTold":
        return lambda _: self._check_time(deadline)

    def _check_time(self, deadline: float) -> None:
        if monotonic() > deadline and self._done():
            raise _OutOfTime


def finished(study: Study) -> list[FrozenTrial]:
    """Trials that came to an end: judged in full, or left early."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def completed(study: Study) -> list[FrozenTrial]:
    """Trials that were judged in full."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _check_columns(objective: Objective) -> None:
    count = len(objective.material.features)
    if objective.kind.reads is not Reads.TABULAR or ONLY in objective.fixed:
        raise UsageError(
            f"{objective.kind.name} reads {objective.kind.reads}s as wholes, or its columns are told: leave "
            "--features out"
        )
    if not 2 <= count <= MOST_COLUMNS:
        raise UsageError(f"columns are chosen among 2 to {MOST_COLUMNS}; these rows have {count}")
