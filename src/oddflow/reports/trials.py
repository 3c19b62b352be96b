"""Trials of one thing at several values: learning and capacity curves, in numbers and in words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from oddflow.reports.words import count, number, share

NEAR = 0.02
"""Values that come within this share of the best are as good as it."""
APART = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """What one fit with one value came to.

    Attributes:
        value: What was varied, as it was given.
        seed: Of the fit.
        rows: Normal rows that it learnt.
        weights: Numbers that it learnt.
        epochs: That it took; 0 for a detector without.
        train_loss, validation_loss: Of the epoch whose weights were kept; NaN for a detector without epochs.
        train_score, validation_score: Mean scores of normal rows that it learnt and of others; higher is odder.
        train_area, validation_area: Area under the ROC curve, of rows of the training part that it learnt and of
            others; NaN where no attack is known.
        learning_s: Wall-clock time.
        ran_out: Whether it took all epochs that it was allowed: more might have changed it.
    """

    value: str
    seed: int
    rows: int
    weights: int
    epochs: int
    train_loss: float
    validation_loss: float
    train_score: float
    validation_score: float
    train_area: float
    validation_area: float
    learning_s: float
    ran_out: bool = False

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON, which knows no NaN."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Point:
    """All trials of a value: means over seeds, and by how much seeds differ (standard deviation; NaN of one)."""

    value: str
    rows: int
    weights: int
    epochs: float
    train: float
    validation: float
    spread: float
    validation_area: float
    area_spread: float
    learning_s: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Trials of a detector, in the order of the values.

    Attributes:
        detector: Its name.
        options: Those that were given and stood still, in words.
        varied: What was varied: "rows", or the name of an option.
        trials: All of them.
        validation_rows: Normal rows that judged all trials alike.
        attacks: Attacks of the training part that judged them; 0 where none are known.
        source: What the rows are of.
    """

    detector: str
    options: str
    varied: str
    trials: Sequence[Trial]
    validation_rows: int
    attacks: int
    source: str

    @property
    def measure(self) -> str:
        """What the curve shows: the loss, or of a detector without epochs the mean score."""
        return "loss" if all(math.isfinite(trial.validation_loss) for trial in self.trials) else "mean score"

    def points(self) -> list[Point]:
        """One for each value, in their order."""
        return [self._point(value) for value in dict.fromkeys(trial.value for trial in self.trials)]

    def _point(self, value: str) -> Point:
        of = [trial for trial in self.trials if trial.value == value]
        is_loss = self.measure == "loss"
        train = [trial.train_loss if is_loss else trial.train_score for trial in of]
        validation = [trial.validation_loss if is_loss else trial.validation_score for trial in of]
        areas = [trial.validation_area for trial in of]
        return Point(
            value, of[0].rows, of[0].weights, mean(trial.epochs for trial in of), mean(train), mean(validation),
            _spread(validation), mean(areas), _spread(areas), mean(trial.learning_s for trial in of),
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a machine."""
        return {
            "detector": self.detector, "options": self.options, "varied": self.varied, "measure": self.measure,
            "source": self.source, "validation_rows": self.validation_rows, "attacks": self.attacks, "said": told(self),
            "trials": [trial.as_dict() for trial in self.trials],
        }  # fmt: skip


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan


def told(curve: Curve) -> list[str]:
    """What the curve teaches, a sentence each: where validation is best, what is too small, what too large.

    Source: Goodfellow, Bengio & Courville 2016, "Deep Learning", section 5.2, figure 5.3 (capacity) and 5.4 (rows).
    """
    points = curve.points()
    if len(points) < 2:
        return []
    said = _told_of_rows(points, curve) if curve.varied == "rows" else _told_of_capacity(points, curve)
    ran_out = sum(trial.ran_out for trial in curve.trials)
    if ran_out:
        said.append(
            f"{ran_out} of {count(len(curve.trials), 'fit')} ended because the epochs ran out: what looks too small "
            "may only have learnt too short; give more (--option epochs=…)"
        )
    return said


def _told_of_capacity(points: Sequence[Point], curve: Curve) -> list[str]:
    best = min(points, key=lambda point: point.validation)
    room = max(NEAR * abs(best.validation), best.spread if math.isfinite(best.spread) else 0.0)
    enough = next(point for point in points if point.validation <= best.validation + room)
    said = [
        f"the validation {curve.measure} is least at {curve.varied}={best.value} ({number(best.validation)})"
        + ("" if enough is best else f"; {curve.varied}={enough.value} is as good ({number(enough.validation)})")
    ]
    place = points.index(best)
    low = [point for point in points[: points.index(enough)] if point.validation > best.validation + room]
    high = [point for point in points[place + 1 :] if point.validation > best.validation + room]
    if low:
        listed = "; ".join(point.value for point in low)
        first = low[0]
        said.append(
            f"{listed}: too small; rows that were learnt cost more too ({number(first.train)} at {first.value}, "
            f"{number(best.train)} at {best.value}): underfitting"
            if first.train > best.train
            else f"{listed}: worse on validation, though not on rows that were learnt"
        )
    if high:
        last = high[-1]
        said.append(
            f"{'; '.join(point.value for point in high)}: too large; validation rises to {number(last.validation)} "
            f"while rows that were learnt cost {number(last.train)}: overfitting"
            if last.train <= best.train * (1 + NEAR)
            else f"{'; '.join(point.value for point in high)}: worse on both kinds of rows, which is no overfitting"
        )
    if place == len(points) - 1 and enough is best:
        said.append(f"the last value is the best: larger ones than {best.value} may be better still")
    if place == 0 and not high:
        said.append("smaller values may do as well")
    return said


def _told_of_rows(points: Sequence[Point], curve: Curve) -> list[str]:
    first, before, last = points[0], points[-2], points[-1]
    fell = (before.validation - last.validation) / max(abs(before.validation), 1e-12)
    gap = (last.validation - last.train) / max(abs(last.train), 1e-12)
    said = [
        f"from {first.rows:,} to {last.rows:,} rows the validation {curve.measure} went from "
        f"{number(first.validation)} to {number(last.validation)}"
    ]
    room = max(APART, last.spread / max(abs(last.validation), 1e-12) if math.isfinite(last.spread) else 0.0)
    if fell > room:
        said.append(f"the last step still gained {share(fell, 1)}: more rows would help")
    elif gap > APART:
        said.append(
            f"the last step gained {share(max(fell, 0), 1)}, and rows not learnt still cost {share(gap, 1)} more than "
            "those learnt: a smaller or more regular detector, or rows that are more alike, would close the gap; more "
            "of the same may not"
        )
    else:
        said.append(
            f"the last step gained {share(max(fell, 0), 1)}, and there is no gap left: more rows of this kind "
            "teach nothing new; a larger detector may"
        )
    return said
