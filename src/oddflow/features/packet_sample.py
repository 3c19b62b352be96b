"""The first packets of a baseline as feature rows, each with the flow that it went to."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.capture.packets import PacketBatch
from oddflow.errors import UsageError
from oddflow.features.gathering import Gathered
from oddflow.features.homes import HomeNetworks
from oddflow.features.incremental import FEATURES, IncrementalStatistics, within_bounds
from oddflow.features.packet_columns import VERSION
from oddflow.flows import _layout as layout
from oddflow.flows.owners import FlowOwners
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN, Privacy
from oddflow.logs.source import Fingerprint, Progress, Source, name_of, read_flows
from oddflow.losses import Ledger

MAX_PACKETS = 200_000
"""80 MB of feature rows; learning takes about three times as much."""


class PacketSample:
    """Goes along with meters, one source after the other, and keeps the features of the first packets.

    Args:
        max_flows: The most that a meter has open.
        max_packets: So many are kept.
    """

    def __init__(self, max_flows: int, max_packets: int = MAX_PACKETS) -> None:
        self.packets = 0
        self._max_flows = max_flows
        self._max_packets = max_packets
        self._x: list[NDArray[np.float32]] = []
        self._times_ns: list[NDArray[np.int64]] = []
        self._flows: list[NDArray[np.int64]] = []
        self._before = 0
        self.begin()

    def begin(self) -> None:
        """Another source begins, and another meter."""
        self._owners = FlowOwners(self._max_flows)
        self._statistics = IncrementalStatistics()
        self._before = 1 + max((int(flows.max()) for flows in self._flows), default=-1)

    def add(self, batch: PacketBatch, packets: range, finished: layout.Finished, ended: range) -> None:
        """As a meter's companion."""
        owners, _ = self._owners.add(batch, packets, finished, ended)
        owners = owners[owners != layout.NONE]
        room = self._max_packets - self.packets
        if not len(owners) or not room:
            return
        was_metered = batch.packets["loss"][packets.start : packets.stop] == 0
        self._x.append(within_bounds(self._statistics.add(batch, packets)[:room]))
        self._times_ns.append(batch.packets["time_ns"][packets.start : packets.stop][was_metered][:room].copy())
        self._flows.append(self._before + self._owners.serials(owners[:room]))
        self.packets += len(self._x[-1])

    def attach(
        self,
        flows: pa.RecordBatch,
        finished: layout.Finished,  # noqa: ARG002
        captures: Sequence[str],  # noqa: ARG002
    ) -> pa.RecordBatch:
        """As a meter's companion: the flows as they are."""
        self._owners.hand_out(flows.num_rows)
        return flows

    def all(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Features (n, 100), times (n,) and flows (n,) of the packets that were kept; flows are numbered from 0."""
        return np.concatenate(self._x), np.concatenate(self._times_ns), np.concatenate(self._flows)


def gather_packets(
    sources: Sequence[Source],
    homes: HomeNetworks,
    *,
    settings: MeterSettings,
    ledger: Ledger,
    progress: Progress | None = None,
    max_packets: int = MAX_PACKETS,
    privacy: Privacy = OPEN,
) -> Gathered:
    """Reads captures into feature rows of packets; of a longer baseline the first `max_packets`.

    Raises:
        NothingMetered: No source held a packet that could be metered.
        UsageError: A source holds flows.
        InputError: A source cannot be read.
    """
    sample = PacketSample(settings.max_flows, max_packets)
    seen = []
    for source in sources:
        sample.begin()
        fingerprint = Fingerprint(name_of(source))
        seen.append(fingerprint)
        before = sample.packets
        for _ in read_flows(
            source, ledger, settings=settings, seen=fingerprint, progress=progress, companion=sample, privacy=privacy
        ):
            pass
        if fingerprint.flows and sample.packets == before < max_packets:
            raise UsageError(
                f"{fingerprint.name} holds flows, and this detector learns packets: give it the capture itself, or "
                "another detector"
            )
    if not sample.packets:
        raise ledger.nothing_metered([name_of(source) for source in sources])
    x, times_ns, flows = sample.all()
    return Gathered(
        x=x,
        times_ns=times_ns,
        features=FEATURES,
        flows=len(np.unique(flows)),
        start_ns=int(times_ns.min()),
        end_ns=int(times_ns.max()),
        seen=seen,
        ledger=ledger,
        settings=settings,
        home_networks=homes.networks,
        context={},
        version=VERSION,
        owners=flows,
        privacy=privacy,
        pseudonyms=privacy.fingerprint,
    )
