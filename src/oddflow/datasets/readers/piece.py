"""What readers are given, and what they give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.datasets.description import DataSet, Section
from oddflow.features.feature import Feature
from oddflow.features.representation import Reads
from oddflow.losses import Ledger

MOST_WORDS = 65_536
"""A feature that has more words than that is no category."""

ENDS = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol")


@dataclass(slots=True)
class Words:
    """The words of categories, each with its number; words that nobody knew get the next ones as they come."""

    known: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: DataSet) -> "Words":
        """Those that a set is known to have, so that a word has the same number whatever part is read."""
        return cls({name: list(words) for name, words in known.words.items()})

    def numbers(self, feature: str, words: pa.Array, ledger: Ledger) -> NDArray[np.float32]:
        """The numbers of words, (n,); null, and a word too many, is NaN."""
        held = self.known.setdefault(feature, [])
        fresh = pc.drop_null(pc.unique(words)).to_pylist()
        fresh = [word for word in fresh if word not in set(held)]
        if len(held) + len(fresh) > MOST_WORDS:
            ledger.noted(f"{feature} has more than {MOST_WORDS:,} words; the others are missing")
        held += fresh[: MOST_WORDS - len(held)]
        places = pc.index_in(words, value_set=pa.array(held, pa.string()))
        found = pc.if_else(words.is_valid(), places, None).cast(pa.float32())
        return np.asarray(found.to_numpy(zero_copy_only=False), np.float32)


@dataclass(slots=True)
class Piece:
    """Some rows of a section.

    Attributes:
        x: Features, (n, d) float32; NaN is missing.
        features: The d columns.
        labels: What each row is, as the file says it, (n,) strings.
        times_ns: When each row's flow ended, (n,) int64, where the section knows.
        ends: The columns ENDS, where the section knows.
    """

    x: NDArray[np.float32]
    features: tuple[Feature, ...]
    labels: pa.Array
    times_ns: NDArray[np.int64] | None = None
    ends: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A section to be read.

    Attributes:
        known: The set.
        section: Which section.
        path: Its file.
        truth: The file that says what its rows are, if there is one.
        words: Of categories; the same for all sections.
        ledger: Told of all that is lost.
        reads: What of flows the rows are to show; where the set has rows of its own, they are as they are.
    """

    known: DataSet
    section: Section
    path: Path
    truth: Path | None
    words: Words
    ledger: Ledger
    reads: Reads = Reads.TABULAR

    @property
    def name(self) -> str:
        """What messages call the section: its file, and the member."""
        return f"{self.path}{f', {self.section.member}' if self.section.member else ''}"


Reader = Callable[[Task], Iterator[Piece]]
