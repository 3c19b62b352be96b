"""Where and how a fit is done, whatever is learnt; no matter of what a detector is."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oddflow.errors import UsageError

if TYPE_CHECKING:
    from oddflow.training.beginning import Beginning


class Device(StrEnum):
    """What computes: `auto` is a GPU where torch finds one, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Bits of a number while learning; weights and what is sealed have 32."""

    FULL = "32"
    BF16 = "bf16"
    FP16 = "fp16"


@dataclass(frozen=True, slots=True)
class Run:
    """How fits are done, of whatever they are.

    Attributes:
        device: What computes: a word of `Device`.
        precision: A word of `Precision`.
        processes: How many share each batch, on CPUs.
        memory_bytes: Scaled rows that take more are kept in a file and read from there; None for no bound.
        checkpoints: A folder in which each fit leaves where it stands; None for none.
        elsewhere: Learns a `learning.work.Work` in processes that it starts, on other machines too, told as this one
            would be: see `cluster.training.RayTraining`. None where this process learns.

    Raises:
        UsageError: A word is none of those that there are, or a number is out of bounds.
    """

    device: str = Device.CPU
    precision: str = Precision.FULL
    processes: int = 1
    memory_bytes: int | None = None
    checkpoints: Path | None = None
    elsewhere: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        """Checks it."""
        for option, words in (("device", Device), ("precision", Precision)):
            given = getattr(self, option)
            if given not in list(words):
                raise UsageError(f"{option} must be one of {', '.join(words)}; {given!r} given")
        if self.processes not in range(1, 257):
            raise UsageError(f"processes must be from 1 to 256; {self.processes} given")
        if self.processes > 1 and self.device != Device.CPU and self.elsewhere is None:
            raise UsageError(
                f"several processes share batches on CPUs alone, unless a cluster has the GPUs; leave out device "
                f"{self.device!r}, or give --ray ADDRESS"
            )
        if self.precision == Precision.FP16 and self.device == Device.CPU:
            raise UsageError("fp16 needs a GPU, whose gradients are scaled; on a CPU give precision bf16 or 32")

    @property
    def is_plain(self) -> bool:
        """Whether it is one process on a CPU in 32 bits."""
        return (self.device, self.precision, self.processes) == (Device.CPU, Precision.FULL, 1)


@dataclass(frozen=True, slots=True)
class Session:
    """Fits that belong together, as those of one model.

    Attributes:
        run: How they are done.
        identity: Of what they are, in words that tell one detector and its options from another.
        names: Gives each fit its name, in their order.
        beginning: Weights that networks begin from; None for chance.
        joined: Whether this process is one of several that share each batch and know each other already.
    """

    run: Run = field(default_factory=Run)
    identity: str = ""
    names: Iterator[str] = field(default_factory=lambda: (f"fit-{number}" for number in count(1)))
    beginning: "Beginning | None" = None
    joined: bool = False


def bytes_of(text: str) -> int:
    """A size in words.

    >>> bytes_of("512MiB"), bytes_of("2 GiB"), bytes_of("1000")
    (536870912, 2147483648, 1000)

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([KMGT])i)?B?", text.strip())
    if not found:
        raise UsageError(f"expected a size like 512MiB or 2GiB; {text!r} given")
    return int(float(found[1]) * 1024 ** (" KMGT".index(found[2] or " ")))


_SESSION: ContextVar[Session | None] = ContextVar("session", default=None)


def session() -> Session:
    """What fits belong to now."""
    return _SESSION.get() or Session()


@contextmanager
def running(
    run: Run, identity: str = "", beginning: "Beginning | None" = None, *, joined: bool = False
) -> Iterator[None]:
    """Lets all fits within it be done so, and begin so."""
    token = _SESSION.set(Session(run, identity, beginning=beginning, joined=joined))
    try:
        yield
    finally:
        _SESSION.reset(token)
