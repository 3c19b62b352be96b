"""Which process tells on which slot of the board."""

from dataclasses import dataclass

from oddflow.server.board import Board
from oddflow.server.settings.settings import Settings
from oddflow.server.work.counters import Counters

SUPERVISOR, KEEPER, OUTPUTS, WEB = range(4)
OF_SOURCES = 4


def capture_slot(source: int) -> int:
    """Of the capture of the n-th source."""
    return OF_SOURCES + 2 * source


def judge_slot(source: int) -> int:
    """Of its judge."""
    return OF_SOURCES + 2 * source + 1


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes have in common; made before they are forked.

    Attributes:
        settings: What was asked.
        board: Where they tell how they are.
        counters: What they count together.
    """

    settings: Settings
    board: Board
    counters: Counters

    @classmethod
    def of(cls, settings: Settings) -> "Shared":
        """For the sources that are asked."""
        slots = OF_SOURCES + 2 * len(settings.sources)
        return cls(settings, Board(slots), Counters(sources=len(settings.sources), slots=slots))
