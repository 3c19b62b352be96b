"""The sequence representation: a flow's first packets, their lengths and the silences between them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch
from oddflow.features.feature import Feature, Scale
from oddflow.features.presence import Presence
from oddflow.flows.meter import Companion
from oddflow.schema import SEQUENCE_PACKETS

VERSION = "sequence-1"
STEPS = SEQUENCE_PACKETS


def _ordinal(number: int) -> str:
    """1 → 1st, 2 → 2nd, 11 → 11th."""
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _features() -> tuple[Feature, ...]:
    steps = range(1, STEPS + 1)
    signed = "{value} is the {nth} packet's length (below 0: received; 0: there is none)"
    lengths = (Feature(f"length_{n:02}", "bytes", Scale.LINEAR, signed.replace("{nth}", _ordinal(n))) for n in steps)
    gaps = (Feature(f"gap_{n:02}", "s", Scale.LOG, f"{{value}} before the {_ordinal(n)} packet") for n in steps)
    return (*lengths, *gaps)


class Sequence:
    """Up to 32 packets: 32 IP lengths, below 0 from the responder and 0 after the last; then the 32 gaps before them.

    Gaps are in seconds; that before the first packet is 0.

    Source: Lopez-Martin et al. 2017, "Network Traffic Classifier With Convolutional and Recurrent Neural Networks for
    Internet of Things".
    """

    version = VERSION
    home_networks: tuple[str, ...] = ()
    companion: Companion | None = None
    has_arp = False
    features = _features()

    def __init__(self) -> None:
        self._presence = Presence(("lengths", "gaps_us"))

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """None: each flow is seen by itself."""
        return {}

    @property
    def incomplete(self) -> int:
        """Flows that lacked their packets in a source where others had them."""
        return self._presence.incomplete

    def begin(self) -> None:
        """Another source begins."""
        self._presence.begin()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Lengths, then gaps: shape (n, 64) float32.

        Raises:
            SchemaMismatch: The source does not tell of single packets.
        """
        absent = self._presence.absent(batch)
        if absent:
            raise SchemaMismatch(
                f"this source does not know {', '.join(absent)}: logs and exporters tell of no single packets; use the "
                "capture itself, or a .parquet table that `oddflow flows -o` wrote"
            )
        lengths, gaps_us = (_lists(batch.column(name)) for name in ("lengths", "gaps_us"))
        return np.concatenate([lengths, gaps_us / 1e6], axis=1, dtype=np.float32, casting="same_kind")

    def remarks(self) -> list[str]:
        """Nothing."""
        return []


def _lists(column: pa.Array) -> NDArray[np.float64]:
    """A column of lists of 32 numbers: -> (n, 32) float64; null is zeros."""
    values = column.values.slice(column.offset * STEPS, len(column) * STEPS).fill_null(0)
    rows = values.cast(pa.float64()).to_numpy(zero_copy_only=False).reshape(len(column), STEPS)
    return np.where(column.is_null().to_numpy(zero_copy_only=False)[:, None], 0.0, rows)
