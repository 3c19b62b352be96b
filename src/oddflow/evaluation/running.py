"""One entry, one fold, one seed: learnt, its threshold set without a test row, and only then tested."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.evaluation.cost import Cost, Memory
from oddflow.evaluation.learner import Learnt, is_supervised, learn
from oddflow.evaluation.problem import Fold, Places, Problem
from oddflow.evaluation.protocol import Classes, Entry, Protocol, Rule, Threshold
from oddflow.evaluation.references import is_reference
from oddflow.evaluation.thresholds import best_threshold, rate_threshold
from oddflow.features.representation import Reads
from oddflow.models.rows import Floats

BESIDE = (
    Entry(detector="reference:constant", name="constant"),
    Entry(detector="reference:single-feature", name="single best feature"),
    Entry(detector="reference:tree:depth=3", name="tree of depth 3"),
)
"""Trivial baselines, which stand in each table; they learn from labels."""
USUAL_RATE = 0.01
"""The false-alarm rate that is asked for where nothing else can set a threshold."""
FOREST = Entry(detector="isolation-forest", name="isolation forest")


@dataclass(frozen=True, slots=True)
class Tested:
    """What was said of the n rows of a test part, in the order of their places.

    Attributes:
        scores: (n,) float32, higher is odder.
        predicted: Classes, (n,) int16.
        attack: P(attack), (n,) float32; None where it tells no probabilities.
        confidence: Probability of the predicted class, (n,) float32; None likewise.
    """

    scores: Floats
    predicted: NDArray[np.int16]
    attack: Floats | None = None
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a fit found.

    Attributes:
        tests: By test part.
        threshold: Scores above it are attacks; None where the likeliest class is taken.
        learnt_rows: How many were learnt from.
        cost: What it took.
    """

    tests: Mapping[str, Tested]
    threshold: float | None
    learnt_rows: int
    cost: Cost


def entries_of(protocol: Protocol, problem: Problem) -> tuple[Entry, ...]:
    """The protocol's entries and what stands beside them; none twice, and none that lacks classes to learn from.

    Raises:
        UsageError: An entry learns from attacks, and there are none to learn from.
    """
    learnable = all(np.ptp(problem.codes[fold.train]) > 0 for fold in problem.folds)
    beside = [entry for entry in BESIDE if learnable or entry is BESIDE[0]]
    if protocol.isolation_forest and protocol.classes is Classes.TWO:
        beside.append(FOREST)
    unlearnable = [entry.title for entry in protocol.entries if not learnable and is_supervised(entry)]
    if unlearnable:
        raise UsageError(f"{unlearnable[0]} learns from attacks, and there are none among the rows to learn from")
    known = {entry.detector for entry in protocol.entries}
    return (*protocol.entries, *(entry for entry in beside if entry.detector not in known))


def reads_of(entry: Entry, protocol: Protocol) -> Reads:
    """What of flows an entry's rows show: what it reads; what takes any features, those that the protocol names."""
    usual = protocol.data.reads or Reads.TABULAR
    if is_reference(entry.detector):
        return usual
    reads = registry.find(registry.told(entry.detector)[0]).reads
    return usual if reads is Reads.TABULAR else reads


def key_of(protocol: Protocol, entry: Entry, seed: int, data_sha256: str) -> str:
    """Names a run by all that it hangs on but the code."""
    rule = (entry.threshold or protocol.threshold).model_dump_json(exclude_defaults=True)
    chosen = f"{data_sha256} {protocol.classes} {rule} {seed} "
    chosen += entry.model_dump_json(exclude={"name", "note", "threshold"}, exclude_defaults=True)
    return hashlib.sha256(chosen.encode()).hexdigest()[:24]


