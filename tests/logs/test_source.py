"""Any source: recognised by its content, fingerprinted, refused with a reason."""

import gzip
import hashlib
import os
import subprocess
import sys

import pyarrow as pa
import pytest
from tests.capture.build import ipv4, pcap, udp

from oddflow.errors import InputError, UnknownFormat, Unreadable
from oddflow.logs.source import Fingerprint, read_flows
from oddflow.logs.table import TableWriter
from oddflow.losses import Ledger

CAPTURE = pcap([(i, 0, ipv4(udp(b"x", 1000 + i))) for i in range(20)], link_type=101)


def count(path, seen=None):
    return sum(batch.num_rows for batch in read_flows(str(path), Ledger(), seen=seen))


@pytest.fixture
def table(tmp_path):
    """A way to write the flows of CAPTURE as a table of some ending."""
    source = tmp_path / "source.pcap"
    source.write_bytes(CAPTURE)

    def write(ending):
        path = tmp_path / f"x{ending}"
        with TableWriter(str(path)) as writer:
            for batch in read_flows(str(source), Ledger()):
                writer.write(batch)
        return path

    return write


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda b: pa.Codec("zstd").compress(b, asbytes=True)])
def test_the_fingerprint_of_a_capture_is_that_of_its_plain_bytes(tmp_path, pack):
    path, seen = tmp_path / "x", Fingerprint("x")
    path.write_bytes(pack(CAPTURE))
    count(path, seen)
    assert seen.as_dict() == {
        "name": "x", "bytes": len(CAPTURE), "flows": 20, "sha256": hashlib.sha256(CAPTURE).hexdigest(),
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".csv"])
def test_the_fingerprint_of_a_table_is_that_of_its_file(table, ending):
    path, seen = table(ending), Fingerprint("x")
    count(path, seen)
    assert seen.as_dict()["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (seen.bytes, seen.flows) == (path.stat().st_size, 20)


def test_progress_is_told_of_every_byte(tmp_path):
    path, told = tmp_path / "x.pcap", []
    path.write_bytes(CAPTURE)
    list(read_flows(str(path), Ledger(), progress=told.append))
    assert sum(told) == len(CAPTURE)


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".csv"])
def test_a_table_is_recognised_whatever_its_name(table, ending):
    path = table(ending)
    assert count(path.rename(path.with_name("capture.pcap"))) == 20


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (".csv", "20"),
        (".arrow", "20"),
        (".parquet", "- is a Parquet table, which has to be a file on disk, not compressed: save it"),
    ],
)
def test_a_table_comes_from_standard_input_unless_it_is_parquet(table, ending, said):
    code = (
        "from oddflow.errors import InputError; from oddflow.logs.source import read_flows\n"
        "from oddflow.losses import Ledger\n"
        "try: print(sum(batch.num_rows for batch in read_flows('-', Ledger())))\n"
        "except InputError as error: print(error)"
    )
    with table(ending).open("rb") as stdin:
        told = subprocess.run([sys.executable, "-c", code], stdin=stdin, capture_output=True, timeout=60, check=True)
    assert told.stdout.decode().strip() == said


@pytest.mark.parametrize("pack", [gzip.compress, lambda b: pa.Codec("zstd").compress(b, asbytes=True)])
@pytest.mark.parametrize("ending", [".csv", ".arrow"])
def test_a_packed_table_is_read_and_hashed_as_its_plain_bytes(table, tmp_path, ending, pack):
    plain, seen = table(ending).read_bytes(), Fingerprint("x")
    path = tmp_path / "packed"
    path.write_bytes(pack(plain))
    assert count(path, seen) == 20
    assert seen.as_dict()["sha256"] == hashlib.sha256(plain).hexdigest()


def test_an_arrow_stream_is_a_table_too(table, tmp_path):
    with pa.ipc.open_file(table(".arrow")) as file:
        whole = file.read_all()
    path = tmp_path / "x"
    with pa.ipc.new_stream(path, whole.schema) as stream:
        stream.write_table(whole)
    assert count(path) == 20


@pytest.mark.parametrize("cut", [9, 100, 5_000, -20, -1])
def test_a_packed_arrow_table_that_was_cut_is_refused(table, tmp_path, cut):
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress(table(".arrow").read_bytes()[:cut]))
    with pytest.raises(InputError, match="cannot be read as a flow table"):
        count(path)


def test_a_text_file_named_pcap_says_what_it_starts_with(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_text("Dear reader,\n")
    with pytest.raises(UnknownFormat, match="starts with b'Dear reader,'"):
        count(path)


def test_a_csv_of_something_else_is_no_format(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("name,age\nAnn,3\n")
    with pytest.raises(UnknownFormat):
        count(path)


def test_an_empty_file_says_so(tmp_path):
    (tmp_path / "x.pcap").touch()
    with pytest.raises(Unreadable, match="empty"):
        count(tmp_path / "x.pcap")


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(Unreadable, match="is a directory"):
        count(tmp_path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(Unreadable, match="does not exist"):
        count(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(CAPTURE)
    path.chmod(0)
    with pytest.raises(Unreadable, match="may not be read"):
        count(path)


def test_a_compressed_table_that_arrow_cannot_open_is_refused(table, tmp_path):
    path = tmp_path / "x.packed"
    path.write_bytes(gzip.compress(table(".parquet").read_bytes()))
    with pytest.raises(InputError):
        count(path)


def test_reading_half_a_source_closes_it(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(i, 0, ipv4(udp(b"", i))) for i in range(30_000)], link_type=101))
    batches = read_flows(str(path), Ledger())
    next(batches)
    batches.close()  # a ResourceWarning would fail this test


def test_nothing_is_hashed_where_nobody_asks(tmp_path):
    path, seen = tmp_path / "x", Fingerprint("x", hashed=False)
    path.write_bytes(CAPTURE)
    count(path, seen)
    assert seen.as_dict() == {"name": "x", "bytes": len(CAPTURE), "flows": 20}
