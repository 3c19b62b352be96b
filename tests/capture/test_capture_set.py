"""Which captures are read as one: recognised by content, in the order of their first packets."""

import os
import threading

import pytest
from tests.capture.build import ether, ipv4, pcap, udp

from oddflow.capture.capture_set import CaptureSet, glance, is_folder, passes_once
from oddflow.capture.merging import merged_packets
from oddflow.errors import UnknownFormat, Unreadable, UsageError
from oddflow.losses import Ledger

FRAME = ether(ipv4(udp(b"x")))


def capture(*seconds):
    return pcap([(at, 0, FRAME) for at in seconds])


def test_a_folder_is_read_in_the_order_of_first_packets_whatever_the_names(tmp_path):
    for name, at in (("trace.pcap", 30), ("trace.pcap.1", 20), ("trace.pcap.2", 10)):
        (tmp_path / name).write_bytes(capture(at, at + 1))
    captures = CaptureSet.of_folder(str(tmp_path), Ledger())
    assert [name.rsplit("/", 1)[1] for name in captures.names] == ["trace.pcap.2", "trace.pcap.1", "trace.pcap"]
    assert str(captures) == str(tmp_path)


def test_what_is_no_capture_is_named_and_passed_over(tmp_path):
    (tmp_path / "b.pcap").write_bytes(capture(1))
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "empty").touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").write_text("not even named")
    ledger = Ledger()
    assert len(CaptureSet.of_folder(str(tmp_path), ledger).members) == 1
    assert ledger.notes == [f"{tmp_path}: no captures, passed over: a.txt, empty, inner"]
    assert ledger.complete


def test_many_others_are_counted(tmp_path):
    (tmp_path / "b.pcap").write_bytes(capture(1))
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("hello")
    ledger = Ledger()
    CaptureSet.of_folder(str(tmp_path), ledger)
    assert ledger.notes[0].endswith("0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 4 more")


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "b.pcap").write_bytes(capture(1))
    assert len(CaptureSet.of_folder(str(tmp_path), Ledger()).members) == 1


def test_a_folder_without_captures_is_refused(tmp_path):
    with pytest.raises(Unreadable, match="holds no capture, no file"):
        CaptureSet.of_folder(str(tmp_path), Ledger())


def test_files_to_be_merged_must_be_captures(tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture(1))
    (tmp_path / "b.csv").write_text("start,src_ip,dst_ip\n")
    with pytest.raises(UnknownFormat, match=r"b\.csv is no capture.*only captures can be merged"):
        CaptureSet.of([str(tmp_path / "a.pcap"), str(tmp_path / "b.csv")], Ledger())


def test_a_file_that_is_given_twice_is_refused(tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture(1))
    with pytest.raises(UsageError, match=r"a\.pcap was given more than once"):
        CaptureSet.of([str(tmp_path / "a.pcap"), str(tmp_path)], Ledger())


def test_the_files_of_a_stretch_of_time(tmp_path):
    for name, times in (("a", (1, 5)), ("b", (6, 9)), ("c", (8, 20)), ("d", ())):
        (tmp_path / name).write_bytes(capture(*times))
    captures = CaptureSet.of_folder(str(tmp_path), Ledger())

    def between(start, end):
        return [name[-1] for name in captures.between(start * 10**9, end * 10**9)]

    assert between(7, 7) == ["a", "b"]  # nothing was read yet: each may last longer than it does
    for _ in merged_packets(captures, Ledger()):
        pass
    assert [between(7, 7), between(8, 9), between(2, 30), between(21, 22)] == [["b"], ["b", "c"], ["a", "b", "c"], []]


def test_a_pipe_is_merged_without_being_looked_at_before(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.pcap").write_bytes(capture(1, 3, 5))
    captures = CaptureSet.of([str(tmp_path / "a.pcap"), str(tmp_path / "pipe")], Ledger())
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(capture(2, 4),))
    writer.start()
    times = [int(at) // 10**9 for batch in merged_packets(captures, Ledger()) for at in batch.field("time_ns")]
    writer.join()
    assert times == [1, 2, 3, 4, 5]


def test_what_passes_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.pcap").write_bytes(capture(1))
    given = ["-", str(tmp_path / "pipe"), str(tmp_path / "a.pcap"), str(tmp_path), "absent", "https://h/x", "a\0b"]
    assert [passes_once(source) for source in given] == [True, True, False, False, False, False, False]
    assert [is_folder(source) for source in given] == [False, False, False, True, False, False, False]


def test_a_glance_reads_the_first_time_and_closes_the_file(tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture(7, 3))
    assert glance(str(tmp_path / "a.pcap")).first_ns == 7 * 10**9
    (tmp_path / "a.pcap").write_bytes(capture())
    assert glance(str(tmp_path / "a.pcap")).first_ns is None
