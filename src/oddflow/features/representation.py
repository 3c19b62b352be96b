"""What turns flows into feature rows, whatever it looks at."""

from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.flows.meter import Companion


class Representation(Protocol):
    """Feature rows of the flows of one source after the other."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""

    @property
    def companion(self) -> Companion | None:
        """What must see the packets that become the flows of the source that has begun, if anything."""

    @property
    def has_arp(self) -> bool:
        """Whether it speaks of ARP, too."""

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last."""

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Feature rows of flows, in end order: (n, d) float32, finite; SchemaMismatch where they lack a column."""

    def remarks(self) -> list[str]:
        """What a reader of the scores must know."""
