"""The least change that would make an odd row normal, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oddflow.features.feature import Feature, Scale
from oddflow.models.measure import Measure
from oddflow.models.rows import Floats
from oddflow.verdicts.explaining.putting_back import Scores, Step
from oddflow.verdicts.naming import without_window
from oddflow.verdicts.words import amount

_SHARES = np.linspace(1, 0, 17)[:-1]
"""How much of the way back to the odd value is tried, the most first."""
_WHOLE = frozenset({"flows", "packets", "ports", "peers", "bytes", "connections", "hops"})
"""Units that are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One feature as it would have to be.

    Attributes:
        feature: Its name.
        value: As it is.
        wanted: As it would have to be, at most or at least.
        text: "at most 3 different ports on one host in 10 s".
    """

    feature: str
    value: float
    wanted: float
    text: str


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would make a row normal.

    Attributes:
        changes: The features that would have to be otherwise.
        score: What the row would then have.
        reached: Whether that is under the threshold.
    """

    changes: tuple[Change, ...]
    score: float
    reached: bool

    @property
    def text(self) -> str:
        """One sentence; "" where nothing that was tried makes it normal."""
        if not self.reached or not self.changes:
            return ""
        # of one count over several windows the widest is said; the changes hold all
        told = list({without_window(change.feature): change.text for change in self.changes}.values())
        return f"it would be normal with {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}"


def counterfactual(
    scores: Scores,
    row: Floats,
    steps: Sequence[Step],
    features: Sequence[Feature],
    measure: Measure,
    *,
    threshold: float,
) -> Counterfactual:
    """Of the parts that were put back, the fewest that are needed, each by no more than is needed.

    Args:
        scores: The model's.
        row: The odd row, (d,).
        steps: Parts put back, until the score is under the threshold.
        features: The d columns.
        measure: How far apart values are.
        threshold: Under which the row is no alert.
    """
    if not steps:
        return Counterfactual((), float(scores(row[None])[0]), reached=False)
    if steps[-1].score >= threshold:
        return Counterfactual((), steps[-1].score, reached=False)
    wanted = steps[-1].row.copy()
    # the last part made it normal: an earlier one may have turned out not to be needed, and then its columns
    for columns in [step.part.columns for step in steps] + [np.array([c]) for s in steps for c in s.part.columns]:
        trial = wanted.copy()
        trial[columns] = row[columns]
        if scores(trial[None])[0] < threshold:
            wanted = trial
    changed = [int(place) for step in steps for place in step.part.columns if wanted[place] != row[place]]
    for place in reversed(changed):
        if features[place].scale is not Scale.CATEGORY:
            wanted = _loosened(scores, wanted, row, place, features[place], measure, threshold)
    changes = tuple(
        Change(
            features[place].name, float(row[place]), float(wanted[place]), _words(features[place], row, wanted, place)
        )
        for place in changed
        if wanted[place] != row[place]
    )
    return Counterfactual(changes, float(scores(wanted[None])[0]), reached=True)


def _loosened(  # noqa: PLR0917  (a row, what it is of, and one of its columns)
    scores: Scores, wanted: Floats, row: Floats, place: int, feature: Feature, measure: Measure, threshold: float
) -> Floats:
    """The row with one column as near to the odd value as it may be."""
    trials = np.repeat(wanted[None], len(_SHARES), axis=0)
    for trial, share in zip(trials, _SHARES, strict=True):
        value = float(measure.between(wanted, row, float(share))[place])
        if feature.unit in _WHOLE and float(wanted[place]).is_integer():
            value = np.floor(value) if row[place] > wanted[place] else np.ceil(value)
        trial[place] = value
    is_normal = scores(trials) < threshold
    # from the normal value outwards: a score need not rise evenly
    outwards = np.flatnonzero(np.cumprod(is_normal[::-1]))
    return trials[len(trials) - 1 - outwards[-1]] if len(outwards) else wanted


def _words(feature: Feature, row: Floats, wanted: Floats, place: int) -> str:
    value = amount(float(wanted[place]), feature)
    if feature.scale is not Scale.CATEGORY:
        value = f"{'at most' if row[place] > wanted[place] else 'at least'} {value}"
    return feature.words.replace("{value}", value)
