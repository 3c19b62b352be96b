"""What learning on a cluster tells who asked for it, kept apart from the processes that learn, for those may die."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class News:
    """What came since the last time.

    Attributes:
        epochs: Epochs of all fits, in their order (`training.progress.Epoch`).
        files: Checkpoints by their names, as they stand.
        failure: Why no model will come of it; None while nothing says so.
    """

    epochs: list[Any] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    failure: Exception | None = None


class Keeper:
    """Holds checkpoints and epochs between the first of the processes that learn, and the one that waits for them.

    Where processes died and others go on in their place, these tell again of epochs that were told: each is counted,
    and handed on once.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Begins with the checkpoints that there are."""
        self._files = dict(files)
        self._news = News()
        self._told = 0
        self._failure: Exception | None = None
        self._archive: Any = None
        self._is_wanted = True

    def files(self) -> dict[str, bytes]:
        """All checkpoints, by their names."""
        return self._files

    def keep(self, name: str, content: bytes) -> None:
        """Takes a checkpoint in place of the last of its name."""
        self._files[name] = self._news.files[name] = content

    def tell(self, place: int, epoch: Any) -> bool:
        """Takes the epoch of that place among all; says whether anybody still wants the model."""
        if place == self._told:
            self._told += 1
            self._news.epochs.append(epoch)
        return self._is_wanted

    def fail(self, error: Exception) -> None:
        """Takes why no model will come of it."""
        self._failure = self._failure or error

    def is_over(self) -> bool:
        """Whether there is nothing left to do, since it failed or is not wanted."""
        return self._failure is not None or not self._is_wanted

    def give(self, archive: Any) -> None:
        """Takes the model."""
        self._archive = archive

    def archive(self) -> Any:
        """The model; None until it is learnt."""
        return self._archive

    def stop(self) -> None:
        """The model is not wanted any more."""
        self._is_wanted = False

    def news(self) -> News:
        """What came since this was asked last."""
        found, self._news = self._news, News()
        found.failure = self._failure
        return found
