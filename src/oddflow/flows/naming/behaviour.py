"""Names by behaviour: how the two hosts of a flow have behaved lately, whatever the flow itself holds.

Source: T. Karagiannis, K. Papagiannaki, M. Faloutsos, "BLINC: multilevel traffic classification in the dark",
SIGCOMM 2005: the social level (how many peers), the functional level (who serves, on which ports) and simple graphlets
(how peers and ports go together). Thresholds are ours, in `_behaviour_kernels.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow.errors import InputError, UsageError
from oddflow.flows.naming import _behaviour_kernels as hosts
from oddflow.flows.naming.names import name_array

PATTERNS = ("address-scan", "port-scan", "flood", "peer-to-peer", "service", "client", "pair")
"""By number, as `_behaviour_kernels` gives them."""

PLACES, CLOCK = "host_places", "host_clock"


def _text_parts(column: Any) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The bytes and the offsets (n + 1,) of a string column; null is empty."""
    column = pa.concat_arrays([column.fill_null("")])
    if column.offset:
        column = column.take(pa.array(np.arange(len(column))))
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int32, len(column) + 1).copy()  # kernels take no read-only arrays
    return (np.frombuffer(data, np.uint8).copy() if data is not None else np.zeros(0, np.uint8)), places


class HostBehaviour:
    """A stage that is fed flow batches in order and names each flow by what its hosts have done up to then.

    The same flows in the same order give the same names, however they are cut into batches. Memory: about 150 bytes
    a host of the capacity, all taken at the start.

    Args:
        capacity: Hosts that are remembered; others push out those least recently seen of their set of eight.
        window: After how many flows of a host the older half of what is known of it is forgotten.

    Raises:
        UsageError: A capacity below 8 or a window below 2.
    """

    def __init__(self, capacity: int = 65_536, *, window: int = 256) -> None:
        if capacity < hosts.WAYS or window < 2:
            raise UsageError(f"capacity {capacity}, window {window}: at least {hosts.WAYS} hosts and 2 flows expected")
        rows = capacity // hosts.WAYS * hosts.WAYS
        self._keys, self._seen = np.zeros(rows, np.uint64), np.zeros(rows, np.int64)
        self._counts = np.zeros((rows, hosts.COUNTS), np.int64)
        self._sketches = np.zeros((rows, 2 * hosts.SKETCHES), np.uint64)
        self._evicted = np.zeros(1, np.int64)
        self._clock, self._window = 0, window

    def taken_out(self) -> dict[str, NDArray[Any]]:
        """All that is known, as arrays by name, of the hosts that were seen; what comes later is not in them."""
        places = np.flatnonzero(self._seen)
        held = {name: array[places] for name, array in self._arrays.items()}
        clock = np.array([self._clock, int(self._evicted[0])], np.int64)
        return held | {PLACES: places.astype(np.int32), CLOCK: clock}

    def put_in(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from what `taken_out` gave.

        Raises:
            InputError: It does not fit, or is damaged.
        """
        if not self._fits(state):
            raise InputError("what was known of hosts does not fit, or is damaged; begin anew")
        places = state[PLACES]
        for name, array in self._arrays.items():
            array[:] = 0
            array[places] = state[name]
        self._clock, self._evicted[0] = (int(number) for number in state[CLOCK])

    def _fits(self, state: Mapping[str, NDArray[Any]]) -> bool:
        own, places = self._arrays, state.get(PLACES)
        if places is None or places.ndim != 1 or places.dtype != np.int32:
            return False
        shapes = {name: (len(places), *array.shape[1:]) for name, array in own.items()} | {CLOCK: (2,)}
        if any(name not in state or state[name].shape != shape for name, shape in shapes.items()):
            return False
        return bool(np.all(np.diff(places) > 0) and np.all(places >= 0) and np.all(places < len(self._keys)))

    @property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "host_keys": self._keys, "host_seen": self._seen, "host_counts": self._counts,
            "host_sketches": self._sketches,
        }  # fmt: skip

    @property
    def evicted(self) -> int:
        """Hosts that were pushed out."""
        return int(self._evicted[0])

    def names(self, batch: pa.RecordBatch) -> pa.DictionaryArray:
        """The pattern that each flow belongs to, (n,), one of PATTERNS; null while too little is known of its hosts.

        A flow counts as failed where nothing came back, or no payload at all over TCP.
        """

        def column(name: str, kind: Any) -> NDArray[Any]:
            values: NDArray[Any] = batch.column(name).fill_null(0).to_numpy(zero_copy_only=False)
            return np.array(values, kind)

        protocols = column("protocol", np.uint8)
        payload = column("forward_payload_packets", np.int64) + column("reverse_payload_packets", np.int64)
        is_failed = (column("reverse_packets", np.int64) == 0) | ((protocols == hosts.TCP) & (payload == 0))
        src, dst = _text_parts(batch.column("src_ip")), _text_parts(batch.column("dst_ip"))
        numbers = np.empty(batch.num_rows, np.int16)
        self._clock = hosts.name_flows(
            *src, *dst, protocols, column("dst_port", np.uint16), is_failed, self._clock, self._window,
            self._keys, self._seen, self._counts, self._sketches, self._evicted,
            np.empty((batch.num_rows, 2), np.uint64), numbers,
        )  # fmt: skip
        return name_array(numbers, PATTERNS)
