"""All that a model is learnt of, as one value that any process can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oddflow.detectors.base import Detector
from oddflow.features.gathering import Gathered
from oddflow.learning.learn import learn
from oddflow.models.format import Archive
from oddflow.training.run import Run, running

if TYPE_CHECKING:
    from oddflow.training.beginning import Beginning
    from oddflow.training.loop import EpochTold


@dataclass(frozen=True, slots=True)
class Work:
    """A model to be learnt.

    Attributes:
        gathered: Its feature rows.
        kind: The detector.
        seed: Of all chance in it.
        options: Of the detector, and of `learning.learn.learn`.
        run: Where and how fits are done.
        identity: Tells it from others whose checkpoints may lie in the same folder.
        beginning: Weights that its networks begin from; None for chance.
    """

    gathered: Gathered
    kind: type[Detector]
    seed: int
    options: Mapping[str, Any]
    run: Run
    identity: str
    beginning: "Beginning | None" = None

    def learnt(self, told: "EpochTold | None" = None, *, joined: bool = False) -> Archive:
        """Learns it in this process.

        Args:
            told: Told of each epoch.
            joined: Whether this process is one of several that do the same work, and share each batch.

        Raises:
            UsageError, LearningFailed: As `learning.learn.learn`.
        """
        listener: dict[str, Any] = {"told": told} if told else {}
        with running(self.run, self.identity, self.beginning, joined=joined):
            return learn(self.gathered, detector=self.kind, seed=self.seed, **self.options, **listener)
