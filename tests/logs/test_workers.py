"""Several workers give what one gives: the same flows, each packet counted once, one error."""

import random
import threading

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from tests.capture.build import ether, icmp, ipv4, pcap, tcp, udp

from oddflow.errors import UnknownFormat, UsageError
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import Fingerprint, arrange, read_flows
from oddflow.logs.table import TableWriter, table_of
from oddflow.logs.workers import deal, work
from oddflow.losses import Ledger


def traffic(seed, packets=4000):
    """Conversations of many hosts that end in all ways, ARP between them."""
    draw = random.Random(seed)
    records, at_ms = [], 0
    for _ in range(packets):
        at_ms += draw.randrange(40)
        if draw.random() < 0.002:  # the clock is set
            at_ms = max(0, at_ms + draw.choice([-400_000, -5_000, 400_000]))
        here, there, port = draw.randrange(1, 9), draw.randrange(9, 14), draw.randrange(1000, 1012)
        ends = {"src": f"10.0.0.{here}", "dst": f"10.0.0.{there}"}
        if draw.random() < 0.5:
            ends = {"src": ends["dst"], "dst": ends["src"]}
        flags = draw.choice([0x02, 0x12, 0x10, 0x18, 0x18, 0x11, 0x04])
        body = tcp(b"data", port, 80, flags=flags) if draw.random() < 0.6 else udp(b"data", port, 53)
        packet = ipv4(body, 6 if len(body) > 20 else 17, **ends)
        if draw.random() < 0.05:  # an error about a packet of a flow that another worker may have
            packet = ipv4(icmp(3, 1, packet), 1, src=ends["dst"], dst=ends["src"])
        frame = ether(packet)
        records.append((at_ms // 1000, at_ms % 1000 * 1000, frame if draw.random() < 0.97 else ether(b"", 0x0806)))
    return pcap(records)


def metered(sources, workers, settings=None, **options):
    """(all flows sorted, those of each worker, ledger, fingerprints)."""
    ledger = Ledger()
    found = arrange([str(source) for source in sources], ledger, **options)
    seen = [Fingerprint(str(source)) for source in found]
    jobs = deal(found, seen, workers)
    kept = [[] for _ in jobs]
    work(jobs, [batches.append for batches in kept], ledger, settings=settings or MeterSettings())
    shards = [pa.Table.from_batches(batches) if batches else None for batches in kept]
    return in_order(shard for shard in shards if shard is not None), shards, ledger, seen


def in_order(tables):
    """One table in a fixed order, without `app_by_behaviour`: that looks at all flows of a host."""
    order = [
        (name, "ascending") for name in ("start", "end", "src_ip", "src_port", "dst_ip", "dst_port", "first_packet")
    ]
    return pa.concat_tables(tables).drop_columns(["app_by_behaviour"]).sort_by(order).combine_chunks()


@pytest.fixture(scope="module")
def captures(tmp_path_factory):
    """Three captures of unequal size."""
    folder = tmp_path_factory.mktemp("captures")
    for name, seed, packets in (("a", 1, 4000), ("b", 2, 1000), ("c", 3, 2500)):
        (folder / f"{name}.pcap").write_bytes(traffic(seed, packets))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("workers", [2, 3, 5])
def test_one_capture_shared_by_key_gives_the_table_of_one_worker(captures, workers):
    one, _, alone, (seen,) = metered(captures[:1], 1)
    many, shards, ledger, (told,) = metered(captures[:1], workers)
    assert many.equals(one)
    assert ledger.as_dict() == alone.as_dict()
    assert told.as_dict() == seen.as_dict()
    assert all(shard.num_rows > one.num_rows / workers / 2 for shard in shards)


def test_a_flow_is_in_one_shard(captures):
    _, shards, *_ = metered(captures[:1], 3)
    keys = [set(shard["community_id"].to_pylist()) for shard in shards]
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert not keys[1] & keys[2]


@pytest.mark.parametrize("workers", [2, 3, 9])
def test_several_captures_shared_whole_give_the_table_of_one_worker(captures, workers):
    one, _, alone, seen = metered(captures, 1)
    many, shards, ledger, told = metered(captures, workers)
    assert many.equals(one)
    assert (ledger.total, ledger.metered, ledger.reasons) == (alone.total, alone.metered, alone.reasons)
    assert [f.as_dict() for f in told] == [f.as_dict() for f in seen]
    assert len(shards) == min(workers, 3)


@pytest.mark.parametrize("workers", [2, 4])
def test_merged_captures_are_shared_by_key(captures, workers):
    one, *_ = metered(captures, 1, merge=True)
    many, _, ledger, (seen,) = metered(captures, workers, merge=True)
    assert many.equals(one)
    assert ledger.total == 7500
    assert seen.total_bytes == sum(path.stat().st_size for path in captures)


@given(seed=integers(0, 2**32), workers=integers(2, 6))
def test_any_traffic_is_shared_exactly(tmp_path_factory, seed, workers):
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes(traffic(seed, 200))
    one, _, alone, _ = metered([path], 1)
    many, _, ledger, _ = metered([path], workers)
    assert many.equals(one)
    assert ledger.as_dict() == alone.as_dict()


def test_the_largest_capture_goes_to_a_worker_of_its_own(captures):
    names = [str(path) for path in captures]
    jobs = deal(names, [Fingerprint(name) for name in names], 2)
    assert [[source[-6:] for source, _ in job.sources] for job in jobs] == [["a.pcap"], ["b.pcap", "c.pcap"]]


def test_the_workers_share_the_open_flows_out(captures):
    _, _, ledger, _ = metered(captures[:1], 2, MeterSettings(max_flows=32))
    assert ledger.evicted_flows > 0
    assert ledger.total == 4000


def test_a_flow_table_is_read_once(captures, tmp_path):
    with TableWriter(str(tmp_path / "x.parquet")) as writer:
        for batch in read_flows(str(captures[0]), Ledger()):
            writer.write(batch)
    one, _, alone, _ = metered([tmp_path / "x.parquet"], 1)
    many, _, ledger, _ = metered([tmp_path / "x.parquet"], 2)
    assert many.equals(one)
    assert ledger.as_dict() == alone.as_dict()


def test_an_error_in_one_worker_ends_all(captures, tmp_path):
    (tmp_path / "x.pcap").write_text("a letter")
    before = threading.active_count()
    with pytest.raises(UnknownFormat):
        metered([captures[0], tmp_path / "x.pcap"], 2)
    assert threading.active_count() == before


def test_standard_input_is_not_shared():
    with pytest.raises(UsageError, match="- can be read only once"):
        deal(["-"], [Fingerprint("-")], 2)
    assert len(deal(["-"], [Fingerprint("-")], 1)) == 1


def test_one_worker_keeps_the_name_of_the_table():
    assert table_of("a/b.csv", 0, 1) == "a/b.csv"
    assert [table_of("a/b.c.csv", number, 2) for number in (0, 1)] == ["a/b.c.0.csv", "a/b.c.1.csv"]
