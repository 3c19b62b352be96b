"""What flows are, as they pass, for detectors that learn from attacks: whole flows, and parts of their rows."""

from collections.abc import Sequence
from os import PathLike, fspath

import numpy as np
import pyarrow as pa

from oddflow.datasets.packet_marks import PacketMarks
from oddflow.datasets.rows import CATEGORIES
from oddflow.datasets.truth import GroundTruth
from oddflow.features.gathering import Labeller, Labels
from oddflow.features.matrix_settings import SLOTS, MatrixSettings
from oddflow.features.traffic_matrix import TrafficMatrix


class TruthLabels:
    """Flows are what a ground truth says; else what their source says; else normal. Nothing is known of their parts."""

    def __init__(self, truth: GroundTruth) -> None:
        self.truth = truth

    def begin(self) -> None:
        """Nothing: a truth is of all sources."""

    def labels(self, batch: pa.RecordBatch) -> Labels:
        """Places in `AttackCategory`, (n,), and None."""
        encoded = self.truth.labelled(batch).column("label").fill_null("normal").dictionary_encode()
        kinds = [CATEGORIES.index(self.truth.category(name)) for name in encoded.dictionary.to_pylist()]
        return np.array(kinds, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)], None


class PacketLabels:
    """Flows are attacks if one of their packets is, and their first 32 packets are known one by one.

    Args:
        sources: Captures, in the order in which they are read.
        labels: The file of labels of each.
    """

    def __init__(self, sources: Sequence[str], labels: Sequence[str | PathLike[str]]) -> None:
        self._waiting = list(zip(sources, labels, strict=True))[::-1]
        self.marks = PacketMarks()

    def begin(self) -> None:
        """Reads the labels of the next capture; raises InputError where they are not its own."""
        capture, labels = self._waiting.pop()
        self.marks = PacketMarks.read(capture, fspath(labels))

    def labels(self, batch: pa.RecordBatch) -> Labels:
        """1 for attacks, whose kind nobody knows, (n,); and (n, 32)."""
        is_attack, marks = self.marks.of(batch)
        return is_attack.astype(np.int64), marks


class MatrixLabels:
    """Cells of a traffic matrix are attacks that hold a flow of one; a row is one if a cell of its latest slot is.

    So a normal flow of a host that attacks at the same time is one, too: its matrix shows the attack.
    """

    def __init__(self, settings: MatrixSettings, flows: Labeller) -> None:
        self._attacks = TrafficMatrix(settings)
        self._flows = flows

    def begin(self) -> None:
        """Another source begins."""
        self._attacks.begin()
        self._flows.begin()

    def labels(self, batch: pa.RecordBatch) -> Labels:
        """1 for attacks, (n,), and (n, 784)."""
        is_attack = (self._flows.labels(batch)[0] > 0).astype(np.float32)
        marks = np.asarray(self._attacks.drawn(batch, is_attack) > 0)
        return np.asarray(marks[:, SLOTS - 1 :: SLOTS].any(axis=1), np.int64), marks
