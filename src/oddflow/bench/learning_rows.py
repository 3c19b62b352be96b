"""Rows that learning and scoring are measured on: NSL-KDD where its file is, else made ones of the same shape."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oddflow.datasets.loading import load
from oddflow.datasets.place import is_there
from oddflow.datasets.registry import find
from oddflow.features.feature import Feature, Scale
from oddflow.models.rows import Floats

COLUMNS = 122
"""Of NSL-KDD with its three categories one-hot."""
ROWS = 125_973
"""Of NSL-KDD's training part; so many are made where it is absent."""
SIDE, CLASSES = 28, 20
HELD = 10
"""One row of so many is held out of learning."""
FARTHEST = 30.0
_FACTORS = 12


@dataclass(frozen=True, slots=True)
class LearningRows:
    """Raw rows, in an order by chance.

    Attributes:
        raw: (n, 122) float32.
        said: Where they are from.
    """

    raw: Floats
    said: str

    @property
    def scaled(self) -> Floats:
        """Deviations from the mean in units of the spread, cut at ±30: (n, 122)."""
        spread = self.raw.std(axis=0, dtype=np.float64)
        off = (self.raw - self.raw.mean(axis=0, dtype=np.float64)) / np.where(spread > 0, spread, 1)
        return np.asarray(np.clip(off, -FARTHEST, FARTHEST), np.float32)

    @property
    def features(self) -> tuple[Feature, ...]:
        """All columns as numbers, as other tools take them."""
        return tuple(
            Feature(f"column_{place}", "", Scale.LINEAR, "a value of {value}") for place in range(self.raw.shape[1])
        )


def learning_rows(data: Path | None, *, count: int = ROWS, seed: int) -> LearningRows:
    """The training part of NSL-KDD, or rows of its shape; its test part is not opened.

    Args:
        data: The folder of all data sets.
        count: The most rows.
        seed: Of their order, and of rows that are made.
    """
    chance = np.random.default_rng(seed)
    known = find("nsl-kdd")
    if data is None or not all(is_there(file, data) for file in known.files):
        return LearningRows(_made(count, chance), f"{count:,} rows made from seed {seed}: NSL-KDD is not there")
    found = load("nsl-kdd", data, parts=["train"])
    columns = [
        column[:, None] == np.unique(column) if feature.scale is Scale.CATEGORY else column[:, None]
        for column, feature in zip(found.filled().T, found.features, strict=True)
    ]
    raw = np.concatenate(columns, axis=1, dtype=np.float32)
    order = chance.permutation(len(raw))[:count]
    return LearningRows(raw[order], f"{len(order):,} rows of NSL-KDD's training part")


def _made(count: int, chance: np.random.Generator) -> Floats:
    """Columns that belong together by a few causes, (count, 122): some heavy-tailed, some 0 or 1."""
    causes = chance.normal(size=(count, _FACTORS)).astype(np.float32)
    mixed = causes @ chance.normal(size=(_FACTORS, COLUMNS)).astype(np.float32)
    third = COLUMNS // 3
    mixed[:, :third] = np.expm1(np.abs(mixed[:, :third]))
    mixed[:, third:] = mixed[:, third:] > 2 * chance.normal(size=COLUMNS - third)
    return mixed


def learning_images(count: int, seed: int) -> tuple[Floats, Floats]:
    """Made images of 20 classes, each a drawing of its own under noise: (count, 784) in 0 to 1, and (count,)."""
    chance = np.random.default_rng(seed)
    drawings = chance.random((CLASSES, SIDE * SIDE), dtype=np.float32)
    classes = chance.integers(CLASSES, size=count)
    noise = chance.random((count, SIDE * SIDE), dtype=np.float32)
    return np.float32(0.2) * drawings[classes] + np.float32(0.8) * noise, classes.astype(np.float32)
