"""Whether a fit learnt too little or its rows by heart: told in words, with the evidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from oddflow.reports.fits import Fit, smoothed
from oddflow.reports.words import count, number, share

FEWEST_EPOCHS = 5
STILL = 0.03
"""A validation loss that falls by this share of itself, or of its whole fall, over the last epochs is not at rest."""
LAST_SHARE = 0.2
RISE = 0.05
"""A validation loss that rose by this share of itself after its best epoch, while the other fell: overfitting."""
GAP = 0.25
HARDLY = 0.05
VANISHED, EXPLODED = 1e-4, 100.0
SPIKE = 3.0


class Verdict(StrEnum):
    """What a remark says."""

    TOO_SHORT = "too short to tell"
    STILL_LEARNING = "still learning"
    UNDERFIT = "underfits"
    OVERFIT = "began to overfit"
    GAP = "a gap"
    SOUND = "sound"
    UNJUDGED = "not judged"
    DIVERGED = "diverged"
    RESTLESS = "restless"
    GRADIENTS = "gradients"


GRAVE = (
    Verdict.DIVERGED,
    Verdict.UNDERFIT,
    Verdict.STILL_LEARNING,
    Verdict.OVERFIT,
    Verdict.GAP,
    Verdict.GRADIENTS,
    Verdict.RESTLESS,
)
"""What there is something to do about, the gravest first."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A verdict, what speaks for it, and what to do; "" where there is nothing to."""

    verdict: Verdict
    evidence: str
    advice: str = ""

    @property
    def grave(self) -> bool:
        """Whether there is something to do."""
        return self.verdict in GRAVE


def remarks(fit: Fit) -> list[Remark]:
    """What the losses of a fit tell, the gravest first; at least one remark.

    Losses are smoothed before they are judged. What a curve alone cannot tell is whether a larger network would do
    better: capacity curves do (`oddflow curves --vary`).

    Source: Goodfellow, Bengio & Courville 2016, "Deep Learning", sections 5.2, 7.8 and 11.3; notes 002, section 7.
    """
    if not fit.train or not all(map(math.isfinite, fit.train + fit.validation)):
        last = f"the loss was no number any more after {count(len(fit.train), 'epoch')}"
        return [Remark(Verdict.DIVERGED, last, "a lower learning rate, or clipped gradients")]
    found = _gradients(fit)
    if len(fit.train) < FEWEST_EPOCHS:
        return [*found, Remark(Verdict.TOO_SHORT, f"{count(len(fit.train), 'epoch')}: no curve to speak of")]
    if not fit.judged:
        said = "no rows that were held back judged it: the loss is that of a game, whose fall proves nothing"
        return [*found, Remark(Verdict.UNJUDGED, said)]
    train, validation = smoothed(fit.train), smoothed(fit.validation)
    judged = [
        _hardly(validation),
        _overfit(fit, train, validation),
        _still(fit, validation),
        _gap(fit, train, validation),
    ]
    found += [remark for remark in judged if remark]
    found += _restless(fit.train)
    if not any(remark.grave for remark in found):
        said = (
            f"the validation loss came to rest in epoch {fit.best + 1} at {number(fit.validation[fit.best])}, the "
            f"training loss beside it is {number(fit.train[fit.best])}"
        )
        found.append(
            Remark(Verdict.SOUND, said, "whether a larger network would do better, oddflow curves --vary tells")
        )
    return sorted(found, key=lambda remark: GRAVE.index(remark.verdict) if remark.grave else len(GRAVE))


def _hardly(validation: Sequence[float]) -> Remark | None:
    first, least = validation[0], min(validation)
    fell = first - least
    if fell >= HARDLY * abs(first):
        return None
    said = f"the validation loss fell by only {share(fell, abs(first))} in all, from {number(first)} to {number(least)}"
    return Remark(Verdict.UNDERFIT, said, "a higher learning rate, a larger network, or other features")


