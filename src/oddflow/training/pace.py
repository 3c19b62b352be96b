"""What all detectors that learn in epochs can be told of their steps: how long they are as time goes on."""

from dataclasses import dataclass
from enum import StrEnum
from math import cos, inf, isfinite, pi

from oddflow.errors import UsageError


class Course(StrEnum):
    """How the learning rate goes on; it is set before each epoch.

    USUAL: A plateau where a network learns alone, constant in a game.
    CONSTANT: As it was given.
    PLATEAU: Halved when a third of the patience brought no better validation loss.
    COSINE: Down to 0 at the last epoch, along half a cosine (Loshchilov & Hutter 2017, eq. 5, in one cycle).
    STEP: Halved after each cycle.
    RESTARTS: Down to 0 along half a cosine and back at once, each cycle twice as long as the one before: warm
        restarts (Loshchilov & Hutter 2017, "SGDR", with a factor of 2).
    """

    USUAL = "usual"
    CONSTANT = "constant"
    PLATEAU = "plateau"
    COSINE = "cosine"
    STEP = "step"
    RESTARTS = "restarts"


class Clipping(StrEnum):
    """What of gradients is held within bounds (notes 002; Pascanu et al. 2013, "On the difficulty of training RNNs").

    VALUE: each number of a gradient. LAYER: the norm of each parameter's. NORM: the norm of all together.
    """

    VALUE = "value"
    LAYER = "layer"
    NORM = "norm"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long steps are.

    Attributes:
        schedule: How the learning rate goes on: a word of `Course`.
        warm_up: Epochs in which it climbs to its full height first (Goyal et al. 2017, section 2.2).
        cycle: Epochs of a step, or until the first warm restart.
        clip: The bound of gradients; 0 for none.
        clipping: What of them is bounded: a word of `Clipping`.
    """

    schedule: str = Course.USUAL
    warm_up: int = 0
    cycle: int = 10
    clip: float = 0.0
    clipping: str = Clipping.NORM

    def check(self, name: str) -> None:
        """Raises UsageError where an option of the detector of that name is not as it must be."""
        for option, words in (("schedule", Course), ("clipping", Clipping)):
            given = getattr(self, option)
            if given not in list(words):
                raise UsageError(f"{option} of {name} must be one of {', '.join(words)}; {given!r} given")
        for option, least in (("warm_up", 0), ("cycle", 1), ("clip", 0.0)):
            given = getattr(self, option)
            if not (isinstance(given, (int, float)) and isfinite(given) and given >= least):
                raise UsageError(f"{option} of {name} must be {least} or more; {given!r} given")


class Pacer:
    """Follows a fit and says how high its learning rate stands, as a share of its full height."""

    def __init__(self, pace: Pace, *, epochs: int, patience: int, usual: Course) -> None:
        self.pace = pace
        self.course = usual if pace.schedule == Course.USUAL else Course(pace.schedule)
        self.epochs = epochs
        self.patience = patience // 3
        self._best, self._worse, self._halvings = inf, 0, 0

    def see(self, loss: float) -> None:
        """Is told of an epoch's validation loss."""
        is_better = loss < self._best * (1 - 1e-4)  # as torch's has it
        self._best, self._worse = (loss, 0) if is_better else (self._best, self._worse + 1)
        if self._worse > self.patience:
            self._halvings, self._worse = self._halvings + 1, 0

    def share(self, number: int) -> float:
        """The height for an epoch, from 0.

        >>> cosine = Pacer(Pace("cosine", warm_up=1), epochs=5, patience=9, usual=Course.PLATEAU)
        >>> [round(cosine.share(number), 2) for number in range(5)]
        [0.5, 1.0, 0.85, 0.5, 0.15]
        """
        warm = self.pace.warm_up
        if number < warm:
            return (number + 1) / (warm + 1)
        passed, cycle = number - warm, self.pace.cycle
        match self.course:
            case Course.PLATEAU:
                return float(0.5**self._halvings)
            case Course.COSINE:
                return _cosine(passed / max(1, self.epochs - warm))
            case Course.STEP:
                return float(0.5 ** (passed // cycle))
            case Course.RESTARTS:
                while passed >= cycle:
                    passed, cycle = passed - cycle, 2 * cycle
                return _cosine(passed / cycle)
            case _:
                return 1.0


def _cosine(way: float) -> float:
    return (1 + cos(pi * way)) / 2
