"""What is tuned on: sources, labelled sources or a data set, read once for the search and for the model after it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from oddflow.baselines import Source, gather
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.datasets.splits import splits, usual
from oddflow.detectors.base import Detector
from oddflow.errors import UsageError
from oddflow.evaluation.rows import of_data_set, of_sources
from oddflow.features.gathering import Gathered
from oddflow.features.representation import Reads
from oddflow.learning.labelled import baseline
from oddflow.logs.source import Progress
from oddflow.tuning.material import Material


@dataclass(frozen=True, slots=True)
class Given:
    """Where rows come from, as a person says it.

    Attributes:
        sources: Captures, logs or flow tables.
        truth: What their flows are; None where all are believed to be normal.
        dataset: In place of them, a data set.
        data: The folder of all data sets.
        split: Of a data set, which rows are learnt from; "" for the usual one.
        most: Normal rows and attacks that the search looks at, of each as many; the model learns all of them.
        seed: Of all chance in it.
    """

    sources: Sequence[Source] = field(default_factory=tuple)
    truth: Source | None = None
    dataset: str | None = None
    data: Source | None = None
    split: str = ""
    most: int = 5_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what cannot be read."""
        if bool(self.sources) == bool(self.dataset) or (self.dataset and self.truth is not None):
            raise UsageError(
                "expected either SOURCE…, with --truth TRUTH.csv where attacks are known, or --dataset NAME"
            )
        if self.split and not self.dataset:
            raise UsageError("--split goes with --dataset: all rows of sources are learnt from")

    def read(self, kind: type[Detector], progress: Progress | None = None) -> tuple[Material, Gathered]:
        """What is searched on, and what the model is learnt from; neither holds a row of the test part.

        Raises:
            InputError: A source or a file of the set cannot be read.
            UsageError: The set cannot be split so, or the rows are none that the detector reads.
        """
        if self.sources and self.truth is None:
            _check_without_labels(kind)
            gathered = gather(*self.sources, detector=kind, progress=progress)
            return Material.of_gathered(gathered, most=self.most, seed=self.seed), gathered
        rows, split = self._labelled(kind)
        gathered = baseline(rows, split, attacks=kind.supervised)
        return Material.of_rows(rows, split, most=self.most, seed=self.seed), gathered

    def _labelled(self, kind: type[Detector]) -> tuple[LabelledRows, Split]:
        if self.dataset:
            rows = of_data_set(self.dataset, self.data, kind.reads)
            chosen = splits(rows, self.split, seed=self.seed)[0] if self.split else usual(rows, seed=self.seed)
            return rows, chosen
        rows = of_sources(list(self.sources), self.truth or "", kind.reads)
        everything = np.arange(len(rows), dtype=np.int64)
        return rows, Split("all", everything, everything[:0])


def _check_without_labels(kind: type[Detector]) -> None:
    """Refuses, before anything is read, a detector that nothing can be told of without labels."""
    if kind.supervised:
        raise UsageError(f"{kind.name} learns from attacks; give --truth TRUTH.csv, or a --dataset that tells them")
    if kind.reads is Reads.PACKETS:
        raise UsageError(
            f"{kind.name} scores packets, and a flow is judged by its worst one; tune a detector of flows, or name a "
            "--dataset with a label for each packet (modbus)"
        )
