"""The same packets give byte-identical flow tables, whatever road their bytes take."""

import gzip
import io
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddflow import api
from oddflow.capture.stream import plain_bytes
from oddflow.flows.metering import meter_capture
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SHARED = [
    "captures/ndpi/avast.pcap", "captures/ndpi/bitcoin.pcap", "captures/zeek-btest/http/206_example_b.pcap",
    "captures/ndpi/bt-http.pcapng", "cic-ddos2019/benign-syn.pcap", "modbus/moving_two_files_modbus_6RTU.pcap",
    "badinput/dpkt/http.pcap", "badinput/gopacket/test008.pcapng", "captures/ndpi/dnscrypt-v2-doh.pcap",
]  # fmt: skip
CAPTURES = [DATA / name for name in SHARED if (DATA / name).is_file()] + sorted(api.examples().glob("*.pcap.zst"))
BLOCK_BYTES = [1 << 10, 4097, 1 << 16, 1 << 20, 16 << 20]
COMMAND = [sys.executable, "-m", "oddflow.cli.main", "flows"]

each_capture = pytest.mark.parametrize("path", CAPTURES, ids=[path.name for path in CAPTURES])


def table_bytes(batches):
    """A table as Arrow IPC bytes, in one batch; batches of any size give the same."""
    sink = io.BytesIO()
    table = pa.Table.from_batches(batches, FLOW_SCHEMA).combine_chunks()
    with pa.ipc.new_stream(sink, FLOW_SCHEMA) as writer:
        writer.write_table(table)
    return sink.getvalue()


@cache
def from_file(path):
    batches = list(read_flows(str(path), Ledger()))
    assert batches
    return table_bytes(batches)


def plain(path):
    """A capture's bytes without packing."""
    with plain_bytes(str(path), Ledger()) as (_, stream):
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


@pytest.mark.parametrize("block_bytes", BLOCK_BYTES)
@each_capture
def test_blocks_of_any_size_give_the_same_flows(path, block_bytes):
    if block_bytes == 1 << 10 and path.suffix == ".zst":
        pytest.skip("37 MB in blocks of 1 KiB take long")
    ledger = Ledger()
    with plain_bytes(str(path), ledger) as (first, stream):
        batches = list(meter_capture(stream, first, str(path), ledger, block_bytes=block_bytes))
    assert table_bytes(batches) == from_file(path)


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, lambda data: pa.Codec("zstd").compress(data, asbytes=True), bytes],
    ids=["gzip", "zstd", "bare"],
)
@each_capture
def test_packing_changes_no_flow(path, pack, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(pack(plain(path)))
    assert table_bytes(read_flows(str(packed), Ledger())) == from_file(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", CAPTURES[-3:], ids=[path.name for path in CAPTURES[-3:]])
def test_standard_input_gives_the_same_table(path, tmp_path):
    for name, source in (("file", str(path)), ("input", "-")):
        with path.open("rb") as file:
            asked = [*COMMAND, source, "-o", str(tmp_path / f"{name}.parquet")]
            subprocess.run(asked, stdin=file, capture_output=True, timeout=120, check=True)
    assert (tmp_path / "input.parquet").read_bytes() == (tmp_path / "file.parquet").read_bytes()


def sorted_flows(paths):
    """The rows of tables of flows, in an order that does not depend on the files'."""
    rows = pa.concat_tables([pq.read_table(path) for path in paths]).to_pydict()
    return sorted(zip(*(map(str, rows[name]) for name in sorted(rows)), strict=True))


@pytest.mark.slow
def test_one_or_two_workers_give_the_same_flows(tmp_path):
    found = []
    for workers in ("1", "2"):
        names = [str(path) for path in CAPTURES[-2:]]
        asked = [*COMMAND, *names, "--workers", workers, "-o", str(tmp_path / f"by-{workers}.parquet")]
        subprocess.run(asked, capture_output=True, timeout=300, check=True)
        tables = sorted(tmp_path.glob(f"by-{workers}*.parquet"))
        assert len(tables) == int(workers)
        found.append(sorted_flows(tables))
    assert found[0] == found[1]
