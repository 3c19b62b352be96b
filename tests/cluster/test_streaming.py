"""What a cluster gives is what one machine gives: every column, in the same order, with the same losses."""

import os
import signal

import pyarrow as pa
import pytest

from oddflow.cluster import tasks
from oddflow.cluster.starting import Cluster
from oddflow.cluster.streaming import Reader
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import Fingerprint, arrange, read_flows
from oddflow.losses import Ledger
from tests.capture.build import ether, ipv4, pcap, udp
from tests.cluster.captures import START_S, conversations, write_files

pytest.importorskip("ray", reason="ray is an extra")


def both(place, *, shards=2, unit_bytes=60_000, wave_bytes=200_000, merge=False, settings=None, fewest=200):
    """Reads a source on the cluster and on this machine; both have to give the same."""
    ledgers = Ledger(), Ledger()
    (source,) = arrange([str(place)], ledgers[0], merge=merge)
    (again,) = arrange([str(place)], ledgers[1], merge=merge)
    reader = Reader(Cluster(shards, is_local=True), unit_bytes=unit_bytes, wave_bytes=wave_bytes)
    seen = Fingerprint("x", hashed=False)
    found = pa.Table.from_batches(reader.read(source, ledgers[0], settings=settings, seen=seen))
    expected = pa.Table.from_batches(read_flows(again, ledgers[1], settings=settings))
    assert expected.num_rows >= fewest
    assert seen.flows == expected.num_rows
    assert found.combine_chunks().equals(expected.combine_chunks()), differing(found, expected)
    assert ledgers[0].as_dict() == ledgers[1].as_dict()
    return expected


def differing(found, expected):
    if found.num_rows != expected.num_rows:
        return f"{found.num_rows} and {expected.num_rows} flows"
    return [name for name in expected.schema.names if not found[name].equals(expected[name])]


@pytest.mark.parametrize(("shards", "unit_bytes", "wave_bytes"), [(1, 1, 1), (2, 50_000, 150_000), (3, 70_000, 10**9)])
def test_pieces_of_one_file(ray_here, tmp_path, shards, unit_bytes, wave_bytes):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(conversations()))
    both(path, shards=shards, unit_bytes=unit_bytes, wave_bytes=wave_bytes)


def test_a_folder_of_files_in_all_forms(ray_here, tmp_path):
    both(write_files(tmp_path / "in", conversations(1, 2000), 9, forms=("pcap", "gz", "pcapng")))


def test_files_whose_times_overlap(ray_here, tmp_path):
    records = conversations(2)
    write_files(tmp_path / "in", records[::2], 5)
    for path in (tmp_path / "in").iterdir():
        path.rename(path.with_name(f"even-{path.name}"))
    write_files(tmp_path / "in", records[1::2], 4)
    both(tmp_path / "in", unit_bytes=20_000)


def test_a_packet_that_holds_a_capture_misleads_nobody(ray_here, tmp_path):
    inner = pcap([(START_S + at, 0, b"x" * 20) for at in range(40)])[24:]
    frames = [ether(ipv4(udp(inner, 1000 + number % 7, 69), 17)) for number in range(300)]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(START_S + number, 0, frame) for number, frame in enumerate(frames)]))
    both(path, unit_bytes=20_000, fewest=7)


@pytest.mark.parametrize("harm", ["cut", "broken"])
def test_what_is_damaged_is_told_as_on_one_machine(ray_here, tmp_path, harm):
    whole = pcap(conversations(3, 1500))
    path = tmp_path / "a.pcap"
    middle = len(whole) // 2
    path.write_bytes(whole[:-5] if harm == "cut" else whole[:middle] + b"\xff" * 900 + whole[middle:])
    both(path, fewest=100)


def test_a_clock_that_is_set_back_is_metered_by_one(ray_here, tmp_path):
    records = conversations(4, 1500)
    back = [(seconds - 7200, us, frame) for seconds, us, frame in records]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(records + back))
    both(path)


def test_settings_and_fragments_go_along(ray_here, tmp_path):
    records = []
    for number in range(400):
        at, ends = START_S + number * 2, {"src": f"10.0.0.{number % 50}"}
        first, later = udp(b"x" * 24, 1000 + number % 50, 53), b"y" * 16
        records.append((at, 0, ether(ipv4(first, 17, fragment=0x2000, **ends))))
        records.append((at + 1, 0, ether(ipv4(later, 17, fragment=4, **ends))))
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(records))
    both(path, unit_bytes=4_000, settings=MeterSettings(datagram_timeout_s=5, active_timeout_s=60), fewest=50)


def test_one_bad_file_among_many(ray_here, tmp_path):
    folder = write_files(tmp_path / "in", conversations(5), 8)
    bad = folder / "0003.pcap"
    bad.write_bytes(bad.read_bytes()[:-20])
    (folder / "0009.pcap").write_bytes(b"nonsense")
    both(folder)


def kill_once(marker):
    """Ends this process as a machine that fails does, the first time."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_changes_nothing(ray_here, tmp_path, monkeypatch):
    path, marker = tmp_path / "a.pcap", str(tmp_path / "killed")
    path.write_bytes(pcap(conversations(6, 1500)))
    original = tasks.meter

    def meter(*given):
        kill_once(marker)
        return original(*given)

    monkeypatch.setattr(tasks, "meter", meter)
    both(path)
    assert (tmp_path / "killed").exists()
