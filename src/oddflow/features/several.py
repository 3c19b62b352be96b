"""Several views of a flow side by side: its statistics and context, its first packets, its first bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features.feature import Feature
from oddflow.features.image import PIXELS, Image
from oddflow.features.sequence import Sequence as Packets
from oddflow.features.tabular import Tabular
from oddflow.flows.meter import Companion

VERSION = "several-1"


class Several:
    """The columns of the tabular representation, then those of the sequence, then those of the image.

    Source: Ngiam et al. 2011, "Multimodal Deep Learning"; notes 000, part 2 (cross-modality).

    Args:
        tabular: Statistics and context; it keeps state between batches.
        image: First bytes.
    """

    version = VERSION
    companion: Companion | None = None
    has_arp = False

    def __init__(self, tabular: Tabular, image: Image) -> None:
        self._tabular = tabular
        self._views = (tabular, Packets(), image)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""
        return tuple(feature for view in self._views for feature in view.features)

    @property
    def home_networks(self) -> tuple[str, ...]:
        """Which addresses are ours."""
        return self._tabular.home_networks

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """How far back the context looks."""
        return self._tabular.context_settings

    @property
    def incomplete(self) -> int:
        """Flows so far that one view lacked something of; the greatest number of any view."""
        return max(view.incomplete for view in self._views)

    def begin(self) -> None:
        """Another source begins."""
        for view in self._views:
            view.begin()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """All views of a flow batch: shape (n, d) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that one of the views needs.
        """
        return np.concatenate([view.rows(batch) for view in self._views], axis=1)

    def remarks(self) -> list[str]:
        """What a reader of results must know of any view."""
        return [remark for view in self._views for remark in view.remarks()]


@dataclass(frozen=True, slots=True)
class Views:
    """Where in a row each view stands.

    Attributes:
        tabular: Columns of statistics and context, the first ones.
        packets: Columns of lengths and gaps, behind them.
        bytes: Columns of bytes, the last ones: 784 of each channel.
    """

    tabular: int
    packets: int
    bytes: int

    @classmethod
    def of(cls, features: Sequence[Feature]) -> Self:
        """Finds the views by the names of their first columns.

        Raises:
            UsageError: The features are not those of several views.
        """
        names = [feature.name for feature in features]
        first_packet, first_byte = Packets.features[0].name, Image().features[0].name
        if not {first_packet, first_byte} <= set(names):
            raise UsageError(
                f"rows of several views hold {first_packet} and {first_byte} among their columns; {len(names)} columns "
                "without them given"
            )
        packets, pixels = names.index(first_packet), names.index(first_byte)
        views = cls(packets, pixels - packets, len(names) - pixels)
        if not views.tabular or views.packets < 1 or views.bytes % PIXELS:
            raise UsageError(f"views are statistics, then packets, then {PIXELS} bytes a channel; {views} given")
        return views
