"""TensorBoard curves of fits."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from oddflow.training.loop import Epoch


class Curves:
    """Writes losses and the learning rate, an epoch a step; `tensorboard --logdir` shows them.

    Each fit is a run of its own, `fit-1`, `fit-2` and so on: a new one begins with epoch 0.
    """

    def __init__(self, logdir: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open: Any = SummaryWriter
        self._logdir = Path(logdir)
        self._runs = 0
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __call__(self, epoch: Epoch) -> None:
        """Adds a point to each curve."""
        if epoch.number == 0 or self._writer is None:
            self._close()
            self._runs += 1
            self._writer = self._open(str(self._logdir / f"fit-{self._runs}"))
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
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
