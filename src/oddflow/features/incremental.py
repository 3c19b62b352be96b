"""The incremental representation: Kitsune's AfterImage, 100 damped statistics of the streams that a packet belongs to.

Source: Mirsky, Doitshman, Elovici & Shabtai 2018, "Kitsune: An Ensemble of Autoencoders for Online Network Intrusion
Detection", section IV; equal to their Kitsune-py but for what docs/detectors/kitnet.md lists.
"""

import numpy as np
from numpy.typing import NDArray

from oddflow.amounts import seconds
from oddflow.capture.packets import PacketBatch
from oddflow.errors import UsageError
from oddflow.features import _layout as layout
from oddflow.features._incremental_kernels import add_packets
from oddflow.features.feature import Feature, Scale

DECAYS = (5.0, 3.0, 1.0, 0.1, 0.01)
"""In 1/s. A packet counts half after the inverse, which the words call a window."""

MOST_STREAMS = 65_536

_SIZES = (
    ("weight", "", "{value} packets {of}"),
    ("mean", "bytes", "packets of {value} on average {of}"),
    ("variance", "bytes²", "packet sizes that vary by {value} {of}"),
)
_GAPS = (
    ("weight", "", "{value} gaps {of}"),
    ("mean", "s", "jitter: {value} from packet to packet {of}"),
    ("variance", "s²", "jitter: gaps that vary by {value} {of}"),
)
_BOTH = (
    *_SIZES,
    ("radius", "bytes²", "packet sizes that vary by {value} {between}"),
    ("magnitude", "bytes", "packets of {value}, both ways together, {between}"),
    ("covariance", "bytes²", "packet sizes of both ways that go together by {value} {between}"),
    ("correlation", "", "packet sizes of both ways with a correlation of {value} {between}"),
)
_STREAMS = (
    ("mac", _SIZES, "from the MAC address of {src}", ""),
    ("host", _BOTH, "from {src}", "between {src} and {dst}"),
    ("jitter", _GAPS, "on the channel {src} → {dst}", ""),
    ("socket", _BOTH, "from {src_socket}", "between {src_socket} and {dst_socket}"),
)


def _feature(name: str, unit: str, words: str, decay: float) -> Feature:
    return Feature(f"{name}_{1 / decay:.3g}s", unit, Scale.LINEAR, f"{words} in {seconds(1 / decay)}")


FEATURES = tuple(
    _feature(f"{stream}_{name}", unit, words.replace("{of}", of).replace("{between}", between), decay)
    for stream, statistics, of, between in _STREAMS
    for decay in DECAYS
    for name, unit, words in statistics
)
"""In the order of Kitsune-py."""


class IncrementalStatistics:
    """The streams of a network, in bounded memory.

    Where a table is full, what was quiet longest, of eight rows of one hash, is forgotten: about 0.7 KB × max_streams.

    Args:
        max_streams: Of each kind: those by themselves (MAC addresses, channels), those with partners (hosts, sockets),
            and pairs of these.
    """

    def __init__(self, max_streams: int = MOST_STREAMS) -> None:
        if not 64 <= max_streams <= 1 << 24:
            raise UsageError(f"max_streams is {max_streams}; expected 64 to {1 << 24:,}")
        rows = 1 << (max_streams - 1).bit_length()
        self._state = layout.Incremental(
            alone=_streams(rows, layout.ALONE_COLUMNS, 0),
            paired=_streams(rows, layout.PAIRED_COLUMNS, layout.LINKED),
            pairs=layout.Pairs(
                np.zeros(rows, np.uint64), np.zeros((rows, 2), np.int64), np.zeros((rows, layout.PAIR_COLUMNS))
            ),
            counters=np.zeros(layout.COUNTERS, np.int64),
            work=np.zeros((3, layout.DECAYS)),
        )

    @property
    def forgotten(self) -> int:
        """Streams and pairs that left a full table."""
        counters = self._state.counters
        return int(counters[layout.FORGOTTEN_STREAMS] + counters[layout.FORGOTTEN_PAIRS])

    def add(self, batch: PacketBatch, packets: range) -> NDArray[np.float32]:
        """The features of packets that were not lost, in order: (m, 100)."""
        out = np.empty((len(packets), len(FEATURES)), np.float32)
        count = add_packets(batch.data, packets.start, packets.stop, batch.packets, self._state, out)
        return out[:count]


_CORRELATIONS = np.array([place for place, feature in enumerate(FEATURES) if "_correlation_" in feature.name])


def within_bounds(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features (n, 100) with correlations between -1 and 1, changed in place.

    Kitsune-py's have no bound: the covariance fades more slowly than both spreads do, and after a pause their quotient
    is a matter of millions. It would outweigh all else.
    """
    x[:, _CORRELATIONS] = np.clip(x[:, _CORRELATIONS], -1, 1)
    return x


def _streams(rows: int, columns: int, links: int) -> layout.Streams:
    return layout.Streams(
        tags=np.zeros(rows, np.uint64),
        keys=np.zeros((rows, 5), np.uint64),
        numbers=np.zeros((rows, columns)),
        serials=np.zeros(rows, np.int64),
        links=np.full((rows, links), layout.NONE, np.int32),
    )
