"""Whether a network can learn a few rows by heart: what cannot will not learn many."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oddflow.detectors import registry
from oddflow.detectors.base import Detector
from oddflow.errors import LearningFailed, UsageError
from oddflow.features.gathering import Gathered
from oddflow.training.progress import Epoch
from oddflow.training.run import running, session

if TYPE_CHECKING:
    from oddflow.learning.transfer import Origin

ROWS = 16
STEPS = 600
LEARNT = 0.1
"""Of the first loss, at most so much is left where rows were learnt by heart."""

_UNDISTURBED = {"noise": 0.0, "dropout": 0.0, "sparse": 0.0, "l1": 0.0, "l2": 0.0, "recurrent_dropout": 0.0}
"""What keeps a network from learning by heart, on purpose."""


@dataclass(frozen=True, slots=True)
class Overfit:
    """What came of it.

    Attributes:
        detector: Whose network.
        rows: That it was shown, again and again.
        steps: In which it learnt them.
        first, last: Its mean loss before all steps and after.
        passed: Whether next to nothing is left.
        advice: What to look at if not.
    """

    detector: str
    rows: int
    steps: int
    first: float
    last: float
    passed: bool
    advice: str


def overfit(
    gathered: Gathered,
    detector: str | type[Detector],
    *,
    seed: int = 0,
    origin: "Origin | None" = None,
    **options: Any,
) -> Overfit:
    """Shows a network one small batch until it knows it, without noise, dropout and penalties.

    Args:
        gathered: Rows, of which 16 are taken evenly; half of them attacks where the detector learns from them.
        detector: By name, or a class of your own; one that learns in epochs and whose loss is 0 at best.
        seed: Of its first weights.
        origin: A model whose weights it begins from, and whose layers may stand still.
        options: Of the detector.

    Raises:
        UsageError: The detector has no such loss, labels lack, or the weights do not fit.
    """
    kind = registry.find(detector)
    known = registry.options(kind)
    if not registry.learns_in_epochs(kind) or not kind.learns_to_zero:
        raise UsageError(
            f"{kind.name} has no loss that would fall to 0; --check is for those that learn to draw or tell"
        )
    labels = np.zeros(len(gathered.x), np.int64) if gathered.y is None else gathered.y
    parts = (labels == 0, labels > 0) if kind.supervised else (labels == 0,)
    places = np.concatenate([_evenly(np.flatnonzero(part), ROWS // len(parts)) for part in parts])
    undisturbed = {name: value for name, value in _UNDISTURBED.items() if name in known}
    losses: list[float] = []

    def told(epoch: Epoch) -> None:
        losses.append(epoch.train_loss)

    plan = {"epochs": STEPS, "batch_rows": ROWS, "patience": STEPS, "schedule": "constant", "told": told, "seed": seed}
    made = registry.create(kind, gathered.features, **(options | undisturbed | plan))
    rows = gathered.x[places]
    beginning = origin.beginning(kind, gathered.features) if origin else None
    try:
        with running(session().run, beginning=beginning):
            if kind.supervised:
                made.fit(rows, labels[places])
            else:
                made.fit(rows, validation=rows)
        if beginning:
            beginning.told()
    except LearningFailed as error:
        return Overfit(kind.name, len(rows), len(losses), losses[0], losses[-1], passed=False, advice=str(error))
    first, last = losses[0], min(losses)
    passed = last <= LEARNT * first
    advice = "" if passed else _advice(first, last)
    return Overfit(kind.name, len(rows), len(losses), first, last, passed=passed, advice=advice)


def _evenly(places: np.ndarray[Any, np.dtype[np.int64]], count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    if not len(places):
        raise UsageError("there are no rows of one kind; --check of a detector that learns from attacks needs both")
    return places[np.linspace(0, len(places) - 1, min(count, len(places))).astype(np.int64)]


def _advice(first: float, last: float) -> str:
    if last > 0.9 * first:
        return "it hardly moves: raise learning_rate, and look at activation, initialiser and scaling"
    return "it learns, but not by heart: widen it (hidden), raise learning_rate, or look for rows with two labels"
