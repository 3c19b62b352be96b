"""nfcapd's files by way of nfdump: the real one where it is installed, and one that hangs, dies or lies."""

import gzip
import os
import shutil
import subprocess
import time

import pyarrow as pa
import pytest

from oddflow.errors import InputError
from oddflow.logs import nfcapd, subprocesses
from oddflow.logs.nfcapd import FIELDS, is_nfcapd
from oddflow.logs.source import Fingerprint, read_flows
from oddflow.logs.subprocesses import output_of
from oddflow.losses import Ledger
from oddflow.schema import DirectionBy

FILE = bytes.fromhex("0ca50100") + bytes(300)
LINE = {
    "first": "2018-01-12 15:37:30.942", "last": "2018-01-12 15:37:31.500", "protocol": "6    ", "src": " 10.0.0.1",
    "dst": "   10.0.0.2", "src_port": " 52324", "dst_port": "  80", "icmp_type": "0", "icmp_code": "0",
    "flags": "......S.", "packets": "   3", "bytes": "   180", "back_packets": " 0", "back_bytes": " 0", "vlan": "   0",
    "router": "    192.0.2.1",
}  # fmt: skip
BACK = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": "80", "dst_port": "52324", "flags": "...AP.SF",
        "packets": "2", "bytes": "90"}  # fmt: skip


def printed(*records):
    return "".join(",".join((LINE | record)[name] for name in FIELDS) + "\n" for record in records)


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """A way to put a shell script in nfdump's place, and a file of nfcapd."""
    folder = tmp_path / "bin"
    folder.mkdir()
    source = tmp_path / "nfcapd.1"
    source.write_bytes(FILE)

    def install(script, text=""):
        (folder / "out").write_text(text)
        program = folder / "nfdump"
        program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\nout={folder}/out\necho $$ > {folder}/pid\n{script}\n")
        program.chmod(0o755)
        return str(source)

    monkeypatch.setenv("PATH", str(folder))
    return install


def read(source):
    ledger = Ledger()
    batches = list(read_flows(source, ledger))
    return (pa.Table.from_batches(batches).to_pylist() if batches else []), ledger


def test_records_of_two_ways_are_one_flow(stub):
    rows, ledger = read(stub("cat $out", printed({}, BACK)))
    row = {name: value for name, value in rows[0].items() if value is not None}
    times = [row.pop(name).isoformat() for name in ("start", "end")]
    assert times == ["2018-01-12T15:37:30.942000+00:00", "2018-01-12T15:37:31.500000+00:00"]
    assert row.pop("community_id").startswith("1:")
    assert (len(rows), ledger.lost_total) == (1, 0)
    assert row == {
        "src_ip": "10.0.0.1", "src_port": 52324, "dst_ip": "10.0.0.2", "dst_port": 80, "protocol": 6, "ip_version": 4,
        "direction_by": DirectionBy.SYN, "exporter": "192.0.2.1", "forward_packets": 3, "forward_bytes": 180,
        "reverse_packets": 2, "reverse_bytes": 90, "app_by_port": "http",
    }  # fmt: skip


def test_records_of_two_ways_already_icmp_and_vlans(stub):
    ping = {"protocol": "1", "icmp_type": "8", "src_port": "0", "dst_port": "8.0", "vlan": "7", "router": "0.0.0.0"}  # noqa: S104
    rows, _ = read(stub("cat $out", printed({"back_packets": "9", "back_bytes": "99"}, ping)))
    names = ("reverse_packets", "reverse_bytes", "dst_port", "icmp_type", "vlan_id")
    assert [[row[name] for name in names] for row in rows] == [[9, 99, 80, None, None], [0, 0, 0, 8, 7]]
    assert rows[1]["exporter"] is None


@pytest.mark.parametrize("wrong", [
    {"first": "1970"}, {"protocol": "?"}, {"src": "x"}, {"src_port": "-1"}, {"last": "2018-01-12 15:37:30.941"},
    {"vlan": "0,0"},
])  # fmt: skip
def test_a_line_that_cannot_be_read_is_lost(stub, wrong):
    rows, ledger = read(stub("cat $out", printed({"src_port": "1"}, wrong, {"src_port": "2"})))
    assert (len(rows), ledger.lost_total) == (2, 1)
    assert next(iter(ledger.first_at.values())).endswith("as nfdump prints it, line 2")


def test_without_nfdump_the_package_is_named(stub, monkeypatch):
    source = stub("true")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="install the package nfdump"):
        read(source)


@pytest.mark.parametrize(("script", "said"), [
    ("echo 'bad version: 5' >&2; exit 1", "bad version: 5"),
    ("echo 'Short read' >&2", "Short read"),
    ("exit 3", "exit code 3"),
    ("kill -SEGV $$", "SIGSEGV"),
    ("printf '\\033[2Jx' >&2; exit 1", r"nfdump: \?\[2Jx"),
])  # fmt: skip
def test_what_nfdump_complains_of_is_passed_on(stub, script, said):
    with pytest.raises(InputError, match=f"nfcapd.1 cannot be read by nfdump: .*{said}|{said}"):
        read(stub(script))