def _overfit(fit: Fit, train: Sequence[float], validation: Sequence[float]) -> Remark | None:
    best = validation.index(min(validation))
    rise = (validation[-1] - validation[best]) / max(abs(validation[best]), 1e-12)
    fell = (train[best] - train[-1]) / max(abs(train[best]), 1e-12)
    if rise < RISE or fell <= 0:
        return None
    said = (
        f"after epoch {best + 1} the smoothed validation loss rose by {share(rise, 1)} while the training loss fell by "
        f"another {share(fell, 1)}: it went on to learn rows by heart"
    )
    advice = (
        f"the weights of the best epoch, {fit.best + 1}, were kept, so little is lost; more rows, dropout or a smaller "
        "network would carry it further"
    )
    return Remark(Verdict.OVERFIT, said, advice)


def _still(fit: Fit, validation: Sequence[float]) -> Remark | None:
    last = max(2, round(LAST_SHARE * len(validation)))
    before = validation[-1 - last]
    fell, whole = before - validation[-1], validation[0] - min(validation)
    ended = not fit.most_epochs or len(fit.train) >= fit.most_epochs
    falls = whole > 0 and max(fell / whole, fell / before if validation[-1] > 0 else 0.0) >= STILL
    if not falls or fit.best < len(fit.train) - last or not ended:
        return None
    said = (
        f"in its last {last} epochs the validation loss fell by another "
        f"{share(fell, abs(before))}, and the best epoch, {fit.best + 1} of {len(fit.train)}, is one of them"
    )
    return Remark(Verdict.STILL_LEARNING, said, f"more epochs: --option epochs={2 * len(fit.train)}")


def _gap(fit: Fit, train: Sequence[float], validation: Sequence[float]) -> Remark | None:
    best = fit.best
    gap = (validation[best] - train[best]) / max(abs(train[best]), 1e-12)
    if gap < GAP:
        return None
    said = (
        f"in the best epoch rows that it did not learn cost {share(gap, 1)} more than those that it learnt "
        f"({number(validation[best])} and {number(train[best])}, smoothed)"
    )
    advice = (
        "it knows its rows better than their kind, or later traffic differs from earlier: validation is the last in "
        "time; oddflow curves --rows tells whether more rows close the gap"
    )
    return Remark(Verdict.GAP, said, advice)


def _restless(train: Sequence[float]) -> list[Remark]:
    jumps = [later / earlier for earlier, later in pairwise(train) if earlier > 0]
    spikes = [place + 2 for place, jump in enumerate(jumps) if jump > SPIKE]
    if not spikes:
        return []
    often = f"{count(len(spikes), 'epoch')}, first in epoch {spikes[0]}"
    said = f"the training loss jumped to more than {SPIKE:g} times itself in {often}"
    return [Remark(Verdict.RESTLESS, said, "a lower learning rate, larger batches, or clipped gradients")]


def _gradients(fit: Fit) -> list[Remark]:
    warning = gradient_warning({layer: norms[-1] for layer, norms in fit.gradients.items()})
    found = [Remark(Verdict.GRADIENTS, warning, "another activation, normalisation, or clipping")] if warning else []
    for layer, norms in fit.gradients.items():
        usual = median(norms)
        if usual > 0 and max(norms) > EXPLODED * usual:
            said = f"the gradient of {layer} reached {number(max(norms))}, {max(norms) / usual:,.0f} times its median"
            found.append(Remark(Verdict.GRADIENTS, said, "clip gradients, or lower the learning rate"))
            break
    return found


def gradient_warning(layers: dict[str, float]) -> str:
    """What norms of layers in their order tell; "" where nothing is wrong.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks"; Pascanu
    et al. 2013, "On the difficulty of training recurrent neural networks".

    >>> gradient_warning({"first": 1e-9, "last": 1.0})
    'the gradient of first (1 × 10⁻⁹) is less than a ten-thousandth of that of last (1): it vanishes on its way back'
    """
    if any(not math.isfinite(norm) for norm in layers.values()):
        return "a gradient is no number any more"
    if len(layers) < 2:
        return ""
    least, greatest = min(layers, key=lambda one: layers[one]), max(layers, key=lambda one: layers[one])
    if layers[greatest] <= 0 or layers[least] >= VANISHED * layers[greatest]:
        return ""
    return (
        f"the gradient of {least} ({number(layers[least])}) is less than a ten-thousandth of that of {greatest} "
        f"({number(layers[greatest])}): it vanishes on its way back"
    )
