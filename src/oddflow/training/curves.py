"""TensorBoard curves of a fit."""

from types import TracebackType
from typing import Self

from oddflow.training.loop import Epoch


class Curves:
    """Writes losses and the learning rate, an epoch a step; `tensorboard --logdir` shows them."""

    def __init__(self, logdir: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(logdir)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __call__(self, epoch: Epoch) -> None:
        """Adds a point to each curve."""
        for name, value in (
            ("loss/train", epoch.train_loss),
            ("loss/validation", epoch.validation_loss),
            ("learning_rate", epoch.learning_rate),
        ):
            self._writer.add_scalar(name, value, epoch.number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes what is left."""
        self._writer.close()
