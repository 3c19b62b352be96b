"""Learning and capacity curves: one detector learnt again and again, judged by the same rows of the training part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.detectors.labels import check_labels
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.models.rows import Floats
from oddflow.reports.trials import Trial

VALIDATION_SHARE = 0.2
FEWEST_ROWS = 40
MOST_SCORED = 5_000
"""Of rows that were learnt, an even sample is scored: enough for a mean and an area."""
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)


@dataclass(frozen=True, slots=True)
class Ground:
    """Rows of a training part by their use; nothing of a test part is in it.

    Attributes:
        fit, validation: Normal rows, (n, d), (v, d).
        attacks, held_attacks: Of the time of each, (a, d), (h, d); a detector that learns from normal rows alone learns
            neither, and both judge it.
        kinds: What each attack to learn from is, (a,) int64.
    """

    fit: Floats
    validation: Floats
    attacks: Floats
    held_attacks: Floats
    kinds: NDArray[np.int64]

    @classmethod
    def of(cls, gathered: Gathered, *, shuffled: int | None = None) -> "Ground":
        """The last fifth in time is for validation; of rows without times, a fifth drawn by the seed `shuffled`.

        Raises:
            UsageError: There are too few rows.
        """
        y = np.zeros(len(gathered.x), np.int64) if gathered.y is None else gathered.y
        if shuffled is None:
            order = np.argsort(gathered.times_ns, kind="stable")
        else:
            order = np.random.default_rng([shuffled, 8]).permutation(len(y))
        x, y = gathered.x[order], y[order]
        normal, is_attack = x[y == 0], y > 0
        if len(normal) < FEWEST_ROWS:
            raise UsageError(f"{len(normal)} normal rows are too few for curves; give {FEWEST_ROWS} or more")
        cut = len(normal) - max(1, round(len(normal) * VALIDATION_SHARE))
        # an attack belongs to the side that was when it came
        is_late = np.flatnonzero(is_attack) >= np.flatnonzero(~is_attack)[cut]
        attacks, kinds = x[is_attack], y[is_attack]
        return cls(normal[:cut], normal[cut:], attacks[~is_late], attacks[is_late], kinds[~is_late])

    def thinned(self, rows: int, seed: int) -> "Ground":
        """With so many normal rows to learn from, and the same share of the attacks; fewer rows are among more."""
        if rows >= len(self.fit):
            return self
        chance = np.random.default_rng([seed, 9])
        kept = np.sort(chance.permutation(len(self.fit))[:rows])
        attacks = np.arange(len(self.attacks))
        if len(attacks):
            wanted = max(2, round(len(attacks) * rows / len(self.fit)))
            attacks = np.sort(chance.permutation(len(attacks))[:wanted])
        return Ground(self.fit[kept], self.validation, self.attacks[attacks], self.held_attacks, self.kinds[attacks])


@dataclass(frozen=True, slots=True)
class Varied:
    """One value of what is varied.

    Attributes:
        value: As it is shown.
        rows: Normal rows to learn from; all where None.
        options: Of the detector.
    """

    value: str
    rows: int | None
    options: Mapping[str, Any]


def by_rows(ground: Ground, wanted: Sequence[int], options: Mapping[str, Any]) -> list[Varied]:
    """So many rows each; a sixteenth to all of what is there unless given.

    Raises:
        UsageError: One is more than there are, or too few.
    """
    there = len(ground.fit)
    counts = sorted(set(wanted)) or sorted({max(FEWEST_ROWS // 2, round(share * there)) for share in SHARES})
    for count in counts:
        if not 2 <= count <= there:
            raise UsageError(f"--rows must be from 2 to {there:,}, the normal rows to learn from; {count:,} given")
    return [Varied(f"{count:,}", count, options) for count in counts]


def by_option(detector: str, text: str, options: Mapping[str, Any]) -> tuple[str, list[Varied]]:
    """What "hidden=4/8/16" varies, and its values.

    Raises:
        UsageError: It is not written so, there is no such option, or a value is of another kind.
    """
    name, _, values = text.partition("=")
    given = list(dict.fromkeys(filter(None, values.split("/"))))
    if not name or len(given) < 2:
        raise UsageError(f"--vary must name an option and at least two values, like hidden=4/8/16; {text!r} given")
    return name, [Varied(value, None, {**options, **registry.parsed(detector, [f"{name}={value}"])}) for value in given]


def trials(
    ground: Ground, gathered: Gathered, detector: str, varied: Sequence[Varied], seeds: Sequence[int]
) -> Iterator[Trial]:
    """Learns once for each value and seed, and judges each by the same rows.

    Args:
        ground: Rows by their use.
        gathered: Where they are from.
        detector: By name.
        varied: Values.
        seeds: Of the fit, and of which rows it learns where not all.

    Raises:
        UsageError: No such option, or labels of one kind alone for a supervised detector.
        LearningFailed: It diverged.
    """
    kind = registry.find(detector)
    if kind.supervised:
        y = np.concatenate([np.zeros(len(ground.fit), np.int64), ground.kinds])
        check_labels(y, len(y), kind.name)
    for one in varied:
        for seed in seeds:
            part = ground if one.rows is None else ground.thinned(one.rows, seed)
            fitted = registry.create(kind, gathered.features, seed=seed, **one.options)
            began = perf_counter()
            _teach(fitted, part)
            took, most = perf_counter() - began, registry.epochs_of(kind, one.options)
            yield _judged(fitted, part, one.value, seed, learning_s=took, most_epochs=most)


def _teach(detector: Detector, part: Ground) -> None:
    if not detector.supervised:
        detector.fit(part.fit, validation=part.validation)
        return
    x = np.concatenate([part.fit, part.attacks])
    detector.fit(x, np.concatenate([np.zeros(len(part.fit), np.int64), part.kinds]))


def _judged(fitted: Detector, part: Ground, value: str, seed: int, *, learning_s: float, most_epochs: int) -> Trial:
    learnt = fitted.decision_function(_few(part.fit))
    others = fitted.decision_function(part.validation)
    known, held = (part.attacks, part.held_attacks)
    if not fitted.supervised:
        known = held = np.concatenate([known, held])
    epochs, train_loss, validation_loss = _losses(fitted)
    return Trial(
        value=value,
        seed=seed,
        rows=len(part.fit),
        weights=sum(int(np.size(array)) for array in fitted.weights().values()),
        epochs=epochs,
        train_loss=train_loss,
        validation_loss=validation_loss,
        train_score=float(learnt.mean(dtype=np.float64)),
        validation_score=float(others.mean(dtype=np.float64)),
        train_area=_area(fitted, learnt, _few(known)),
        validation_area=_area(fitted, others, _few(held)),
        learning_s=learning_s,
        ran_out=bool(epochs) and epochs >= most_epochs,
    )


def _losses(fitted: Detector) -> tuple[int, float, float]:
    """How many epochs, and both losses of the one whose weights were kept; NaN where no rows judged them."""
    history = getattr(fitted, "history_", None)
    if history is None:
        return 0, np.nan, np.nan
    if all(epoch.train_loss == epoch.validation_loss for epoch in history.epochs):
        return len(history.epochs), np.nan, np.nan
    best = history.epochs[history.best]
    return len(history.epochs), best.train_loss, best.validation_loss


def _area(fitted: Detector, normal: Floats, attacks: Floats) -> float:
    """How often an attack scores above a normal row; a tie counts half (Mann & Whitney 1947)."""
    if not len(attacks):
        return float("nan")
    scores, ordered = fitted.decision_function(attacks), np.sort(normal)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return float(below.mean() / 2 / len(ordered))


def _few(rows: Floats) -> Floats:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_SCORED)).astype(np.int64)]
