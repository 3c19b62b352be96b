"""Other devices, fewer bits and several processes, by Lightning Fabric.

Processes are forked where a fit begins and end with it: they share its rows, whatever its loss refers to, and nobody
else's work is done twice. On a cluster they were there before (`join`), and each does all but the steps by itself.

Each computes the gradient of its part of a batch; the sum of all, each weighed by its rows, is that of the whole batch.
"""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from oddflow.errors import LearningFailed, UsageError
from oddflow.networks.chance import part_of
from oddflow.training.machine import Machine
from oddflow.training.optimiser import clip
from oddflow.training.pace import Pace
from oddflow.training.progress import Progress
from oddflow.training.run import Device, Precision, Run

FREE_SHARE = 0.5
"""Of a GPU's free memory that the rows may fill; more of them stay with the CPU and go there batch by batch."""

_BITS: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    Precision.FULL: "32-true",
    Precision.BF16: "bf16-mixed",
    Precision.FP16: "16-mixed",
}


class _Forked(LightningEnvironment):
    """Processes that were forked before Fabric begins."""

    def __init__(self, rank: int, port: int) -> None:
        super().__init__()
        self._rank = rank
        self._main_port = port

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def local_rank(self) -> int:
        return self._rank


class _Joined(LightningEnvironment):
    """Processes that somebody else started, each with a device of its own, and that are one group already."""

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def world_size(self) -> int:
        return torch.distributed.get_world_size()

    def global_rank(self) -> int:
        return torch.distributed.get_rank()

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return 0

    def set_world_size(self, size: int) -> None:
        """It is what the group says."""

    def set_global_rank(self, rank: int) -> None:
        """It is what the group says."""


