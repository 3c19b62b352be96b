"""Partitions: a host of ours goes to one, whatever the sensor."""

import numpy as np
import pyarrow as pa

from oddflow.features.homes import PRIVATE
from oddflow.server.stream.partitioning import Partitioning

PLACES = Partitioning(PRIVATE, 8)


def ends(*pairs: tuple[str, str]) -> pa.RecordBatch:
    """Flows of which only the ends matter."""
    return pa.record_batch({"src_ip": [one for one, _ in pairs], "dst_ip": [other for _, other in pairs]})


def test_a_host_of_ours_is_in_one_place():
    server = "10.0.0.7"
    pairs = [(server, f"198.51.100.{n}") for n in range(50)] + [(f"198.51.100.{n}", server) for n in range(50)]
    assert len(set(PLACES.of(ends(*pairs)))) == 1


def test_between_two_of_ours_the_initiator_counts():
    asks = PLACES.of(ends(*[("10.0.0.7", f"10.0.1.{n}") for n in range(50)]))
    asked = PLACES.of(ends(*[(f"10.0.1.{n}", "10.0.0.7") for n in range(50)]))
    assert len(set(asks)) == 1
    assert len(set(asked)) > 4


def test_hosts_are_spread_and_places_never_change():
    hosts = [(f"10.{n // 250}.0.{n % 250}", "203.0.113.1") for n in range(4_000)]
    counts = np.bincount(PLACES.of(ends(*hosts)), minlength=8)
    assert counts.min() > 400
    assert PLACES.of(ends(*hosts[:8])).tolist() == [6, 5, 5, 4, 3, 6, 4, 3]


def test_all_flows_go_somewhere_in_their_order(office_flows):
    parted = PLACES.parted(office_flows)
    whole = pa.Table.from_batches(list(parted.values()))
    assert whole.sort_by("first_packet")["start"].equals(
        pa.Table.from_batches([office_flows]).sort_by("first_packet")["start"]
    )
    for part in parted.values():
        ended = part.column("end").cast(pa.int64()).to_numpy()
        assert (np.diff(ended) >= 0).all()
    one = Partitioning(PRIVATE, 1).parted(office_flows)
    assert one[0] is office_flows
