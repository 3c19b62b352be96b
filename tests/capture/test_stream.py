"""Opening a source: bare, gzip, zstd, standard input, and what cannot be opened."""

import gzip
import os
import random
import subprocess
import sys
import threading

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists
from tests.capture.build import ether, ipv4, pcap, read, udp

from oddflow.capture.blocks import TAIL_BYTES, BlockBuffer
from oddflow.capture.stream import PIECE_BYTES, ByRead, plain_bytes
from oddflow.errors import Unreadable
from oddflow.losses import Ledger

FRAME = ether(ipv4(udp(b"hello")))
CAPTURE = pcap([(i, 0, FRAME) for i in range(500)])
NOISE = pcap([(i, 0, random.Random(i).randbytes(400)) for i in range(800)])


def zstd(data):
    return pa.Codec("zstd").compress(data, asbytes=True)


def plain(path, step=1 << 16):
    """All bytes of a source and its damages."""
    ledger = Ledger()
    with plain_bytes(str(path), ledger) as (_, stream):
        pieces = []
        while piece := stream.read(step):
            assert len(piece) <= step
            pieces.append(piece)
        assert stream.read(step) == b""
    return b"".join(pieces), ledger.damages


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@given(pieces=lists(binary(min_size=1, max_size=3000), min_size=1, max_size=4), step=integers(1, 5000))
def test_a_stream_gives_the_plain_bytes_whatever_it_is_packed_with(tmp_path_factory, pack, pieces, step):
    path = tmp_path_factory.getbasetemp() / "packed"
    first = b"plain"  # not the magic number of any packing
    path.write_bytes(pack(first + pieces[0]) + b"".join(pack(piece) for piece in pieces[1:]))
    assert plain(path, step) == (first + b"".join(pieces), [])


def test_zero_padding_after_gzip_is_no_damage(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"abc") + bytes(700))
    assert plain(path) == (b"abc", [])


def test_other_bytes_after_gzip_are_damage(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"abc") + b"rubbish")
    data, damages = plain(path)
    assert data == b"abc"
    assert "damaged" in damages[0]


def test_a_cut_gzip_stream_gives_what_was_packed_before_and_is_damage(tmp_path):
    path = tmp_path / "x.gz"
    packed = gzip.compress(NOISE)
    for cut in range(2000, len(packed), len(packed) // 40):
        path.write_bytes(packed[:cut])
        data, damages = plain(path)
        assert NOISE.startswith(data)
        assert len(data) >= cut - 30 - len(packed) // 10
        assert damages == [f"{path}: the gzip stream ends early"]


def test_a_wrong_checksum_of_gzip_is_damage_and_loses_no_byte(tmp_path):
    path = tmp_path / "x.gz"
    packed = bytearray(gzip.compress(NOISE))
    packed[-6] ^= 1
    path.write_bytes(packed)
    data, damages = plain(path)
    assert data == NOISE
    assert "incorrect data check" in damages[0]


def test_a_damaged_gzip_stream_gives_the_packets_before_the_damage(tmp_path):
    path = tmp_path / "x.pcap.gz"
    packed = gzip.compress(NOISE, 0)  # stored blocks of at most 65,535 bytes, so a place can be told
    path.write_bytes(packed[:150_000] + b"\xff" * 70_000 + packed[220_000:])
    packets, ledger = read(path)
    assert len(packets) >= 150_000 // 416 - 1
    assert ledger.damages


def test_a_cut_zstd_stream_gives_what_was_packed_before_and_is_damage(tmp_path):
    path = tmp_path / "x.zst"
    packed = zstd(NOISE)
    for cut in range(140_000, len(packed), len(packed) // 20):
        path.write_bytes(packed[:cut])
        data, damages = plain(path)
        assert NOISE.startswith(data)
        assert len(data) > cut - 131_072 - PIECE_BYTES  # a zstd block holds up to 128 KiB
        assert "cut or damaged" in damages[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_packed_stream_cut_in_its_first_bytes_cannot_be_read(tmp_path, pack):
    path = tmp_path / "x"
    path.write_bytes(pack(CAPTURE)[:12])
    with pytest.raises(Unreadable, match="holds nothing"):
        plain(path)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_captures_hold_the_same_packets(tmp_path, pack):
    path, packed = tmp_path / "x.pcap", tmp_path / "x.packed"
    path.write_bytes(CAPTURE)
    packed.write_bytes(pack(CAPTURE))
    assert read(packed, 777)[0] == read(path)[0]


def test_a_pipe_is_read_to_its_end(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(CAPTURE,))
    writer.start()
    packets, ledger = read(path)
    writer.join()
    assert (len(packets), ledger.complete) == (500, True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_standard_input_is_read_as_a_file_is(pack):
    code = (
        "from oddflow.capture.reader import packets; from oddflow.losses import Ledger; l = Ledger(); "
        "print(sum(b.count for b in packets('-', l)), l.complete)"
    )
    given_back = subprocess.run(
        [sys.executable, "-c", code], input=pack(CAPTURE), capture_output=True, timeout=60, check=True
    )
    assert given_back.stdout.split() == [b"500", b"True"]


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(Unreadable, match="does not exist"):
        read(tmp_path / "absent.pcap")


def test_a_directory_says_so(tmp_path):
    with pytest.raises(Unreadable, match="is a directory"):
        read(tmp_path)


def test_a_path_no_system_takes_says_so():
    with pytest.raises(Unreadable, match="cannot be opened"):
        read("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(CAPTURE)
    path.chmod(0)
    with pytest.raises(Unreadable, match="may not be read"):
        read(path)


class Trickle(ByRead):
    """A stream that gives fewer bytes than it is asked for."""

    def __init__(self, data, step):
        self.data, self.step = data, step

    def read(self, size):
        given, self.data = self.data[: min(size, self.step)], self.data[min(size, self.step) :]
        return given


@given(binary(min_size=1, max_size=2000), integers(1, 50), lists(integers(0, 300), max_size=20))
def test_the_buffer_gives_the_bytes_of_its_stream_in_order(data, step, sizes):
    buffer = BlockBuffer(Trickle(data, step), 64)
    at = 0
    for size in sizes:
        if not buffer.need(size):
            assert at + size > len(data)
            break
        assert buffer.peek(size) == data[at : at + size]
        buffer.start += size
        at += size


@given(integers(0, 3000), integers(0, 3000))
def test_skipping_passes_over_just_so_many_bytes(size, skipped):
    data = random.Random(3).randbytes(size)
    buffer = BlockBuffer(Trickle(data, 100), 64)
    if buffer.skip(skipped):
        assert not buffer.need(1) or buffer.peek(1) == data[skipped : skipped + 1]
    else:
        assert skipped > size


def test_the_memory_of_a_buffer_is_that_of_its_settings():
    buffer = BlockBuffer(Trickle(bytes(5 << 20), 1 << 20), 1000)
    while buffer.fill():
        buffer.start = buffer.end
    assert buffer.data.nbytes == 1000 + TAIL_BYTES
