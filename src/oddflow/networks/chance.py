"""Noise that is drawn for the rows of a batch: the same whatever computes, and however many share the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_PART: ContextVar[tuple[slice, int] | None] = ContextVar("part", default=None)


@contextmanager
def part_of(rows: slice, whole: int) -> Iterator[None]:
    """Within it, a batch is these rows of a whole one."""
    token = _PART.set((rows, whole))
    try:
        yield
    finally:
        _PART.reset(token)


def flips(probabilities: Tensor, generator: torch.Generator | None) -> Tensor:
    """1 as probably as it says, else 0, drawn on the CPU: any shape -> the same."""
    return torch.bernoulli(probabilities.cpu(), generator=generator).to(probabilities.device)


def normal(rows: Tensor, *shape: int, generator: torch.Generator | None) -> Tensor:
    """From N(0, 1), so many for each row: (b, …) -> (b, *shape).

    Drawn on the CPU, and where processes share a batch, for all of it, of which each takes its part: so that a seed
    means the same everywhere.
    """
    part = _PART.get()
    if part is None or part[0].stop - part[0].start != len(rows):
        return torch.randn(len(rows), *shape, generator=generator).to(rows.device)
    return torch.randn(part[1], *shape, generator=generator)[part[0]].to(rows.device)
