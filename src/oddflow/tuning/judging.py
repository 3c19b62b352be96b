"""Folds of configurations, judged where the search runs, or all at the same time by a pool of processes or a cluster.

A pool gives the same as the search by itself: it records what was told of epochs, and the search listens to that as if
it happened then. What it would not have gone on with is thrown away.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from oddflow.errors import LearningFailed, UsageError
from oddflow.tuning.objective import Judgement, Objective

if TYPE_CHECKING:
    from oddflow.training.loop import Epoch, EpochTold

Left = Callable[[], float | None]
"""How many seconds are left; None where they do not count."""


class Judge(Protocol):
    """Judges configurations; see `Here` and `Spread`."""

    def begin(self, trial: int, options: Mapping[str, Any]) -> None:
        """A configuration will be asked for, or may be."""

    def judge(self, trial: int, options: Mapping[str, Any], fold: int, told: "EpochTold", left: Left) -> Judgement:
        """What a fold says of it; what `told` raises of an epoch ends it.

        Raises:
            UsageError, LearningFailed: As `Objective.judge`.
            TimeoutError: No time is left.
        """

    def end(self, trial: int) -> None:
        """It is not asked for any more."""


class Here:
    """This process, one fold after the other."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def begin(self, trial: int, options: Mapping[str, Any]) -> None:
        """Nothing is done before it is asked for."""

    def judge(self, trial: int, options: Mapping[str, Any], fold: int, told: "EpochTold", left: Left) -> Judgement:  # noqa: ARG002
        """As Judge; whoever is told of epochs looks at the clock."""
        return self._objective.judge(options, fold, told)

    def end(self, trial: int) -> None:
        """Nothing goes on."""


@dataclass(frozen=True, slots=True)
class Record:
    """One fold of a configuration, as it went.

    Attributes:
        epochs: All that was told.
        judgement: What came of it; None where it failed.
        error: Why it failed.
    """

    epochs: "tuple[Epoch, ...]"
    judgement: Judgement | None = None
    error: Exception | None = None


class Spread:
    """A pool, which judges all folds of all configurations that were begun at the same time."""

    def __init__(self, objective: Objective, pool: Executor) -> None:
        self._pool = pool
        self._record = partial(record, objective)
        self._folds = len(objective.folds)
        self._begun: dict[int, list[Future[Record]]] = {}

    def begin(self, trial: int, options: Mapping[str, Any]) -> None:
        """Asks for its folds."""
        asked = dict(options)
        self._begun[trial] = [self._pool.submit(self._record, asked, fold) for fold in range(self._folds)]

    def judge(self, trial: int, options: Mapping[str, Any], fold: int, told: "EpochTold", left: Left) -> Judgement:  # noqa: ARG002
        """As Judge."""
        found = self._begun[trial][fold].result(left())
        for epoch in found.epochs:
            told(epoch)
        if found.judgement is None:
            assert found.error is not None  # noqa: S101  (`record` has one of them)
            raise found.error
        return found.judgement

    def end(self, trial: int) -> None:
        """Lets go what of it is not done."""
        for future in self._begun.pop(trial, []):
            future.cancel()


def record(objective: Objective, options: Mapping[str, Any], fold: int) -> Record:
    """Judges a fold of a configuration, and writes down what is told meanwhile."""
    epochs: list[Epoch] = []

    def told(epoch: "Epoch") -> None:
        epochs.append(replace(epoch, network=None, looked_at=None))

    try:
        judgement = objective.judge(options, fold, told)
    except (LearningFailed, UsageError) as error:
        return Record(tuple(epochs), error=error)
    return Record(tuple(epochs), judgement)
