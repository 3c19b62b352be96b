"""Configurations that are left early: those that learn, or are judged, worse than others did by then."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

FIRST_FOLD_STEP = 1_000_000
"""Steps below it are epochs, of the first fold; from it on, folds."""
ALIKE = "alike"
"""The attribute of a trial that says with which others its loss can be compared."""
MEANING = frozenset({
    "scaling", "categories", "buckets", "embedding", "sparse", "beta", "game", "score", "network", "weight",
    "box_weight", "orthogonal", "noise", "view", "only",
    "weighting", "overlap", "loss", "focus", "smoothing",
})  # fmt: skip
"""Options under which a loss means something else: it is then compared with none of other values."""

STARTUP_TRIALS = 5
WARM_UP_EPOCHS = 5


class Pruner(StrEnum):
    """What decides."""

    MEDIAN = "median"
    HALVING = "halving"
    NONE = "none"

    def made(self, *, in_epochs: bool) -> BasePruner:
        """Of Optuna; `in_epochs` where the detector learns in epochs.

        Source: for halving, Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning" (ASHA). It goes by
        epochs of the first fold where there are epochs, else by folds.
        """
        if self is Pruner.NONE:
            return NopPruner()
        if self is Pruner.MEDIAN:
            # the step of a warm-up is one of epochs; folds come after all of them
            return _LikeWithLike(MedianPruner(STARTUP_TRIALS, WARM_UP_EPOCHS if in_epochs else 0))
        return _LikeWithLike(SuccessiveHalvingPruner(min_resource=4 if in_epochs else 1, reduction_factor=2))

    def looks_at_folds(self, *, in_epochs: bool) -> bool:
        """Whether a configuration may be left between folds."""
        return self is Pruner.MEDIAN or not in_epochs


class _LikeWithLike(BasePruner):
    """Compares losses of epochs only with those that mean the same; what folds say is compared with all."""

    def __init__(self, inner: BasePruner) -> None:
        self._inner = inner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial is left."""
        step = trial.last_step
        if step is None or step >= FIRST_FOLD_STEP or ALIKE not in trial.user_attrs:
            return self._inner.prune(study, trial)
        return self._inner.prune(_Among(study, trial.user_attrs[ALIKE]), trial)  # type: ignore[arg-type]


class _Among:
    """A study as if it held only trials whose losses mean the same."""

    def __init__(self, study: Study, alike: str) -> None:
        self._study, self._alike = study, alike

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, deepcopy: bool = True, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        trials = self._study.get_trials(deepcopy=deepcopy, states=tuple(states) if states else None)
        return [trial for trial in trials if trial.user_attrs.get(ALIKE) == self._alike]
