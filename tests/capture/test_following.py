"""Captures that another process writes while they are read."""

import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.capture.build import ether, interface, ipv4, pcap, read, section, udp
from tests.capture.test_pcapng import mixed

from oddflow.capture.blocks import BlockBuffer
from oddflow.capture.following import Following
from oddflow.capture.packets import NUMBER_BITS, PacketBatch
from oddflow.capture.reader import walked
from oddflow.errors import UnknownFormat, Unreadable, UsageError
from oddflow.losses import Ledger

FRAME = ether(ipv4(udp(b"hello")))
LONG_S = 30.0
"""A test that waits longer has failed."""

WRITER = """
import sys, time
path, pause, *pieces = sys.argv[1:]
with open(path, "ab", buffering=0) as file:
    for piece in pieces:
        file.write(bytes.fromhex(piece))
        time.sleep(float(pause))
"""


def write(path, *pieces, pause=0.05):
    """Appends pieces to a file in a process of its own, with a pause after each."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(pause), *(piece.hex() for piece in pieces)])


def capture(*seconds):
    return pcap([(at, 0, FRAME) for at in seconds])


def cut(data, step):
    return [data[at : at + step] for at in range(0, len(data), step)]


class Follower:
    """Follows a file in a thread, and keeps the time in s and the number of each packet."""

    def __init__(self, source, **options):
        self.ledger, self.stop, self.found, self.ticks = Ledger(), threading.Event(), [], 0
        self.following = Following(str(source), self.ledger, stop=self.stop, **options)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        for batch in self.following.batches():
            self.ticks += not batch.count
            numbers = range(batch.first_number, batch.first_number + batch.count)
            self.found += zip((batch.field("time_ns") // 10**9).tolist(), numbers, strict=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join(LONG_S)
        assert not self._thread.is_alive()

    def until(self, count):
        """Waits for so many packets."""
        end = time.monotonic() + LONG_S
        while len(self.found) < count:
            assert time.monotonic() < end, self.found
            time.sleep(0.01)
        return self.times

    @property
    def times(self):
        return [at for at, _ in self.found]


@pytest.mark.parametrize("step", [5, 40, 1000])
def test_packets_are_read_as_another_process_writes_them(tmp_path, step):
    path, data = tmp_path / "x.pcap", capture(*range(12))
    path.touch()
    with Follower(path) as follower, write(path, *cut(data, step)):
        assert follower.until(12) == list(range(12))
    assert follower.ledger.complete
    assert follower.ledger.metered == 12


def test_a_pcapng_file_is_followed_through_its_sections(tmp_path):
    path = tmp_path / "x.pcapng"
    data, packets, _ = mixed()
    path.touch()
    with Follower(path) as follower, write(path, *cut(data, 97), pause=0.02):
        follower.until(len(packets))
    assert not follower.ledger.damages


def test_what_is_there_before_is_read_first(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1, 2))
    with Follower(path) as follower:
        follower.until(2)
        with write(path, capture(3)[24:]):
            assert follower.until(3) == [1, 2, 3]


def test_a_file_that_is_renamed_and_begun_anew_is_read_to_its_end_first(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1, 2))
    with Follower(path) as follower:
        follower.until(2)
        path.rename(tmp_path / "x.pcap.1")
        with write(tmp_path / "x.pcap.1", capture(3)[24:]):
            pass  # the writer adds to the old file once more, then begins the new one
        with write(path, capture(4, 5)):
            assert follower.until(5) == [1, 2, 3, 4, 5]
    assert follower.ledger.complete


def test_a_file_that_is_removed_is_waited_for(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1))
    with Follower(path) as follower:
        follower.until(1)
        path.unlink()
        time.sleep(0.6)
        with write(path, capture(2)):
            assert follower.until(2) == [1, 2]


def test_a_file_that_is_cut_to_nothing_is_begun_again(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1, 2, 3))
    with Follower(path) as follower:
        follower.until(3)
        os.truncate(path, 0)
        time.sleep(0.6)
        with write(path, capture(4)):
            assert follower.until(4) == [1, 2, 3, 4]
    assert follower.ledger.notes == [f"{path}: was cut to nothing and begun again while it was followed"]


def test_a_packet_that_the_old_file_lacks_the_end_of_is_a_damage(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1, 2)[:-3])
    with Follower(path) as follower:
        follower.until(1)
        path.rename(tmp_path / "old")
        path.write_bytes(capture(3))
        follower.until(2)
    assert follower.ledger.damages == [f"{path}: ends in the middle of packet 2"]


def test_half_a_packet_when_it_is_told_to_stop_is_no_damage(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1, 2)[:-3])
    with Follower(path) as follower:
        follower.until(1)
    assert follower.ledger.complete


def test_after_damage_the_next_file_is_waited_for(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(capture(1) + b"\xff" * 400)
    with Follower(path) as follower:
        follower.until(1)
        with path.open("ab") as file:
            file.write(b"\xff" * 100)
        time.sleep(0.6)
        path.rename(tmp_path / "old")
        path.write_bytes(capture(2))
        assert follower.until(2) == [1, 2]
    assert "claims more than" in follower.ledger.damages[0]


def test_a_ring_of_files_in_a_folder_is_read_in_the_order_of_writing(tmp_path):
    (tmp_path / "note.txt").write_text("no capture")
    (tmp_path / "x_00001").write_bytes(capture(1))
    os.utime(tmp_path / "x_00001", (1, 1))
    (tmp_path / "x_00002").write_bytes(capture(2))
    with Follower(tmp_path) as follower:
        follower.until(2)
        for number in (3, 4, 5):
            with write(tmp_path / f"x_{number:05}", *cut(capture(number), 30), pause=0.02):
                follower.until(number)
    assert follower.times == [1, 2, 3, 4, 5]
    assert [number >> NUMBER_BITS for _, number in follower.found] == [0, 1, 2, 3, 4]
    assert [name[-5:] for name in follower.following.captures] == ["00001", "00002", "00003", "00004", "00005"]


def test_a_ring_that_writes_to_its_first_file_again(tmp_path):
    with Follower(tmp_path) as follower:
        for at, name in enumerate(["x0", "x1", "x2", "x0", "x1"]):
            time.sleep(0.05)
            (tmp_path / name).write_bytes(capture(at))  # cut to nothing, and written anew
            follower.until(at + 1)
    assert follower.times == [0, 1, 2, 3, 4]


def test_a_duration_ends_it(tmp_path):
    (tmp_path / "x.pcap").write_bytes(capture(1))
    begun = time.monotonic()
    with Follower(tmp_path / "x.pcap", duration_s=0.6) as follower:
        while follower._thread.is_alive():
            time.sleep(0.01)
    assert 0.5 < time.monotonic() - begun < LONG_S
    assert follower.times == [1]


def test_an_empty_batch_comes_four_times_a_second(tmp_path):
    (tmp_path / "x.pcap").write_bytes(capture(1))
    with Follower(tmp_path / "x.pcap") as follower:
        time.sleep(1.5)
    assert 2 <= follower.ticks <= 7


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
def test_a_compressed_file_is_refused(tmp_path, magic):
    (tmp_path / "x").write_bytes(magic + bytes(100))
    with pytest.raises(UsageError, match="is compressed; only plain pcap and pcapng"):
        Follower(tmp_path / "x")


def test_what_is_no_growing_capture_is_refused(tmp_path):
    (tmp_path / "x").write_text("a letter, which is no capture at all")
    with pytest.raises(UnknownFormat):
        Follower(tmp_path / "x")
    with pytest.raises(Unreadable, match="does not exist"):
        Follower(tmp_path / "absent")
    with pytest.raises(UsageError, match="read as it comes"):
        Follower("-")
    with pytest.raises(UsageError, match="remote"):
        Follower("https://example.org/x.pcap")


class Hesitant:
    """A stream that gives what it has in pieces, and between them nothing."""

    def __init__(self, data, sizes):
        self.data, self.sizes = data, sizes
        self.hesitated = False

    def readinto(self, view):
        if not self.hesitated and self.data:
            self.hesitated = True
            return None
        self.hesitated = False
        size = min(len(view), len(self.data), *self.sizes[:1])
        self.sizes = self.sizes[1:]
        view[:size], self.data = self.data[:size], self.data[size:]
        return size


@pytest.mark.parametrize("block_bytes", [50, 4000])
@given(sizes=lists(integers(1, 200), max_size=60), end=integers(0, 5000), ng=integers(0, 1))
def test_a_stream_that_hesitates_gives_the_packets_and_damages_of_one_that_does_not(
    tmp_path_factory, block_bytes, sizes, end, ng
):
    data = (mixed()[0] if ng else capture(*range(40)))[: max(24, end)]
    buffer, ledger, found = BlockBuffer(Hesitant(data, sizes), block_bytes), Ledger(), []
    batch = PacketBatch.empty(buffer.data, 7)
    for _ in walked(buffer, batch, data[:24], "x", ledger):
        places = batch.packets[["start", "captured"]][: batch.count].tolist()
        found += [buffer.data[start : start + size].tobytes() for start, size in places]
    path = tmp_path_factory.getbasetemp() / "x"
    path.write_bytes(data)
    expected, told = read(path)
    assert found == [packet.data for packet in expected]
    assert [text.split(": ")[-1] for text in ledger.damages] == [text.split(": ")[-1] for text in told.damages]


def test_a_malformed_block_is_told_even_while_it_hesitates():
    data = section() + interface() + section(version=(9, 9)) + bytes(40)
    buffer, ledger = BlockBuffer(Hesitant(data, [60, 20]), 100), Ledger()
    for _ in walked(buffer, PacketBatch.empty(buffer.data, 7), data[:24], "x", ledger):
        pass
    assert "malformed" in ledger.damages[0]