def test_what_came_before_it_died_is_kept_and_the_rest_is_a_damage(stub):
    rows, ledger = read(stub("cat $out; echo 'Corrupt data file' >&2; kill -KILL $$", printed({})))
    assert len(rows) == 1
    assert ledger.damages[0].endswith("nfdump says: Corrupt data file (it was ended by SIGKILL)")


def test_no_record_at_all_is_none(stub):
    rows, ledger = read(stub("echo 'No matching flows'"))
    assert (rows, ledger.total) == ([], 0)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_that_hangs_is_ended(tmp_path):
    begun = time.monotonic()
    script = f"echo $$ > {tmp_path}/pid; echo x; exec sleep 60"
    with output_of(["/bin/sh", "-c", script], "x.nfcapd", silence_s=0.2) as output:
        assert output.read(100) == b"x\n"
        with pytest.raises(InputError, match=r"x\.nfcapd: /bin/sh wrote nothing for 0\.2 s, and was ended"):
            output.read(100)
    assert time.monotonic() - begun < 10
    assert gone(int((tmp_path / "pid").read_text()))


def test_none_is_left_behind_when_the_reader_stops(stub, tmp_path, monkeypatch):
    source = stub("while true; do cat $out; done", printed(*[{"src_port": str(port)} for port in range(2000)]))
    batches = read_flows(source, Ledger())
    next(batches)
    batches.close()
    assert gone(int((tmp_path / "bin" / "pid").read_text()))


def test_many_complaints_are_kept_short_and_block_nothing(stub):
    script = "i=0; while [ $i -lt 20000 ]; do echo 'Skip unknown record' >&2; i=$((i+1)); done; cat $out"
    rows, ledger = read(stub(script, printed({})))
    assert len(rows) == 1
    assert len(ledger.damages[0]) < 2 * subprocesses.COMPLAINT_BYTES


def test_what_cannot_be_started_says_so(tmp_path):
    with pytest.raises(InputError, match="cannot be started"), output_of([str(tmp_path / "absent")], "x"):
        pass


def test_a_packed_file_is_put_on_disk_and_gone_afterwards(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(nfcapd.tempfile, "tempdir", str(tmp_path))
    stub(f"cmp $2 {tmp_path}/nfcapd.1 && cat $out", printed({}))
    packed = tmp_path / "nfcapd.gz"
    packed.write_bytes(gzip.compress(FILE))
    before = sorted(os.listdir(tmp_path))  # noqa: PTH208
    assert len(read(str(packed))[0]) == 1
    assert sorted(os.listdir(tmp_path)) == before  # noqa: PTH208
    monkeypatch.setattr(nfcapd, "SPOOL_BYTES", 100)
    with pytest.raises(InputError, match="save it, and name the file"):
        read(str(packed))


def test_all_bytes_are_in_the_fingerprint(stub):
    source, seen = stub("cat $out", printed({})), Fingerprint("x")
    list(read_flows(source, Ledger(), seen=seen))
    assert (seen.bytes, seen.flows) == (len(FILE), 1)


def test_files_of_both_layouts_are_recognised():
    assert is_nfcapd(FILE)
    assert is_nfcapd(bytes.fromhex("0ca50200"))
    assert not is_nfcapd(bytes.fromhex("0ca50300"))
    assert not is_nfcapd(bytes.fromhex("a50c0001"))


nfdump_is_there = pytest.mark.skipif(not shutil.which("nfdump"), reason="nfdump is not installed")


@nfdump_is_there
def test_a_real_file_has_the_totals_that_nfdump_tells(shared):
    path = str(shared / "formats" / "nfcapd.sample")
    command = ["nfdump", "-r", path, "-o", "null"]
    summary = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = dict(part.split(": ") for part in summary.splitlines()[0].removeprefix("Summary: ").split(", "))
    ledger = Ledger()
    table = pa.Table.from_batches(read_flows(path, ledger))
    for unit in ("packets", "bytes"):
        ways = (sum(table.column(f"{way}_{unit}").to_pylist()) for way in ("forward", "reverse"))
        assert sum(ways) == int(told[f"total {unit}"])
    assert ledger.lost_total == 0
    two_way = sum(packets > 0 for packets in table.column("reverse_packets").to_pylist())
    assert table.num_rows + two_way == int(told["total flows"])
    by_syn = table.column("direction_by").to_pylist().count(DirectionBy.SYN)
    assert by_syn > 0.9 * table.num_rows


@nfdump_is_there
@pytest.mark.parametrize("cut", [4, 100, 300, 200_000])
def test_a_cut_real_file_is_refused_or_damaged(shared, tmp_path, cut):
    path = tmp_path / "x"
    path.write_bytes((shared / "formats" / "nfcapd.sample").read_bytes()[:cut])
    with pytest.raises(InputError, match=r"cannot be read by nfdump: .*(read|Open)"):
        read(str(path))
