"""Which partition a flow goes to: all flows of a host of ours go to one, so that what it does is seen as a whole."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.features.columns import text_hashes
from oddflow.features.homes import INWARD, HomeNetworks

SEED = 0x6F64_6466_6C6F_7732
"""Published: all sensors must send a host's flows to the same partition."""


class Partitioning:
    """Chooses partitions.

    A flow goes with the host of ours that it is about: its initiator, or its responder where only that one is ours.
    So what a host of ours asks for is counted as a whole, and so is what others ask of it from outside. What others of
    ours ask of it is counted with each of them.

    Args:
        homes: Which networks are ours; all sensors must say the same.
        partitions: How many there are.
    """

    def __init__(self, homes: Sequence[str], partitions: int) -> None:
        self._homes = HomeNetworks(homes)
        self.partitions = partitions

    def of(self, flows: pa.RecordBatch) -> NDArray[np.int64]:
        """The partition of each flow, (n,)."""
        source, target = (text_hashes(flows, name, SEED) for name in ("src_ip", "dst_ip"))
        chosen = np.where(self._homes.roles(flows) == INWARD, target, source)
        return np.asarray((chosen >> np.uint64(16)) % np.uint64(self.partitions), np.int64)

    def parted(self, flows: pa.RecordBatch) -> dict[int, pa.RecordBatch]:
        """Flows by their partition, in their order."""
        if self.partitions == 1:
            return {0: flows} if flows.num_rows else {}
        places = self.of(flows)
        return {
            int(partition): flows.take(pa.array(np.flatnonzero(places == partition))) for partition in np.unique(places)
        }
