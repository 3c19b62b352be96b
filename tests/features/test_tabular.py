"""Tabular features: finite, the same whatever the batches, and refused where a source cannot know them."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists
from tests.capture.build import ether, pcap
from tests.features.build import S, flows, pieces

from oddflow.errors import NothingMetered, SchemaMismatch
from oddflow.features._payload_kernels import describe_payload
from oddflow.features.columns import binary_parts, numbers
from oddflow.features.context import ContextSettings
from oddflow.features.feature import Scale
from oddflow.features.full import NEEDED
from oddflow.features.gathering import _Sample, gather
from oddflow.features.homes import HomeNetworks
from oddflow.features.ordering import in_end_order
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger


def tabular(max_flows=4096):
    return Tabular.of(HomeNetworks(), ContextSettings(max_flows=max_flows))


def value(rows, name, of=None):
    of = of or tabular()
    place = [feature.name for feature in of.features].index(name)
    return of.rows(flows(rows))[:, place].tolist()


def entropy(data):
    return -sum(n / len(data) * math.log2(n / len(data)) for n in Counter(data).values())


@given(lists(binary(max_size=200), min_size=1, max_size=10), integers(0, 3))
def test_entropy_and_readable_share_are_those_of_the_twin(payloads, skipped):
    column = pa.array(payloads, pa.binary()).slice(min(skipped, len(payloads) - 1))
    data, offsets = binary_parts(column)
    bits, readable = np.empty(len(column), np.float32), np.empty(len(column), np.float32)
    describe_payload(data, offsets, bits, readable)
    for payload, bit, share in zip(column.to_pylist(), bits, readable, strict=True):
        assert bit == pytest.approx(entropy(payload) if payload else 0, abs=1e-5)
        printable = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in payload)
        assert share == pytest.approx(printable / len(payload) if payload else 0, abs=1e-6)


def test_an_absent_payload_is_an_empty_one():
    data, offsets = binary_parts(pa.array([None, b"ab", None], pa.binary()))
    assert (data.tobytes()[offsets[1] : offsets[2]], np.diff(offsets).tolist()) == (b"ab", [0, 2, 0])


def real(shared):
    return sorted(p for p in (shared / "captures").rglob("*.pcap*"))


@pytest.mark.slow
def test_features_of_every_shared_capture_are_finite(shared):
    of, seen = tabular(), 0
    for path in real(shared):
        for batch in read_flows(str(path), Ledger()):
            x = of.rows(batch)
            assert np.isfinite(x).all(), path
            assert (x[:, [f.scale is Scale.LOG for f in of.features]] >= 0).all(), path
            seen += len(x)
    assert seen > 5_000


@pytest.mark.parametrize("sizes", [(1,), (7, 1, 100), (3000,)])
def test_batches_of_any_size_give_the_same_features(shared, sizes):
    source = str(shared / "cic-ddos2019" / "benign-syn.pcap")
    table = pa.Table.from_batches(read_flows(source, Ledger())).combine_chunks().to_batches()[0].slice(0, 1500)
    whole, parts = tabular(), tabular()
    expected = np.concatenate([whole.rows(b) for b in in_end_order([table], wait_s=61)])
    ordered = in_end_order(pieces(table, sizes), wait_s=61)
    found = np.concatenate([parts.rows(piece) for batch in ordered for piece in pieces(batch, sizes)])
    assert np.array_equal(found, expected)


def test_a_row_has_a_value_for_each_feature():
    of = tabular()
    x = of.rows(flows([{}]))
    assert (x.shape, x.dtype) == ((1, len(of.features)), np.float32)
    assert len({feature.name for feature in of.features}) == len(of.features)


@pytest.mark.parametrize("name", NEEDED)
def test_a_source_that_does_not_know_a_column_is_refused(name):
    batch = flows([{}, {}])
    place = batch.schema.names.index(name)
    batch = batch.set_column(place, batch.schema.field(name), pa.nulls(2, batch.schema.field(name).type))
    with pytest.raises(SchemaMismatch, match=rf"does not know {name}, .*oddflow flows -o"):
        tabular().rows(batch)


def test_the_service_is_exact_up_to_the_last_port():
    assert value([{"protocol": 255, "dst_port": 65_535}], "service") == [255 * 65_536 + 65_535]


@pytest.mark.parametrize(
    ("flow", "outcome"),
    [
        ({}, 0),
        ({"reverse_packets": 1, "reverse_rst": 1}, 1),
        ({"reverse_packets": 1}, 2),
        ({"reverse_packets": 1, "forward_payload_bytes": 1}, 3),
        ({"reverse_packets": 1, "forward_payload_bytes": 1, "reverse_payload_bytes": 1}, 4),
    ],
)
def test_the_outcome_of_a_flow_is_told(flow, outcome):
    assert value([flow], "outcome") == [outcome]


def test_a_single_packet_has_no_rate():
    assert value([{"forward_packets": 1, "forward_bytes": 99}], "bytes_per_s") == [0]


def test_a_flow_that_ends_before_it_starts_lasted_no_time():
    assert value([{"start": 5 * S, "end": 0}], "duration_s") == [0]


def test_numbers_of_a_column_keep_null_as_nan():
    batch = pa.record_batch([pa.array([1, None], pa.uint64())], names=["x"])
    assert np.array_equal(numbers(batch, "x"), [1, np.nan], equal_nan=True)


def test_a_sample_is_even_in_time_and_bounded():
    sample = _Sample(100)
    for start in range(0, 10_000, 37):
        times = np.arange(start, min(10_000, start + 37))
        sample.add(times[:, None].astype(np.float32), times)
        assert sample._count <= 200
    x, times = sample.all()
    assert np.array_equal(x[:, 0], times)
    assert set(np.diff(times).tolist()) == {sample._step}


def test_gathering_nothing_says_why(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(1, 0, ether(bytes(28), 0x88CC))] * 3))
    with pytest.raises(NothingMetered, match="3 packets: not IP: LLDP"):
        gather([str(path)], tabular(), settings=MeterSettings(), ledger=Ledger())


def test_gathering_reads_every_flow_of_every_source(shared):
    sources = [str(shared / "cic-ddos2019" / name) for name in ("benign-syn.pcap", "CIC-DDoS-2019-WebDDoS.pcap")]
    found = gather(sources, tabular(), settings=MeterSettings(), ledger=Ledger())
    assert len(found.x) == found.flows == sum(seen.flows for seen in found.seen)
    assert found.start_ns < found.times_ns.min() <= found.times_ns.max() == found.end_ns


def test_the_service_of_icmp_is_its_type():
    assert value([{"protocol": 1, "icmp_type": 8, "dst_port": 0}], "service") == [65_536 + 8]
