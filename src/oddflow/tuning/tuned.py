"""What a search found, and how far it can be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from oddflow.detectors.chosen import ONLY
from oddflow.tuning.folds import SAID
from oddflow.tuning.keeping import quiet
from oddflow.tuning.objective import TOLD, Cost
from oddflow.tuning.search import COLUMN, FAMILIES, SPREAD, WHY, Search, completed, finished
from oddflow.tuning.space import options_of
from oddflow.tuning.workers import OPTIONS

FEWEST_TRIALS = 8
"""Fewer say nothing about which option matters."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One configuration.

    Attributes:
        number: In the study.
        state: "complete" or "pruned".
        value: What it was judged to be worth; None where it was left early.
        folds: What each fold said.
        options: As a person would write them.
        params: The same as numbers, where they are.
        seconds: How long it took.
        parameters: Numbers that it learnt; None where it was left early.
        learning_s: Processor time of learning one fold.
        steps: What was reported on the way, by step: epochs of the first fold, then folds from a million on.
        families: What each family of attacks said.
        why: Why it failed, where it did.
    """

    number: int
    state: str
    value: float | None
    folds: Sequence[float]
    options: Mapping[str, str]
    params: Mapping[str, Any]
    seconds: float
    parameters: float | None
    learning_s: float | None
    steps: Mapping[int, float]
    families: Mapping[str, float]
    why: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A family of attacks that was no part of the choice: what was chosen by the others, judged on it.

    Attributes:
        family: Its name.
        usual: What the usual options are worth on it.
        chosen: What the configuration is worth on it that is best on all other families.
    """

    family: str
    usual: float
    chosen: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found.

    Attributes:
        detector: Its name.
        words: The best options, as a person would write them, and those that were fixed.
        value: What they are worth, judged on held-back rows that chose them: better than they are.
        spread: The standard deviation of that over the folds.
        usual: What the usual options are worth; None where they lie outside of what was searched.
        measure, judged, dealt: What was measured, on what, and how rows were dealt.
        folds: How many.
        rows, attacks: That were learnt from and judged on, in turn.
        importances: How much of the differences in value each option explains, together 1; empty where trials are few.
        left_out: Families of attacks, each judged by a choice that did not see it.
        front: Numbers of the trials that none beats in both value and cost; empty where no cost was asked for.
        cost: What cost.
        columns: Names of the columns that are taken; empty where all are.
        all_columns: How many there are.
        trials: All of them.
    """

    detector: str
    words: Mapping[str, str]
    value: float
    spread: float
    usual: float | None
    measure: str
    judged: str
    dealt: str
    folds: int
    rows: int
    attacks: int
    importances: Mapping[str, float]
    left_out: Sequence[LeftOut]
    front: Sequence[int]
    cost: str
    columns: Sequence[str]
    all_columns: int
    trials: Sequence[Tried]

    @classmethod
    def of(cls, search: Search) -> "Tuned":
        """What a search found so far; at least one trial is done."""
        study, one = search.study, search.objective
        trials = [_tried(trial) for trial in finished(study)]
        done = completed(study)
        best = max(done, key=lambda trial: (trial.values[0], -trial.number))
        usual = next((trial for trial in done if trial.params == search.usual()), None)
        words = dict(best.user_attrs[OPTIONS])
        told = {option: _word(value) for option, value in one.fixed.items()}
        with quiet():
            front = sorted(trial.number for trial in study.best_trials) if search.plan.cost else []
        return cls(
            detector=one.kind.name,
            words=told | words,
            value=best.values[0],
            spread=float(np.std(best.user_attrs[SPREAD])),
            usual=None if usual is None else usual.values[0],
            measure=one.measure.value,
            judged=TOLD[one.purpose],
            dealt=SAID[one.by],
            folds=len(one.folds),
            rows=len(one.material.x),
            attacks=int(one.material.is_attack.sum()),
            importances=_importances(search, done),
            left_out=_left_out(done, usual),
            front=front,
            cost=search.plan.cost,
            columns=words[ONLY].split(",") if ONLY in words else [],
            all_columns=len(one.material.features),
            trials=trials,
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a machine."""
        return asdict(self)


def options(search: Search, tuned: Tuned) -> dict[str, Any]:
    """The best options, as the detector takes them."""
    return options_of(search.objective.kind, tuned.words)


def _word(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tried(trial: FrozenTrial) -> Tried:
    known = trial.user_attrs
    return Tried(
        number=trial.number,
        state=trial.state.name.lower(),
        value=trial.values[0] if trial.values and trial.state.name == "COMPLETE" else None,
        folds=known.get(SPREAD, []),
        options=known.get(OPTIONS, {}),
        params={name: value for name, value in trial.params.items() if not name.startswith(COLUMN)},
        seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        parameters=known.get(Cost.PARAMETERS.value),
        learning_s=known.get(Cost.LEARNING.value),
        steps=dict(trial.intermediate_values),
        families=known.get(FAMILIES, {}),
        why=known.get(WHY, ""),
    )


def _importances(search: Search, done: Sequence[FrozenTrial]) -> dict[str, float]:
    """Shares of the variance that each option explains by itself and with others (fANOVA).

    Source: Hutter, Hoos & Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter Importance".
    """
    names = [one.option for one in search.space]
    if len(done) < FEWEST_TRIALS or len(names) < 2 or np.ptp([trial.values[0] for trial in done]) == 0:
        return {}
    with quiet():
        found = optuna.importance.get_param_importances(
            search.study,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=search.plan.seed % 2**32),
            params=names,
            target=lambda trial: trial.values[0],
        )
    return {option: float(share) for option, share in found.items()}


def _left_out(done: Sequence[FrozenTrial], usual: FrozenTrial | None) -> list[LeftOut]:
    """Each family judged by what is best on the mean of all others: what to expect of attacks that were not seen."""
    if usual is None:
        return []
    names = list(usual.user_attrs.get(FAMILIES, {}))
    if len(names) < 2:
        return []
    table = np.array([[trial.user_attrs[FAMILIES][name] for name in names] for trial in done])  # (trials, families)
    others = (table.sum(axis=1, keepdims=True) - table) / (len(names) - 1)
    chosen = others.argmax(axis=0)
    here = done.index(usual)
    return [
        LeftOut(name, float(table[here, place]), float(table[chosen[place], place])) for place, name in enumerate(names)
    ]