class FabricMachine(Machine):
    """A device that Fabric knows, or one of several processes."""

    by_hand = False

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.device = fabric.device
        self.is_first = fabric.is_global_zero
        self.bits = fabric.strategy.precision
        self.scaler: torch.amp.GradScaler | None = getattr(self.bits, "scaler", None)

    def place(self, rows: Tensor) -> Tensor:
        """Rows on a GPU, if they fit beside what else it holds."""
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            if rows.numel() * rows.element_size() > FREE_SHARE * free:
                return rows
        return rows.to(self.device)

    def precision(self) -> AbstractContextManager[object]:
        """As the loop needs it for a loss."""
        context: AbstractContextManager[object] = self.fabric.autocast()
        return context

    @contextmanager
    def part(self, batch: Tensor) -> Iterator[tuple[Tensor, float]]:
        """A run of the batch's rows; of fewer than two for each process, all of them."""
        count, rank, rows = self.fabric.world_size, self.fabric.global_rank, len(batch)
        if count == 1 or rows < 2 * count:
            yield batch, 1 / count
            return
        own = slice(rows * rank // count, rows * (rank + 1) // count)
        with part_of(own, rows):
            yield batch[own], (own.stop - own.start) / rows

    def step(self, lost: Tensor, moved: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer, pace: Pace) -> None:
        """Moves by the gradient of the whole batch, which all processes sum up."""
        optimiser.zero_grad(set_to_none=True)
        self.bits.backward(lost, None, inputs=moved)
        gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
        if self.fabric.world_size > 1:
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            self._sum(flat)
            for gradient, summed in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
                gradient.copy_(summed.view_as(gradient))
        if pace.clip:
            self.bits.unscale_gradients(optimiser)
            clip(moved, pace)
        self.fabric.strategy.optimizer_step(optimiser)

    def agreed(self, number: float) -> float:
        """What the first process says, so that all stop at the same time."""
        return float(self.fabric.broadcast(number))

    def total(self, number: Tensor) -> float:
        """The sum over processes."""
        self._sum(number)
        return float(number)

    def settle(self, network: nn.Module) -> None:
        """Buffers become the mean of all processes'."""
        if self.fabric.world_size > 1:
            for buffer in network.buffers():
                if buffer.is_floating_point():
                    self._sum(buffer)
                    buffer.div_(self.fabric.world_size)

    def state(self) -> dict[str, float]:
        """The scale of gradients."""
        return dict(self.scaler.state_dict()) if self.scaler else {}

    def restore(self, state: dict[str, float]) -> None:
        """Goes on with it."""
        if self.scaler and state:
            self.scaler.load_state_dict(state)

    def _sum(self, numbers: Tensor) -> None:
        if self.fabric.world_size > 1:
            try:
                torch.distributed.all_reduce(numbers)
            except RuntimeError as error:
                raise LearningFailed(f"a process that learnt beside this one ended early: {error}") from None


class GroupBroken(Exception):
    """Another process of the group is gone: whoever started them is to start them again."""


class JoinedMachine(FabricMachine):
    """One of several processes that somebody else started, and starts again where one died.

    What asks others raises GroupBroken where one of them is gone.
    """

    def begin(self, progress: Progress) -> None:
        """Lets all go on from where the first stands: weights, chance and what a checkpoint gave it."""
        held = None
        if self.is_first:
            tensors = {name: value.detach().cpu() for name, value in progress.tensors().items()}
            held = tensors, progress.words(), self.state()
        tensors, words, state = self._said(held)
        if not self.is_first:
            progress.restore(tensors, words)
            self.restore(state)

    def agreed(self, number: float) -> float:
        """As FabricMachine."""
        return float(self._said(number))

    def _said(self, value: Any) -> Any:
        """What the first process says."""
        try:
            return self.fabric.broadcast(value)
        except RuntimeError as error:
            raise GroupBroken(str(error)) from None

    def _sum(self, numbers: Tensor) -> None:
        try:
            torch.distributed.all_reduce(numbers)
        except RuntimeError as error:
            raise GroupBroken(str(error)) from None


@contextmanager
def join(run: Run) -> Iterator[Machine]:
    """What a run asks for in this process, one of a group of `torch.distributed` that lasts beyond the block.

    Raises:
        UsageError: There is no GPU that torch can use.
    """
    if torch.distributed.get_world_size() == 1 and replace(run, processes=1).is_plain:
        yield Machine()
        return
    begin = _fabric(run)
    devices = [torch.cuda.current_device()] if run.device == Device.CUDA else 1
    fabric = begin(devices=devices, strategy=DDPStrategy(cluster_environment=_Joined()))
    fabric.launch()
    yield JoinedMachine(fabric)


def _fabric(run: Run) -> Callable[..., Fabric]:
    if run.device == Device.CUDA and not torch.cuda.is_available():
        raise UsageError("torch finds no GPU here; leave out device cuda, or install a torch that was built for it")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return partial(Fabric, accelerator=run.device, precision=_BITS[Precision(run.precision)])


@contextmanager
def started(run: Run) -> Iterator[FabricMachine]:
    """Begins what a run asks for; processes besides this one end with the block.

    Raises:
        UsageError: There is no GPU that torch can use.
    """
    begin = _fabric(run)
    if run.processes == 1:
        fabric = begin(devices=1)
        fabric.launch()
        yield FabricMachine(fabric)
        return
    port = LightningEnvironment().main_port
    with _forked(run.processes) as rank:
        strategy = DDPStrategy(cluster_environment=_Forked(rank, port), process_group_backend="gloo")
        fabric = begin(devices=run.processes, strategy=strategy)
        try:
            fabric.launch()
            yield FabricMachine(fabric)
        finally:
            torch.distributed.destroy_process_group()


@contextmanager
def _forked(count: int) -> Iterator[int]:
    """So many processes do the block; only the first goes on after it. Gives each its number."""
    children: list[int] = []
    rank = 0
    for place in range(1, count):
        child = os.fork()
        if not child:
            rank = place
            break
        children.append(child)
    if rank:
        failed = 1
        with suppress(BaseException):  # the first process tells of it
            yield rank
            failed = 0
        os._exit(failed)
    try:
        yield 0
    except BaseException:
        for child in children:
            os.kill(child, signal.SIGKILL)
        raise
    finally:
        for child in children:
            os.waitpid(child, 0)
