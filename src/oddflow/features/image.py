"""The image representation: a flow's first bytes as the grey pixels of an image."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.columns import binary_parts
from oddflow.features.feature import Feature, Scale
from oddflow.features.presence import Presence
from oddflow.flows.meter import Companion
from oddflow.flows.settings import Payload

SIDE = 28
PIXELS = SIDE * SIDE
VERSION = "image-1"

_WHOSE = {
    Payload.SESSION: ("the payload",),
    Payload.SESSION_FRAMES: ("the packets",),
    Payload.FLOW: ("the payload sent", "the payload received"),
    Payload.FLOW_FRAMES: ("the packets sent", "the packets received"),
}
_COLUMNS = ("payload", "reverse_payload")


class Image:
    """The first 784 bytes of each flow, from 0 (0x00) to 1 (0xff); what a flow does not have is 0.

    Which bytes, the meter's settings say: of a session (both directions in arrival order) or of a flow (each direction
    an image of its own: 1,568 columns, the initiator's first); of the payload (L7) or of whole packets with their
    addresses zeroed (all layers). Bytes are counted from 0, as in dumps.

    Source: Wang et al. 2017, "Malware Traffic Classification Using Convolutional Neural Network for Representation
    Learning", section III.

    Args:
        payload: Which bytes the flows hold.

    Raises:
        UsageError: They hold none.
    """

    version = VERSION
    home_networks: tuple[str, ...] = ()
    companion: Companion | None = None
    has_arp = False

    def __init__(self, payload: Payload = Payload.SESSION) -> None:
        if payload is Payload.NONE:
            raise UsageError("an image is made of payload, and none is kept; leave --no-payload out")
        whose = _WHOSE[payload]
        self._columns = _COLUMNS[: len(whose)]
        self._presence = Presence(self._columns[:1])  # few flows of a source answer, and all may be silent
        self.features = tuple(
            Feature(f"{before}byte_{place:03}", "byte", Scale.LINEAR, f"byte {place} of {of} is {{value}}")
            for before, of in zip(("", "reverse_"), whose, strict=False)
            for place in range(PIXELS)
        )

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """None: each flow is seen by itself."""
        return {}

    @property
    def incomplete(self) -> int:
        """None: a flow without payload is an image of zeros."""
        return self._presence.incomplete

    def begin(self) -> None:
        """Another source begins."""
        self._presence.begin()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Images of a flow batch, line by line: shape (n, 784 or 1,568) float32, 0 to 1.

        Raises:
            SchemaMismatch: The source keeps no payload.
        """
        if self._presence.absent(batch):
            raise SchemaMismatch(
                "this source does not know payload, which images are made of: no log and no CSV has it, nor a "
                "table written with --no-payload or --pseudonymise; use the capture itself, or a .parquet table that "
                "`oddflow flows -o` wrote"
            )
        return np.concatenate([_pixels(batch.column(name)) for name in self._columns], axis=1)

    def remarks(self) -> list[str]:
        """Nothing."""
        return []


def _pixels(column: pa.Array) -> NDArray[np.float32]:
    """The first bytes of n payloads: -> (n, 784), 0 to 1."""
    data, offsets = binary_parts(column)
    starts, sizes = offsets[:-1].astype(np.int64), np.diff(offsets)
    places = np.arange(PIXELS)
    # a padding byte behind the last, so that each place can be looked up
    padded = np.append(data, np.uint8(0))
    index = np.where(places < sizes[:, None], starts[:, None] + places, len(data))
    return padded[index].astype(np.float32) / np.float32(255)
