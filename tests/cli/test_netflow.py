"""`flows --netflow` and `watch --netflow`, fed by real exporters where there are some: softflowd and nfreplay."""

import json
import select
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

import oddflow
from oddflow import api
from oddflow.capture.stream import plain_bytes
from oddflow.losses import Ledger
from tests.logs.netflow import build
from tests.logs.netflow.build import IPFIX, PLAIN, plain

from .call import COMMAND, call, refused

SOFTFLOWD, NFREPLAY = shutil.which("softflowd") or shutil.which("/usr/sbin/softflowd"), shutil.which("nfreplay")
COUNTERS = ("packets", "bytes")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@contextmanager
def listening(*words):
    """The command in a process of its own, once it listens; gives the port and the process."""
    port = free_port()
    command = [*COMMAND, *map(str, words), "--netflow", f"127.0.0.1:{port}", "--interval", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, until = "", time.monotonic() + 300  # kernels may have to be compiled
        while "listening on" not in said:
            assert select.select([process.stderr], [], [], until - time.monotonic())[0], said
            line = process.stderr.readline()
            assert line, said
            said += line
        yield port, process
    finally:
        process.kill()
        process.communicate()


def ended(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err


def send(port, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        for datagram in datagrams:
            opened.sendto(datagram, ("127.0.0.1", port))


def conversations(port_base, count):
    """An IPFIX message for each conversation: both directions."""
    template = build.templates(IPFIX, build.template(256, PLAIN))
    for number in range(count):
        there = plain(ports=(port_base + number, 80), packets=5, size=500)
        back = plain("10.0.0.2", "10.0.0.1", ports=(80, port_base + number), packets=4, size=4000, at=0.1)
        yield build.message(IPFIX, template, build.a_set(256, there + back), sequence=2 * number)


def test_flows_of_exporters_in_a_table(tmp_path):
    table = tmp_path / "flows.parquet"
    with listening("flows", "-o", table, "--json") as (port, process):
        send(port, *conversations(4000, 10), b"garbage")
        time.sleep(2)
        out, _ = ended(process)
    found = json.loads(out)
    assert (found["flows"], found["netflow"], found["output"]) == (10, f"127.0.0.1:{port}", str(table))
    assert (found["ledger"]["metered"], found["ledger"]["lost"], found["ledger"]["unit"]) == (20, 1, "records")
    flows = parquet.read_table(table)
    assert flows.column("src_port").to_pylist() == list(range(4000, 4010))
    assert set(flows.column("reverse_bytes").to_pylist()) == {4000}


def test_flows_are_shown_and_strict_tells_of_losses():
    with listening("flows", "--strict", "--duration", 4, "--limit", 3) as (port, process):
        send(port, *conversations(4000, 10), b"garbage")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert len(out.splitlines()) == 3
    assert "records in 21 = used 20 + lost 1" in err
    assert "export message that cannot be read: neither NetFlow nor IPFIX (first in 127.0.0.1)" in err


def test_a_count_of_records_ends_it():
    with listening("flows", "--count", 6, "--json") as (port, process):
        send(port, *conversations(4000, 10))
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["flows"] >= 3


def test_metrics_are_answered(tmp_path):
    metrics = free_port()
    with listening("flows", "--metrics", f"127.0.0.1:{metrics}") as (port, process):
        send(port, *conversations(4000, 10), b"garbage")
        time.sleep(2)
        with urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        ended(process)
    assert f'oddflow_records_total{{listener="127.0.0.1:{port}"}} 20' in lines
    assert f'oddflow_lost_records_total{{listener="127.0.0.1:{port}",reason="message"}} 1' in lines


def test_what_cannot_be_listened_to_is_refused(tmp_path, office):
    refused(call("flows", "--netflow", "2055"), "expected HOST:PORT")
    refused(call("flows", "--netflow", "127.0.0.1:2055", office.baseline), "one of the three")
    refused(call("flows", "--netflow", "127.0.0.1:2055", "--follow"), "--merge and --follow")
    refused(call("flows", "--netflow", "127.0.0.1:2055", "--workers", 2), "one worker")
    refused(call("flows", "--netflow", "127.0.0.1:2055", "--idle-timeout", 9), "their own rules")
    refused(call("flows", "--netflow", "127.0.0.1:2055", "--promiscuous"), "go with -i")
    refused(call("watch", "-m", office.model), "--netflow")
    refused(call("watch", "-m", office.model, "-i", "lo", "--netflow", "127.0.0.1:2055"), "--netflow")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        refused(call("flows", "--netflow", f"127.0.0.1:{opened.getsockname()[1]}"), "EADDRINUSE", "another address")


def test_a_model_that_needs_payload_is_refused_before_anything_is_claimed(office):
    refused(call("watch", "-m", office.model, "--netflow", "127.0.0.1:0"), "oddflow learn --portable")


@pytest.mark.slow
def test_a_portable_model_watches_exporters(tmp_path):
    normal = tmp_path / "normal.parquet"
    with listening("flows", "-o", normal) as (port, process):
        for begin in range(0, 600, 100):
            send(port, *conversations(4000 + begin, 100))
        time.sleep(3)
        ended(process)
    model, alerts = tmp_path / "x.oddflow", tmp_path / "alerts.jsonl"
    learnt = call("learn", normal, "-o", model, "--portable", "--detector", "robust-pca")
    assert learnt.code == 0, learnt
    template = build.templates(IPFIX, build.template(256, PLAIN))
    odd = plain("10.0.0.9", "198.51.100.7", ports=(50_000, 4444), packets=90_000, size=90_000_000)
    with listening("watch", "-m", model, "-o", alerts, "--patience", 0, "--false-alarm-rate", 0.01) as (port, process):
        send(port, *conversations(4000, 50), build.message(IPFIX, template, build.a_set(256, odd), sequence=100))
        time.sleep(2)
        ended(process)
    told = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert told
    assert max(told, key=lambda alert: alert["score"])["dst_port"] == 4444


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """The office capture as a plain file: softflowd reads no compressed one."""
    path = tmp_path_factory.mktemp("capture") / "office.pcap"
    packed = str(api.examples() / "office-baseline.pcap.zst")
    with plain_bytes(packed, Ledger()) as (_, stream), path.open("wb") as file:
        while piece := stream.read(1 << 20):
            file.write(piece)
    return path


def by_conversation(flows):
    """Packets and bytes each way, by ends and protocol; what an address sends stands first for the lower end."""
    names = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol")
    columns = [flows.column(name).to_pylist() for name in names]
    counted = [flows.column(f"{way}_{c}").to_pylist() for way in ("forward", "reverse") for c in COUNTERS]
    total = Counter()
    for src, src_port, dst, dst_port, protocol, *values in zip(*columns, *counted, strict=True):
        ends = (src, src_port), (dst, dst_port)
        turned = ends[0] > ends[1]
        key = (*(ends[::-1] if turned else ends), protocol)
        forward, reverse = values[:2], values[2:]
        for place, value in enumerate([*reverse, *forward] if turned else values):
            total[*key, place] += value
    return +total


def exported(table, capture, *options):
    """What softflowd tells of a capture."""
    with listening("flows", "-o", table, "--json") as (port, process):
        # without a control socket: with one it waits for a client before it reads a file
        command = [SOFTFLOWD, "-r", capture.name, "-n", f"127.0.0.1:{port}", "-d", "-c", "none", "-m", "200000"]
        pid = ["-p", table.with_suffix(".pid")]
        subprocess.run([*command, *pid, *options], cwd=capture.parent, check=True, capture_output=True, timeout=60)
        time.sleep(2)
        out, _ = ended(process)
    return parquet.read_table(table), json.loads(out)["ledger"]


@pytest.mark.slow
@pytest.mark.skipif(SOFTFLOWD is None, reason="softflowd is not installed")
@pytest.mark.parametrize(
    "options", [["-v", "5"], ["-v", "9"], ["-v", "10"], ["-v", "10", "-b", "-A", "nano"], ["-v", "10", "-A", "micro"],
                ["-v", "9", "-A", "milli", "-T", "ether"]],
    ids=["v5", "v9", "ipfix", "ipfix-biflows-nano", "ipfix-micro", "v9-milli-ether"],
)  # fmt: skip
def test_softflowd_tells_of_a_capture_what_metering_it_says(options, capture, tmp_path):
    metered = pa.Table.from_batches(oddflow.flows(capture))
    metered = metered.filter(pc.greater(metered.column("ip_version"), 0))
    if options[1] == "5":  # which knows no IPv6
        metered = metered.filter(pc.equal(metered.column("ip_version"), 4))
    flows, ledger = exported(tmp_path / "flows.parquet", capture, *options)
    assert (ledger["lost"], ledger["damages"]) == (0, [])
    told = by_conversation(metered)
    assert len(told) > 10_000
    assert by_conversation(flows) == told
    if "-b" not in options:  # with it, the lower address stands first
        tcp = [t.filter(pc.equal(t.column("protocol"), 6)) for t in (flows, metered)]
        ends = [
            set(zip(*(t.column(n).to_pylist() for n in ("src_ip", "src_port", "dst_ip")), strict=True)) for t in tcp
        ]
        assert len(ends[0] & ends[1]) >= 0.99 * len(ends[1])
    for name, extreme in (("start", pc.min), ("end", pc.max)):
        apart = [extreme(t.column(name).cast(pa.int64())).as_py() for t in (flows, metered)]
        assert abs(apart[0] - apart[1]) < 1.5e9


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Three hundred one-way flows as nfcapd wrote them."""
    folder = tmp_path_factory.mktemp("nfcapd")
    port = free_port()
    collector = subprocess.Popen(
        [shutil.which("nfcapd"), "-l", folder, "-b", "127.0.0.1", "-p", str(port), "-t", "3600"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        time.sleep(2)
        for number in range(30):
            rows = [build.row(ports=(4000 + 10 * number + place, 80), packets=place + 1) for place in range(10)]
            send(port, build.v5(rows, sequence=10 * number))
        time.sleep(1)
    finally:
        collector.terminate()
        said, _ = collector.communicate(timeout=20)
    (path,) = [path for path in folder.iterdir() if path.name[-1].isdigit()] or [None]
    assert path, said
    return path


@pytest.mark.slow
@pytest.mark.skipif(NFREPLAY is None or shutil.which("nfcapd") is None, reason="nfdump is not installed")
@pytest.mark.parametrize("version", ["5", "9"])
def test_nfreplay_tells_what_nfcapd_was_told(version, recorded, tmp_path):
    table = tmp_path / "flows.parquet"
    with listening("flows", "-o", table, "--json") as (port, process):
        subprocess.run(
            [NFREPLAY, "-r", recorded, "-H", "127.0.0.1", "-p", str(port), "-v", version],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        time.sleep(1)
        out, _ = ended(process)
    ledger = json.loads(out)["ledger"]
    flows = parquet.read_table(table)
    assert (ledger["metered"], ledger["lost"], ledger["damages"]) == (300, 0, [])
    assert sorted(flows.column("src_port").to_pylist()) == list(range(4000, 4300))
    assert pc.sum(flows.column("forward_packets")).as_py() == 30 * 55
    starts = flows.column("start").cast(pa.int64()).to_pylist()
    assert {round(start / 10**6) - build.SECONDS * 1000 for start in starts} == {-1500}
