"""Rows that lie in Ray's store: passes go to where they lie, and what these tell is merged by a tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from oddflow.cluster.answers import ask, remote
from oddflow.models.sketches.shares import Pass, Places, Sketch, Stretch, merged, passed_over

BRANCHES = 8
"""What so many blocks tell is merged by one task, and what so many of these tell by another."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows: the object that holds them, (n, d), and their places in the order of time, (n,)."""

    rows: Any
    places: Places


class RayShares:
    """Rows in blocks, in the order in which they were gathered."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = list(blocks)

    def told(self, look: Pass, stretch: Stretch) -> Sequence[Sketch]:
        """What a pass over the rows of a stretch tells; a task for each block that holds some of them.

        Raises:
            ClusterFailed: Work was lost that could not be done again.
        """
        shared = ray.put(look)
        parts = [
            remote(passed_over).remote(shared, stretch, block.rows, block.places)
            for block in self._blocks
            if stretch.holds(block.places).any()
        ]
        while len(parts) > 1:
            groups = [parts[start : start + BRANCHES] for start in range(0, len(parts), BRANCHES)]
            parts = [remote(_merged).remote(*group) for group in groups]
        found: Sequence[Sketch] = ask(parts[0])
        return found

    def rows(self, width: int) -> NDArray[np.float32]:
        """All of them on this machine, as they were gathered: (n, width)."""
        x = np.empty((sum(len(block.places) for block in self._blocks), width), np.float32)
        start = 0
        for block in self._blocks:
            x[start : start + len(block.places)] = ask(block.rows)
            start += len(block.places)
        return x


def _merged(*parts: Sequence[Sketch]) -> Sequence[Sketch]:
    return merged(parts)
