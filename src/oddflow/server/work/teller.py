"""What one process tells on its slot of the board; its counts go on from those of who was there before."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oddflow.server.board import Board
from oddflow.server.work.problem import Problem

MEMORY_S = 10.0


class Teller:
    """Tells on a slot. Numbers that are counts are added to what the process before had told last.

    >>> board = Board(1)
    >>> Teller(board, 0, counts=("flows",)).tell({"flows": 3, "open_flows": 2})
    >>> after = Teller(board, 0, counts=("flows",))
    >>> after.tell({"flows": 1, "open_flows": 1})
    >>> told = read(board, 0)
    >>> told["flows"], told["open_flows"]
    (4, 1)

    Args:
        board: Where.
        slot: Which.
        counts: The names of what is counted: numbers, lists of them, or numbers by name.
    """

    def __init__(self, board: Board, slot: int, *, counts: Sequence[str] = ()) -> None:
        self._board = board
        self._slot = slot
        before = read(board, slot)
        self._before = {name: before[name] for name in counts if name in before}
        self.since_s = time.time()
        self._memory_bytes, self._memory_due_s = 0, 0.0

    def tell(self, told: Mapping[str, Any], problems: Sequence[Problem] = ()) -> None:
        """How it is now."""
        whole = {
            "since_s": self.since_s,
            "told_s": time.time(),
            "memory_bytes": self._memory(),
            **{name: _sum(value, self._before.get(name)) for name, value in told.items()},
            "problems": [problem.as_list() for problem in problems],
        }
        self._board.tell(self._slot, json.dumps(whole))

    def _memory(self) -> int:
        """Asked of the kernel seldom, for it looks at each page; nobody else may ask, once we are another user."""
        if (now := time.monotonic()) >= self._memory_due_s:
            self._memory_bytes, self._memory_due_s = memory_bytes(), now + MEMORY_S
        return self._memory_bytes


def memory_bytes() -> int:
    """What this process has for itself, and its share of what it shares with others; 0 where that is not known."""
    try:
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return 0


def read(board: Board, slot: int) -> dict[str, Any]:
    """What a slot says; nothing where it says nothing whole."""
    try:
        told = json.loads(board.read(slot) or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def problems_of(told: Mapping[str, Any]) -> list[Problem]:
    """The problems in what a slot says."""
    found = (Problem.of(one) for one in told.get("problems", ()))
    return [problem for problem in found if problem is not None]


def _sum(now: Any, before: Any) -> Any:
    if before is None:
        return now
    if isinstance(now, dict):
        return {name: now.get(name, 0) + before.get(name, 0) for name in {**before, **now}}
    if isinstance(now, list):
        longer, shorter = (now, before) if len(now) >= len(before) else (before, now)
        return [one + (shorter[place] if place < len(shorter) else 0) for place, one in enumerate(longer)]
    return now + before
