"""Windows: how spread, how usual and how steady it is what a flow's source host and its service do.

Beside the counts of context.py stands information: entropy, conditional and relative entropy over the last flows of a
host and of a service, correlations, what was never met before, and how an hour differs from its like on earlier days.
Computed in the one ordered stage, as context is. Memory is bounded: of hosts and of services 4,096 each, of a key its
last 64 flows of 120 s and a longer past in 64 buckets.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import UsageError
from oddflow.features import _windows_kernels as kernels
from oddflow.features.columns import Floats, integers, numbers, services, text_hashes
from oddflow.features.context import ContextSettings
from oddflow.features.feature import Feature, Scale
from oddflow.features.full import BYTELESS, FULL
from oddflow.features.homes import HomeNetworks
from oddflow.features.portable import PORTABLE
from oddflow.features.recent import Recent
from oddflow.features.tabular import Tabular
from oddflow.flows.meter import Companion

WINDOWED = {"windows-1": FULL, "windows-no-payload-1": BYTELESS, "windows-portable-1": PORTABLE}
"""The tabular kind that each stands on, by version."""

WIDTH_S = 120
SLOT_S = 10
WARM_S = 300
"""So long after a source's begin nothing counts as new: all is."""
MOST_KEYS = 4_096
MOST_SEEN = 1 << 17
"""Places of a generation of what was seen; half of them are used."""
HASHED_WITH = 0x6F6464666C6F77
"""A published seed: buckets must be the same wherever a model is used."""

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that no two services of a host are one."""

HOST_MEANS, SERVICE_MEANS = (0.25, 0.25, 1.0, 0.0, 0.25), (0.25, 1.0, 0.5, 0.75, 0.25)
"""Entropies as shares of their greatest, where nothing is known yet: few peers and ports, a source port a flow."""

TIMES = {"new": kernels.READY_NEW, "day": kernels.READY_DAY, "week": kernels.READY_WEEK}
"""What only comes with time; a model whose baseline was too short for one never sees it."""
COMES_WITH = {
    kernels.DAY: "day", kernels.WEEK: "week", kernels.IS_NEW_FIRST: "new", kernels.IS_NEW_SECOND: "new",
    kernels.COUNT_NEW_FIRST: "new", kernels.COUNT_NEW_SECOND: "new",
}  # fmt: skip

LOG = Scale.LOG
"""Of all, signs kept: so a column that never varied still allows for a quarter of a bit, or of a correlation."""
BITS = "bits"

HOST = {
    kernels.ENTROPY_FIRST: Feature("host_peer_entropy", BITS, LOG, "entropy of one host's peers {value}"),
    kernels.ENTROPY_SECOND: Feature("host_port_entropy", BITS, LOG, "entropy of the ports one host asks {value}"),
    kernels.ENTROPY_THIRD: Feature("host_source_port_entropy", BITS, LOG, "entropy of one host's own ports {value}"),
    kernels.SECOND_GIVEN_FIRST: Feature(
        "host_port_given_peer", BITS, LOG, "entropy of the ports one host asks of a peer {value}"
    ),
    kernels.FIRST_GIVEN_SECOND: Feature(
        "host_peer_given_port", BITS, LOG, "entropy of the peers one host asks for a port {value}"
    ),
    kernels.DIVERGENCE_FIRST: Feature(
        "host_peer_divergence", BITS, LOG, "{value} between one host's peers and its past"
    ),
    kernels.DIVERGENCE_SECOND: Feature(
        "host_port_divergence", BITS, LOG, "{value} between the ports one host asks and its past"
    ),
    kernels.SIZES_TOGETHER: Feature(
        "host_sizes_together", "", LOG, "correlation of what one host sends and receives {value}"
    ),
    kernels.WITH_NETWORK: Feature(
        "host_with_network", "", LOG, "correlation of one host's rate with all others' {value}"
    ),
    kernels.DAY: Feature("host_hour_of_day", "", LOG, "one host's rate, beside this hour of earlier days {value}"),
    kernels.WEEK: Feature("host_hour_of_week", "", LOG, "one host's rate, beside this hour of earlier weeks {value}"),
    kernels.IS_NEW_FIRST: Feature("host_new_peer", "peers", LOG, "{value} peer that the host was never seen with"),
    kernels.IS_NEW_SECOND: Feature("host_new_port", "ports", LOG, "{value} port that the host was never seen to ask"),
    kernels.COUNT_NEW_FIRST: Feature("host_new_peers", "flows", LOG, "{value} of one host to peers new to it"),
    kernels.COUNT_NEW_SECOND: Feature("host_new_ports", "flows", LOG, "{value} of one host to ports new to it"),
}
SERVICE = {
    kernels.ENTROPY_FIRST: Feature("service_client_entropy", BITS, LOG, "entropy of this service's clients {value}"),
    kernels.ENTROPY_SECOND: Feature(
        "service_source_port_entropy", BITS, LOG, "entropy of the clients' own ports {value}"
    ),
    kernels.ENTROPY_THIRD: Feature("service_size_entropy", BITS, LOG, "entropy of the sizes of its flows {value}"),
    kernels.SECOND_GIVEN_FIRST: Feature(
        "service_source_port_given_client", BITS, LOG, "entropy of a client's own ports {value}"
    ),
    kernels.DIVERGENCE_FIRST: Feature(
        "service_client_divergence", BITS, LOG, "{value} between this service's clients and its past"
    ),
    kernels.SIZES_TOGETHER: Feature(
        "service_sizes_together", "", LOG, "correlation of what this service is sent and sends {value}"
    ),
    kernels.DAY: Feature(
        "service_hour_of_day", "", LOG, "this service's rate, beside this hour of earlier days {value}"
    ),
    kernels.WEEK: Feature(
        "service_hour_of_week", "", LOG, "this service's rate, beside this hour of earlier weeks {value}"
    ),
    kernels.COUNT_NEW_FIRST: Feature("service_new_clients", "flows", LOG, "{value} to it by clients new to it"),
}


class _Keys:
    """The state of all hosts, or of all services."""

    def __init__(self, means: tuple[float, ...]) -> None:
        self.recent = Recent(MOST_KEYS)
        self.words = np.zeros((MOST_KEYS, kernels.PAIR + 1, kernels.RING), np.uint64)
        self.marks = np.zeros((MOST_KEYS, kernels.RING, kernels.MARKS), np.int64)
        self.fields = np.zeros((MOST_KEYS, kernels.KEY_FIELDS), np.int64)
        self.buckets = np.zeros((MOST_KEYS, 4, kernels.BUCKETS), np.int32)
        self.slots = np.zeros((MOST_KEYS, kernels.SLOTS), np.int32)
        self.means = np.zeros((MOST_KEYS, kernels.HOURS), np.float32)
        self.weights = np.zeros((MOST_KEYS, kernels.HOURS), np.int32)
        self.seen = np.zeros((2, MOST_SEEN), np.uint64)
        self.network = np.zeros(kernels.NETWORK_FIELDS, np.int64)
        self.network_past = np.zeros((2, kernels.BUCKETS), np.int64)
        self.network_slots = np.zeros(kernels.SLOTS, np.int64)
        self.network_means = np.array(means)

    def add(
        self, end_ns: NDArray[np.int64], key: NDArray[np.uint64], values: NDArray[np.uint64], sizes: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """What is told of n flows: (n, TOLD)."""
        told = np.empty((len(key), kernels.TOLD), np.float32)
        kernels.tell_windows(
            end_ns,
            key,
            values,
            sizes,
            WIDTH_S * 10**9,
            SLOT_S * 10**9,
            WARM_S * 10**9,
            self.recent.seed,
            self.recent.slots,
            self.recent.keys,
            self.recent.links,
            self.recent.fields,
            LOGARITHMS,
            self.words,
            self.marks,
            self.fields,
            self.buckets,
            self.slots,
            self.means,
            self.weights,
            self.seen,
            self.network,
            self.network_past,
            self.network_slots,
            self.network_means,
            told,
        )
        return told


def _logarithms() -> NDArray[np.int64]:
    counts = np.arange(kernels.RING + 1, dtype=np.float64)
    return np.round(counts * np.log2(np.maximum(counts, 1)) * kernels.FIXED).astype(np.int64)


LOGARITHMS = _logarithms()


class Windows:
    """Information of trailing windows for each flow, in the order in which flows ended."""

    features = (*HOST.values(), *SERVICE.values())

    def __init__(self) -> None:
        self._hosts, self._services = _Keys(HOST_MEANS), _Keys(SERVICE_MEANS)

    def reset(self) -> None:
        """Forgets all: another source begins, and its time need not follow that of the last."""
        self._hosts, self._services = _Keys(HOST_MEANS), _Keys(SERVICE_MEANS)

    @property
    def forgotten(self) -> int:
        """Hosts and services that had to make room."""
        return self._hosts.recent.forgotten + self._services.recent.forgotten

    @property
    def met(self) -> set[str]:
        """What of TIMES the stream was long enough for."""
        return {name for name, place in TIMES.items() if self._hosts.network[place]}

    def add(self, batch: pa.RecordBatch, sent: Floats, received: Floats) -> NDArray[np.float32]:
        """What is told of each flow, itself included: shape (n, 24) float32.

        Args:
            batch: n flows, in end order.
            sent, received: Payload bytes of the initiator and of the responder, (n,); NaN counts as none.
        """
        end_ns = integers(batch, "end")
        source, target = (text_hashes(batch, name, HASHED_WITH) for name in ("src_ip", "dst_ip"))
        service = services(batch).astype(np.uint64) + np.uint64(1)
        port = np.nan_to_num(numbers(batch, "src_port")).astype(np.uint64) + np.uint64(1)
        # sixteenths of octaves: whole numbers, so that their sums are exact
        octaves = np.log2(1 + np.maximum(0, np.nan_to_num(np.stack([sent, received], axis=1))))
        sizes = np.round(16 * octaves).astype(np.int64)
        shape = np.floor(4 * octaves).astype(np.uint64)
        of_host = np.stack([target, service, port], axis=1)
        of_service = np.stack([source, port, shape[:, 0] * np.uint64(256) + shape[:, 1] + np.uint64(1)], axis=1)
        # apart, as in context: a scan does not colour what else its host does
        kind = ((sent > 0) & (received > 0)).astype(np.uint64) * SPREAD
        hosts = self._hosts.add(end_ns, source ^ kind, np.maximum(of_host, 1), sizes)
        served = self._services.add(end_ns, target ^ (service * SPREAD) ^ ~kind, np.maximum(of_service, 1), sizes)
        return np.concatenate([hosts[:, list(HOST)], served[:, list(SERVICE)]], axis=1)


class WindowedTabular:
    """The rows of a tabular kind, then what windows tell: shape (n, d + 24).

    It keeps state between batches: use one for one stream of flows.

    Args:
        version: One of WINDOWED.
        homes: Home networks.
        settings: How far back context looks.
        told: Which of TIMES the model knows; what it does not is 0. None where a baseline is read: all.
    """

    companion: Companion | None = None
    has_arp = False

    def __init__(
        self, version: str, homes: HomeNetworks, settings: ContextSettings, told: tuple[str, ...] | None = None
    ) -> None:
        self.version = version
        self._tabular = Tabular.of(homes, settings, WINDOWED[version])
        self._windows = Windows()
        self._told = told
        self._met: set[str] = set()

    @classmethod
    def of(cls, version: str, homes: HomeNetworks, known: Mapping[str, Any] | ContextSettings) -> "WindowedTabular":
        """As a manifest tells it, or for a baseline; raises UsageError for any other settings."""
        if isinstance(known, ContextSettings):
            return cls(version, homes, known)
        rest = {name: value for name, value in known.items() if name != "windows_told"}
        told = known.get("windows_told")
        if not isinstance(told, list) or not all(name in list(TIMES) for name in told):
            raise UsageError(f"windows_told is {told!r}; expected a list of {', '.join(TIMES)}; learn the model anew")
        return cls(version, homes, ContextSettings.of(rest), tuple(told))

    @property
    def home_networks(self) -> tuple[str, ...]:
        """Which addresses are ours."""
        return self._tabular.home_networks

    @property
    def context_settings(self) -> Mapping[str, Any]:
        """How far back its context looks, and what the windows had time to tell."""
        told = self._met | self._windows.met if self._told is None else self._told
        return {**self._tabular.context_settings, "windows_told": sorted(told)}

    @property
    def incomplete(self) -> int:
        """Flows so far that lacked a counter which others of their source had: it was taken as 0."""
        return self._tabular.incomplete

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns of a row, in order."""
        return (*self._tabular.features, *self._windows.features)

    def begin(self) -> None:
        """Another source begins: its time need not follow that of the last, nor its columns."""
        self._met |= self._windows.met
        self._tabular.begin()
        self._windows.reset()

    def rows(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Feature rows of a flow batch: shape (n, d + 24) float32, finite.

        Raises:
            SchemaMismatch: The source does not know a column that is needed; which, and what to do.
        """
        first = self._tabular.rows(batch)
        told = self._windows.add(batch, *WINDOWED[self.version].exchanged(batch))
        if self._told is not None:
            for column, place in enumerate((*HOST, *SERVICE)):
                if place in COMES_WITH and COMES_WITH[place] not in self._told:
                    told[:, column] = 0
        return np.concatenate([first, told], axis=1)

    def remarks(self) -> list[str]:
        """How far context and windows can be trusted."""
        said = self._tabular.remarks()
        if self._windows.forgotten:
            said.append(
                f"{self._windows.forgotten:,} hosts or services were forgotten: windows remember {MOST_KEYS:,} of each"
            )
        return said
