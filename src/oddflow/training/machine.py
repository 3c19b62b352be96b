"""What computes the steps of a fit: one process on a CPU in 32 bits, unless a run asks for more."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from oddflow.training.optimiser import clip
from oddflow.training.pace import Pace
from oddflow.training.progress import Progress
from oddflow.training.run import Device, Run


class Machine:
    """One process on a CPU in 32 bits; `training/fabric.py` has the others."""

    device = torch.device("cpu")
    by_hand = True
    """Whether gradients may be computed by hand: where they are those of whole batches, on a CPU, in 32 bits."""
    is_first = True
    """Whether it tells of epochs and writes checkpoints."""

    def begin(self, progress: Progress) -> None:
        """Lets all processes go on from where the first stands."""

    def place(self, rows: Tensor) -> Tensor:
        """Rows where they are learnt from."""
        return rows

    def precision(self) -> AbstractContextManager[object]:
        """Computes a loss in so many bits as asked for."""
        return nullcontext()

    def part(self, batch: Tensor) -> AbstractContextManager[tuple[Tensor, float]]:
        """Its own part of a batch (b,), and what that weighs in the mean."""
        return nullcontext((batch, 1.0))

    def step(self, lost: Tensor, moved: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer, pace: Pace) -> None:
        """Moves parameters down the gradient of a loss."""
        optimiser.zero_grad(set_to_none=True)
        lost.backward(inputs=moved)  # type: ignore[no-untyped-call]
        self.move(moved, optimiser, pace)

    def move(self, moved: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer, pace: Pace) -> None:
        """Moves parameters down gradients that they have."""
        clip(moved, pace)
        optimiser.step()

    def agreed(self, number: float) -> float:
        """What the first of several processes says."""
        return number

    def total(self, number: Tensor) -> float:
        """The sum over processes."""
        return float(number)

    def settle(self, network: nn.Module) -> None:
        """Lets buffers be the same in all processes: batches' means and variances."""

    def state(self) -> dict[str, float]:
        """What it goes on with after a break: the scale of gradients, where they are scaled."""
        return {}

    def restore(self, state: dict[str, float]) -> None:
        """Goes on with it."""


@contextmanager
def machine_for(run: Run, *, joined: bool = False) -> Iterator[Machine]:
    """What a run asks for; processes besides this one end with the block, unless it had `joined` them."""
    if run.device == Device.AUTO:
        run = replace(run, device=Device.CUDA if torch.cuda.is_available() else Device.CPU)
    if run.is_plain:
        yield Machine()
        return
    from oddflow.training.fabric import join, started  # takes seconds to import

    with join(run) if joined else started(run) as machine:
        yield machine
