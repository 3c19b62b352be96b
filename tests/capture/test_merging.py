"""Several captures read as one: in the order of time, exactly, with few files open."""

import gzip
import heapq
import shutil
import subprocess
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.capture.build import enhanced, ether, interface, ipv4, pcap, section, udp
from tests.flows.twin import rows_of

from oddflow.capture import merging
from oddflow.capture._walk_kernels import LATEST_NS
from oddflow.capture.capture_set import CaptureSet
from oddflow.capture.merging import Rooms, merged_packets
from oddflow.capture.packets import NUMBER_BITS
from oddflow.capture.reader import packets
from oddflow.errors import UsageError
from oddflow.flows.meter import Meter
from oddflow.flows.metering import meter_captures, meter_packets
from oddflow.losses import Ledger

OWN = ("first_packet", "capture")
"""Columns that say where a packet stands: not the same in parts as in the whole."""


def frame(number, port=0):
    return ether(ipv4(udp(number.to_bytes(4, "big"), 1000 + port, 53)))


def record(at_ms, number, port=0):
    return (at_ms // 1000, at_ms % 1000 * 1000, frame(number, port))


def write(folder, parts):
    """One capture for each list of records; their paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for place, records in enumerate(parts):
        paths.append(folder / f"{place:04}.pcap")
        paths[-1].write_bytes(pcap(records))
    return [str(path) for path in paths]


def seen(captures):
    """(time in ms, bytes, file, number in it) of each packet, and the batches' sizes."""
    found, sizes = [], []
    for batch in merged_packets(captures, Ledger()):
        sizes.append((batch.count, bool(len(batch.numbers))))
        for row in range(batch.count):
            packet = batch.packets[row]
            number = int(batch.numbers[row]) if len(batch.numbers) else batch.first_number + row
            data = batch.data[packet["start"] : packet["start"] + packet["captured"]].tobytes()
            found.append(
                (int(packet["time_ns"]) // 10**6, data, number >> NUMBER_BITS, number & ((1 << NUMBER_BITS) - 1))
            )
    return found, sizes


def merged_by_hand(parts):
    """What a person would write: each file by the latest time so far, the earlier file first where times are equal."""

    def keyed(file, records):
        latest = 0
        for number, (seconds, micros, data) in enumerate(records, 1):
            at = seconds * 1000 + micros // 1000
            latest = max(latest, at)
            yield (latest, file, number), (at, data, file, number)

    order = sorted((place for place in range(len(parts)) if parts[place]), key=lambda place: parts[place][0][:2])
    streams = [keyed(file, parts[place]) for file, place in enumerate(order)]
    return [packet for _, packet in heapq.merge(*streams, key=lambda item: item[0])]


@contextmanager
def small_rooms():
    """Few packets at a time, so that files run dry within a test."""
    with (
        patch.object(merging, "ROOMS", ((2, 64, 3), (5, 200, 2))),
        patch.object(merging, "BATCH_PACKETS", 5),
        patch.object(merging, "MAX_OPEN", 7),
    ):
        yield


@given(parts=lists(lists(integers(0, 60), max_size=25), min_size=1, max_size=6))
def test_packets_come_in_the_order_that_a_heap_of_files_gives(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("merge")
    records = [[record(at, 100 * file + n) for n, at in enumerate(times)] for file, times in enumerate(parts)]
    captures = CaptureSet.of(write(folder, records), Ledger())
    with small_rooms():
        assert seen(captures)[0] == merged_by_hand(records)
    shutil.rmtree(folder)


def rows(batches):
    return [{name: value for name, value in row.items() if name not in OWN} for row in rows_of(batches)]


def whole_and_parts(tmp_path, records, parts):
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(pcap(records))
    one, many = Ledger(), Ledger()
    captures = CaptureSet.of(write(tmp_path / "parts", parts), many)
    return rows(meter_packets(packets(str(whole), one), Meter(), one)), rows(meter_captures(captures, many)), one, many


@given(
    choices=lists(integers(0, 4), min_size=1, max_size=150),
    ports=lists(integers(0, 3), min_size=150, max_size=150),
    steps=lists(integers(1, 9000), min_size=150, max_size=150),
)
def test_taps_metered_together_give_the_flows_of_the_whole(tmp_path_factory, choices, ports, steps):
    at, records = 0, []
    for number, _ in enumerate(choices):
        at += steps[number]
        records.append(record(at, number, ports[number]))
    parts = [[r for r, tap in zip(records, choices, strict=True) if tap == wanted] for wanted in range(5)]
    folder = tmp_path_factory.mktemp("taps")
    with small_rooms():
        whole, together, one, many = whole_and_parts(folder, records, parts)
    assert together == whole
    assert many.as_dict() == one.as_dict()
    shutil.rmtree(folder)


def test_a_flow_crosses_the_borders_of_rotated_files(tmp_path):
    records = [record(500 * number, number, number % 2) for number in range(40)]
    whole, together, *_ = whole_and_parts(tmp_path, records, [records[at : at + 7] for at in range(0, 40, 7)])
    assert together == whole
    assert [row["forward_packets"] for row in together] == [20, 20]


def test_a_flow_names_the_file_of_its_first_packet_and_its_number_there(tmp_path):
    parts = [[record(1000 * n, n, n) for n in range(5)], [record(1000 * n, n, n) for n in range(5, 9)]]
    paths = write(tmp_path / "parts", parts)
    found = rows_of(meter_captures(CaptureSet.of(paths, Ledger()), Ledger()))
    assert sorted((row["src_port"] - 1000, row["capture"], row["first_packet"]) for row in found) == [
        *((n, paths[0], n + 1) for n in range(5)),
        *((n, paths[1], n - 4) for n in range(5, 9)),
    ]


@pytest.mark.parametrize("tool", ["-c", "-i"])
def test_what_editcap_splits_is_one_again(tool, tmp_path, shared):
    if shutil.which("editcap") is None:
        pytest.skip("editcap is not installed")
    whole = shared / "captures" / "zeek-btest" / "http" / "206_example_b.pcap"
    (tmp_path / "parts").mkdir()
    words = ["editcap", tool, "7" if tool == "-c" else "1", str(whole), str(tmp_path / "parts" / "x.pcapng")]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    one, many = Ledger(), Ledger()
    captures = CaptureSet.of_folder(str(tmp_path / "parts"), many)
    assert len(captures.members) > 1
    assert rows(meter_captures(captures, many)) == rows(meter_packets(packets(str(whole), one), Meter(), one))
    assert many.as_dict() == one.as_dict()


def test_rotated_files_are_handed_on_without_a_copy(tmp_path):
    parts = [[record(1000 * file + n, n) for n in range(900)] for file in range(3)]
    assert seen(CaptureSet.of(write(tmp_path / "parts", parts), Ledger()))[1] == [(900, False)] * 3


class CountingRooms(Rooms):
    most = 0

    def take(self):
        number = super().take()
        CountingRooms.most = max(CountingRooms.most, len(self.rooms) - len(self._free))
        return number


def test_of_hundreds_of_rotated_files_one_is_open_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "Rooms", CountingRooms)
    paths = write(tmp_path / "parts", [[record(10 * file + n, n) for n in range(5)] for file in range(400)])
    found, _ = seen(CaptureSet.of(paths, Ledger()))
    assert len(found) == 2000
    assert CountingRooms.most == 1


def test_files_that_overlap_beyond_the_limit_are_refused(tmp_path):
    captures = CaptureSet.of(write(tmp_path / "parts", [[record(n, 0), record(100, 1)] for n in range(9)]), Ledger())
    with small_rooms(), pytest.raises(UsageError, match="more than 7 captures overlap in time"):
        seen(captures)


def test_all_rooms_together_are_within_what_an_offset_can_hold():
    rooms = Rooms(10_000)
    assert len(rooms.rooms) == merging.MAX_OPEN
    assert rooms.data.nbytes < 2**31
    used = sum(room.block_bytes for room in rooms.rooms) + rooms.records.nbytes
    assert used < 75_000_000


def test_formats_and_packings_are_mixed(tmp_path):
    pcapng = section() + interface() + b"".join(enhanced(frame(n), 1000 * n) for n in range(0, 30, 3))
    tick = pcap([record(n, n) for n in range(1, 30, 3)])
    tock = pcap([record(n, n) for n in range(2, 30, 3)])
    (tmp_path / "a").write_bytes(pcapng)
    (tmp_path / "b").write_bytes(gzip.compress(tick))
    (tmp_path / "c").write_bytes(pa.Codec("zstd").compress(tock, asbytes=True))
    found, _ = seen(CaptureSet.of_folder(str(tmp_path), Ledger()))
    assert [data for _, data, _, _ in found] == [frame(n) for n in range(30)]


def test_a_damaged_file_ends_and_the_others_go_on(tmp_path):
    paths = write(
        tmp_path / "parts", [[record(n, n) for n in range(0, 20, 2)], [record(n, n) for n in range(1, 20, 2)]]
    )
    whole = (tmp_path / "parts" / "0000.pcap").read_bytes()
    (tmp_path / "parts" / "0000.pcap").write_bytes(whole[:-5])
    ledger = Ledger()
    counts = [batch.count for batch in merged_packets(CaptureSet.of(paths, ledger), ledger)]
    assert sum(counts) == 19
    assert ledger.damages == [f"{paths[0]}: ends in the middle of packet 10"]


def test_a_capture_that_is_cut_before_its_first_packet_is_a_damage(tmp_path):
    paths = write(tmp_path / "parts", [[record(1, 1)], []])
    (tmp_path / "parts" / "0001.pcap").write_bytes(pcap([])[:20])
    ledger = Ledger()
    assert sum(batch.count for batch in merged_packets(CaptureSet.of(paths, ledger), ledger)) == 1
    assert ledger.damages == [f"{paths[1]}: ends inside the file header, after 20 of 24 bytes"]


def test_a_file_that_goes_away_before_its_time_is_a_damage(tmp_path):
    paths = write(tmp_path / "parts", [[record(1, 1)], [record(2, 2)]])
    ledger = Ledger()
    captures = CaptureSet.of(paths, ledger)
    (tmp_path / "parts" / "0001.pcap").unlink()
    assert sum(batch.count for batch in merged_packets(captures, ledger)) == 1
    assert "0001.pcap does not exist" in ledger.damages[0]


def test_the_latest_time_of_all_is_merged_too(tmp_path):
    data = section() + interface(resolution=9) + enhanced(frame(1), LATEST_NS) + enhanced(frame(2), 2**63)
    for name in "ab":
        (tmp_path / name).write_bytes(data)
    found, _ = seen(CaptureSet.of_folder(str(tmp_path), Ledger()))
    assert np.unique([at for at, *_ in found]).tolist() == [LATEST_NS // 10**6]
    assert len(found) == 4