def run(protocol: Protocol, problem: Problem, fold: Fold, entry: Entry, *, seed: int) -> Run:
    """Learns an entry, sets its threshold on rows to learn from that it did not learn, and tests it.

    Raises:
        UsageError, LearningFailed: As the detector raises them.
    """
    rule = rule_of(entry.threshold or protocol.threshold, entry, problem)
    known, held = _held_back(rule, problem, fold.train, seed)
    memory = Memory()
    began = process_time()
    learnt = learn(entry, problem, known, seed=seed, unseen=np.concatenate(list(fold.tests.values())))
    learning_s = process_time() - began
    peak_bytes = memory.peak_bytes()
    learnt.seal(known)
    threshold = _threshold(rule, learnt, problem, held, is_supervised(entry), fold.train)
    x = problem.rows.filled()
    tests, spent_s, count = {}, 0.0, 0
    for part, places in fold.tests.items():
        began = process_time()
        scores = learnt.scores(x[places])
        spent_s += process_time() - began
        count += len(places)
        tests[part] = _tested(scores, learnt.probabilities(x[places]), threshold, problem)
    learns = len(known) if is_supervised(entry) else int((~problem.rows.is_attack[known]).sum())
    cost = Cost(
        learning_s=learning_s,
        rows_per_s=count / max(spent_s, 1e-9),
        peak_bytes=peak_bytes,
        parameters=learnt.parameters,
        sealed_bytes=learnt.sealed_bytes,
    )
    return Run(tests, threshold, learns, cost)


def rule_of(given: Threshold, entry: Entry, problem: Problem) -> Threshold:
    """The rule of an entry: what tells no probabilities cannot take the likeliest class."""
    if len(problem.names) > 2:
        return Threshold()
    if given.rule is not Rule.ARGMAX or is_supervised(entry):
        return given
    if has_attacks(problem):
        return given.model_copy(update={"rule": Rule.VALIDATION})
    return given.model_copy(update={"rule": Rule.FALSE_ALARM_RATE, "rate": USUAL_RATE})


def has_attacks(problem: Problem) -> bool:
    """Whether there are attacks to learn from, in each fold."""
    return all(problem.rows.is_attack[fold.train].any() for fold in problem.folds)


def _held_back(rule: Threshold, problem: Problem, train: Places, seed: int) -> tuple[Places, Places]:
    """Rows to learn from, and those that a threshold is set by: the last in time, else drawn by the seed."""
    if rule.rule is Rule.ARGMAX:
        return train, train[:0]
    held = np.zeros(len(train), bool)
    times_ns = problem.rows.times_ns
    chance = np.random.default_rng([seed, 8])
    for attacks in (False, True):
        places = np.flatnonzero(problem.rows.is_attack[train] == attacks)
        order = (
            chance.permutation(places)
            if times_ns is None
            else places[np.argsort(times_ns[train[places]], kind="stable")]
        )
        held[order[len(order) - round(rule.held_back * len(order)) :]] = True
    return train[~held], train[held]


def _threshold(
    rule: Threshold, learnt: Learnt, problem: Problem, held: Places, supervised: bool, train: Places
) -> float | None:
    if rule.rule is Rule.ARGMAX:
        return None
    x, is_attack = problem.rows.filled(), problem.rows.is_attack
    normal = learnt.scores(x[held[~is_attack[held]]])
    if rule.rate is not None:
        return rate_threshold(normal, rule.rate)
    # what learns no attacks knows none of the training part: all of them tell
    attacks = held[is_attack[held]] if supervised else train[is_attack[train]]
    return best_threshold(normal, learnt.scores(x[attacks]), rule.measure)


def _tested(scores: Floats, probabilities: Floats | None, threshold: float | None, problem: Problem) -> Tested:
    if probabilities is None:
        assert threshold is not None  # noqa: S101  (`rule_of` sees to it)
        return Tested(scores, (scores > threshold).astype(np.int16))
    likeliest = probabilities.argmax(axis=1).astype(np.int16)
    predicted = likeliest if threshold is None else (scores > threshold).astype(np.int16)
    confidence = np.take_along_axis(probabilities, predicted[:, None].astype(np.int64), axis=1)[:, 0]
    attack = probabilities[:, problem.is_attack].sum(axis=1, dtype=np.float32)
    return Tested(scores, predicted, attack, confidence)
