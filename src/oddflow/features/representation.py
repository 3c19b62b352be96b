"""What every representation is: flows, in the order in which they ended, as rows of named numbers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.feature import Feature
from oddflow.flows.meter import Companion


class Reads(StrEnum):
    """What of a flow a detector looks at.

    TABULAR: its statistics and its context. IMAGE: its first bytes. SEQUENCE: its first packets. SEVERAL: all of these.
    PACKETS: each of its packets, beside all that went before; a flow is then its worst one. MATRIX: what its source did
    lately, ports or peers × time. NAMES: the name that it asks for. RATES: how much its hosts did of late, second by
    second.
    """

    TABULAR = "tabular"
    IMAGE = "image"
    SEQUENCE = "sequence"
    PACKETS = "packets"
    SEVERAL = "several"
    MATRIX = "matrix"
    NAMES = "names"
    RATES = "rates"


class Representation(Protocol):
    """Turns flows into rows; it may keep state between batches, so use one for one stream of flows."""

    @property
    def version(self) -> str:
        """Names it in models: "tabular-1"."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The d columns of a row, in order."""

    @property
    def home_networks(self) -> tuple[str, ...]:
        """The networks that it takes for ours; none where it looks at no address."""

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """How far back it looks, for a manifest; empty where it looks at each flow by itself."""

    @property
    def incomplete(self) -> int:
        """Flows so far that lacked something which others of their source had: it was taken as 0."""

    @property
    def companion(self) -> Companion | None:
        """What must see the packets that become the flows of the source that has begun, if anything."""

    @property
    def has_arp(self) -> bool:
        """Whether it speaks of ARP, too."""

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last, nor its columns."""

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Rows of a flow batch: shape (n, d) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that is needed; which, and what to do.
        """

    def remarks(self) -> list[str]:
        """What a reader of results must know of it."""
