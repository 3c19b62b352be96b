"""The live commands on a real pair of virtual interfaces; skipped, with the reason, where none can be made."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import oddflow
from oddflow.capture.reader import packets
from oddflow.flows.settings import MeterSettings
from oddflow.logs.pseudonyms import Pseudonyms
from oddflow.logs.table import PSEUDONYMS
from oddflow.losses import Ledger
from oddflow.schema import COLUMNS
from tests.capture.build import ether, ipv4, pcap, tcp, udp
from tests.capture.wire import FAR, ROOT, Wire, needs_wire

from .call import COMMAND, call, fixed_key, refused
from .captures import SCANNER, capture

pytestmark = needs_wire

TIMES = {"ns", "µs", "µs²", "s"}
NOBODY = 65_534
QUESTIONS = [ether(ipv4(udp(b"q" * 20, 20_000 + number, 53), src=f"10.0.0.{number % 20 + 2}")) for number in range(200)]


@pytest.fixture
def wire():
    made = Wire()
    yield made
    made.close()


class Sensor:
    """The command at work in the namespace."""

    def __init__(self, wire, *words):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
        self.process = subprocess.Popen(
            wire.inside(*COMMAND, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        )
        self.said = ""
        self.out = ""

    def until(self, words, limit_s=60):
        """Reads on until these words are said; the line that says them."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            line = self.process.stderr.readline()
            assert line, (self.process.wait(), self.said)
            self.said += line
            if words in line:
                return line
        raise AssertionError(self.said)

    def listening(self):
        """Waits until packets are taken."""
        self.until("listening on")
        return self

    def end(self, number=signal.SIGTERM, code=0):
        """Stops it, or waits where no signal is given; all that it said is kept."""
        if number is not None:
            self.process.send_signal(number)
        out, said = self.process.communicate(timeout=60)
        self.out += out
        self.said += said
        assert self.process.returncode == code, self.said
        assert "Traceback" not in self.said
        return self

    @property
    def processes(self):
        """The ids of the command's processes, the supervisor first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]


@pytest.fixture
def sense(wire):
    started = []

    def start(*words):
        started.append(Sensor(wire, *words))
        return started[-1]

    yield start
    for sensor in started:
        for pid in [*sensor.processes[1:], sensor.process.pid] if sensor.process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        sensor.process.wait()
        sensor.process.stdout.close()
        sensor.process.stderr.close()


@pytest.fixture
def shared_folder():
    """A folder that belongs to nobody, the account."""
    folder = Path(tempfile.mkdtemp(prefix="oddflow-test-"))
    folder.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def office_frames(limit=4_000):
    """Frames of the example capture of an incident."""
    frames = []
    for batch in packets(str(oddflow.examples() / "office-incident.pcap.zst"), Ledger()):
        for packet in batch.packets[: batch.count]:
            start, captured = int(packet["start"]), int(packet["captured"])
            frames.append(batch.data[start : start + captured].tobytes())
            if len(frames) == limit:
                return frames
    return frames


def metered(frames, folder, **settings):
    """The flows of the same frames from a file, 10 µs apart."""
    path = folder / "same.pcap"
    path.write_bytes(pcap([(1_700_000_000 + i // 100_000, i % 100_000 * 10, frame) for i, frame in enumerate(frames)]))
    return pa.Table.from_batches(list(oddflow.flows(path, settings=MeterSettings(**settings))))


BY_TIMES = ("app_by_statistics", "app_by_behaviour")
"""Names that times decide, or the order in which flows end."""


def without_times(table, *also):
    """The rows of a flow table, sorted, without what depends on the clock."""
    names = [c.name for c in COLUMNS if c.unit not in TIMES and c.name not in (*also, *BY_TIMES)]
    rows = table.select([name for name in names if name in table.schema.names]).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=repr, sort_keys=True))


def ledger_of(sensor):
    return json.loads(sensor.out)["ledger"]


def test_flows_are_those_of_the_file(wire, sense, tmp_path):
    frames = office_frames()
    table = tmp_path / "live.parquet"
    sensor = sense("flows", "-i", FAR, "-o", table, "--json").listening()
    wire.send(frames)
    sensor.end()
    ledger = ledger_of(sensor)
    assert ledger["total"] == len(frames)
    assert not ledger["losses"].get("dropped: the capture ring was full")
    assert without_times(parquet.read_table(table)) == without_times(metered(frames, tmp_path))


def test_two_workers_find_the_same_flows_and_write_a_table_each(wire, sense, tmp_path):
    frames = office_frames()
    sensor = sense("flows", "-i", FAR, "-o", tmp_path / "live.parquet", "--workers", 2, "--json").listening()
    wire.send(frames)
    sensor.end()
    shards = sorted(tmp_path.glob("live.*.parquet"))
    assert [shard.name for shard in shards] == ["live.0.parquet", "live.1.parquet"]
    tables = [parquet.read_table(shard) for shard in shards]
    assert all(table.num_rows for table in tables)
    expected = without_times(metered(frames, tmp_path), "first_packet")
    assert without_times(pa.concat_tables(tables), "first_packet") == expected
    assert ledger_of(sensor)["total"] == len(frames)


def test_fragments_stay_with_their_flow_among_workers(wire, sense, tmp_path):
    frames = []
    for number in range(40):
        ends = {"src": f"10.0.0.{number + 1}", "dst": f"192.0.2.{number % 7 + 1}"}
        whole = udp(bytes(1_600), 4_000 + number, 53)
        frames.append(ether(ipv4(whole[:1_000], **ends, fragment=0x2000)))
        frames.append(ether(ipv4(whole[1_000:], **ends, fragment=125)))
        frames.append(ether(ipv4(udp(b"whole", 4_000 + number, 53), **ends)))
    sensor = sense("flows", "-i", FAR, "-o", tmp_path / "live.parquet", "--workers", 2).listening()
    wire.send(frames)
    sensor.end()
    tables = [parquet.read_table(shard) for shard in tmp_path.glob("live.*.parquet")]
    assert all(table.num_rows for table in tables)
    expected = without_times(metered(frames, tmp_path), "first_packet")
    assert without_times(pa.concat_tables(tables), "first_packet") == expected
    assert len(expected) == 40


def test_tags_are_restored(wire, sense, tmp_path):
    payload = ipv4(udp(b"tagged"))
    frames = [
        ether(payload, tags=((0x8100, 5),)),
        ether(ipv4(udp(b"twice", 1_001)), tags=((0x88A8, 7), (0x8100, 9))),
        ether(ipv4(udp(b"bare", 1_002))),
    ]
    table = tmp_path / "live.parquet"
    sensor = sense("flows", "-i", FAR, "-o", table).listening()
    wire.send(frames)
    sensor.end()
    found = parquet.read_table(table).sort_by("src_port")
    assert found["vlan_id"].to_pylist() == [5, 7, None]
    assert without_times(found) == without_times(metered(frames, tmp_path))


def test_a_filter_takes_only_what_it_says(wire, sense):
    sensor = sense("flows", "-i", FAR, "--filter", "udp port 53", "--json").listening()
    wire.send([*QUESTIONS, *[ether(ipv4(tcp(), 6))] * 50])
    assert ledger_of(sensor.end())["total"] == len(QUESTIONS)


def test_a_filter_for_tags_is_compiled_for_the_interface(wire, sense):
    sensor = sense("flows", "-i", FAR, "--filter", "vlan 5", "--json").listening()
    wire.send([*QUESTIONS, ether(ipv4(udp()), tags=((0x8100, 5),)), ether(ipv4(udp()), tags=((0x8100, 6),))])
    assert ledger_of(sensor.end())["total"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-i", "absent0"], "there is no interface 'absent0'; there are: "),
        (["-i", "lo", "--filter", "udp prot 53"], "syntax error"),
        (["-i", "lo", "--filter", "udp prot 53", "--metrics", "127.0.0.1:0"], "syntax error"),
        (["-i", "lo", "--user", "no-such-user"], "there is no user 'no-such-user'"),
        (["-i", "lo", "--metrics", "nowhere"], "expected HOST:PORT"),
        (["-i", "lo", "--ring", "1"], "expected 256 KiB to 4 GiB"),
        (["-i", "lo", "--count", "5", "--workers", "2"], "only one worker can count"),
        (["-i", "lo", "x.pcap"], "one of the three"),
        ([], "one of the three"),
        (["-i", "lo", "-o", "/nowhere/x.parquet"], "no folder"),
        (["-i", "lo", "-o", "x.txt"], "expected .parquet"),
        (["-i", "lo", "--rotate", "5"], "without -o"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(words, said):
    refused(call("flows", *words), said)


def test_who_may_not_capture_is_told_what_to_do(wire):
    words = wire.inside("setpriv", "--reuid", NOBODY, "--clear-groups", *COMMAND, "flows", "-i", FAR)
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "CAP_NET_RAW" in done.stderr


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_ends_it_with_all_open_flows_written(wire, sense, tmp_path, number):
    table = tmp_path / "live.parquet"
    sensor = sense("flows", "-i", FAR, "-o", table).listening()
    wire.send(QUESTIONS)
    sensor.end(number)
    assert parquet.read_table(table).num_rows == 200
    assert "packets in 200 = metered 200 + lost 0" in sensor.said


@pytest.mark.slow
def test_the_count_and_the_duration_end_it(wire, sense):
    counted = sense("flows", "-i", FAR, "--count", 150, "--json").listening()
    wire.send(QUESTIONS)
    assert ledger_of(counted.end(None))["metered"] == 150
    timed = sense("flows", "-i", FAR, "--duration", 1).listening()
    timed.end(None)
    assert "0 flows" in timed.said


def test_drops_are_counted_exactly(wire, sense):
    sensor = sense("flows", "-i", FAR, "--ring", 256, "--json").listening()
    (worker,) = sensor.processes[1:]
    os.kill(worker, signal.SIGSTOP)
    wire.send(QUESTIONS * 50)
    os.kill(worker, signal.SIGCONT)
    ledger = ledger_of(sensor.end())
    assert ledger["losses"]["dropped: the capture ring was full"] > 1_000
    assert ledger["metered"] > 100
    assert ledger["total"] == 200 * 50


def test_drops_make_a_strict_call_fail(wire, sense):
    sensor = sense("flows", "-i", FAR, "--ring", 256, "--strict").listening()
    os.kill(sensor.processes[1], signal.SIGSTOP)
    wire.send(QUESTIONS * 50)
    os.kill(sensor.processes[1], signal.SIGCONT)
    sensor.end(code=3)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_interface_that_goes_down_is_waited_for(wire, sense, workers):
    sensor = sense("flows", "-i", FAR, "--workers", workers, "--json").listening()
    wire.send(QUESTIONS)
    wire.run("ip", "link", "set", FAR, "down")
    sensor.until("went down; waiting")
    time.sleep(0.6)
    wire.run("ip", "link", "set", FAR, "up")
    sensor.until("is back after")
    wire.send(QUESTIONS)
    ledger = ledger_of(sensor.end())
    assert ledger["metered"] == 400
    assert sensor.said.count("waiting for it") == 1
    assert re.search("was down or gone once", ledger["damages"][0])


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_interface_that_vanishes_is_opened_again_by_its_name(wire, sense, workers):
    sensor = sense("flows", "-i", FAR, "--workers", workers, "--json").listening()
    wire.send(QUESTIONS)
    wire.cut()
    sensor.until("vanished; waiting")
    wire.lay()
    sensor.until("is back after")
    wire.send(QUESTIONS)
    outcome = json.loads(sensor.end().out)
    assert outcome["ledger"]["metered"] == 400
    assert outcome["flows"] == 200  # the same flows, in the same meters
    assert sensor.said.count("waiting for it") == 1


def test_an_interface_that_is_down_at_first_is_waited_for(wire, sense):
    wire.run("ip", "link", "set", FAR, "down")
    sensor = sense("flows", "-i", FAR, "--json").listening()
    sensor.until("went down; waiting")
    wire.run("ip", "link", "set", FAR, "up")
    sensor.until("is back after")
    wire.send(QUESTIONS)
    assert ledger_of(sensor.end())["metered"] == 200


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def test_privileges_are_given_up(sense):
    sensor = sense("flows", "-i", FAR, "--workers", 2).listening()
    time.sleep(0.5)
    supervisor, *workers = map(status, sensor.processes)
    assert len(workers) == 2
    for process in (supervisor, *workers):
        assert process["Uid"] == process["Gid"] == [str(NOBODY)] * 4
        assert process["Groups"] == []
        assert process["NoNewPrivs"] == ["1"]
        assert int(process["CapInh"][0], 16) == int(process["CapAmb"][0], 16) == 0
    assert {int(worker[name][0], 16) for worker in workers for name in ("CapPrm", "CapEff")} == {0}
    assert int(supervisor["CapPrm"][0], 16) == 1 << 13
    sensor.end()
    assert "running as nobody (65534)" in sensor.said


@pytest.mark.slow
def test_a_root_that_may_become_nobody_is_told_so_and_may_stay_root(wire):
    words = wire.inside("setpriv", "--bounding-set", "-all,+net_raw", *COMMAND, "flows", "-i", FAR, "--duration", 0.1)
    refused = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert refused.returncode == 2
    assert "lacks CAP_SETUID" in refused.stderr
    stayed = subprocess.run(
        [*words, "--user", "root"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert stayed.returncode == 0, stayed.stderr
    assert "running as root (0)" in stayed.stderr


def test_results_belong_to_whose_folder_it_is(wire, sense, shared_folder):
    table = shared_folder / "live.parquet"
    sensor = sense("flows", "-i", FAR, "-o", table).listening()
    wire.send(QUESTIONS)
    sensor.end()
    assert table.stat().st_uid == NOBODY
    assert [path.name for path in shared_folder.iterdir()] == ["live.parquet"]
    assert parquet.read_table(table).num_rows == 200


def test_results_may_be_written_where_only_root_may(wire, sense, tmp_path):
    table = tmp_path / "live.csv"
    sensor = sense("flows", "-i", FAR, "-o", table, "--user", "nobody").listening()
    wire.send(QUESTIONS)
    sensor.end()
    assert table.stat().st_uid == NOBODY
    assert len(table.read_text().splitlines()) == 201


def test_tables_follow_each_other(wire, sense, shared_folder):
    sensor = sense("flows", "-i", FAR, "-o", shared_folder / "x.arrow", "--rotate", 1, "--datagram-timeout", 1)
    sensor.listening()
    wire.send(QUESTIONS)
    time.sleep(4)
    sensor.end()
    tables = [pa.ipc.open_file(path).read_all() for path in shared_folder.glob("x-*Z.arrow")]
    assert len(tables) >= 3
    assert sum(table.num_rows for table in tables) == 200


def test_quiet_flows_are_handed_out_by_the_clock(wire, sense):
    sensor = sense("flows", "-i", FAR, "--datagram-timeout", 1, "--limit", 500, "--interval", 1).listening()
    wire.send(QUESTIONS)
    sensor.until("200 ended", limit_s=10)
    assert "0 flows open" in sensor.said
    sensor.end()
    assert len(sensor.out.splitlines()) == 200


def test_metrics_are_answered(wire, sense):
    wire.run("ip", "link", "set", "lo", "up")
    sensor = sense("flows", "-i", FAR, "--metrics", "127.0.0.1:9477").listening()
    wire.send([*QUESTIONS, ether(b"\0" * 40, kind=0x88CC)])
    time.sleep(1)
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9477/metrics', timeout=5).read().decode())"
    text = wire.run(COMMAND[0], "-c", script).stdout.decode()
    sensor.end()
    assert f'oddflow_metered_packets_total{{interface="{FAR}"}} 200' in text
    assert f'oddflow_packets_total{{interface="{FAR}"}} 201' in text
    assert f'oddflow_lost_packets_total{{interface="{FAR}",reason="not_ip"}} 1' in text
    assert f'oddflow_lost_packets_total{{interface="{FAR}",reason="ring"}} 0' in text
    assert f'oddflow_open_flows{{interface="{FAR}"}} 200' in text
    assert text.count("# HELP oddflow_lost_packets_total ") == 1


def test_a_worker_that_is_killed_is_told_of_and_the_others_go_on(wire, sense, tmp_path):
    sensor = sense("flows", "-i", FAR, "-o", tmp_path / "x.parquet", "--workers", 2).listening()
    os.kill(sensor.processes[1], signal.SIGKILL)
    time.sleep(1)
    wire.send(QUESTIONS)
    sensor.end(code=1)
    assert "worker 0 ended by signal 9" in sensor.said
    assert "metered 200" in sensor.said
    assert parquet.read_table(tmp_path / "x.1.parquet").num_rows == 200


def test_workers_end_with_their_supervisor(sense):
    sensor = sense("flows", "-i", FAR).listening()
    (worker,) = sensor.processes[1:]
    time.sleep(0.5)
    os.kill(sensor.process.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and status(worker)["State"][0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_offloads_are_warned_of(wire, sense):
    if shutil.which("ethtool") is None:
        pytest.skip("needs ethtool")
    wire.run("ethtool", "-K", FAR, "gro", "on")
    sensor = sense("flows", "-i", FAR).listening()
    sensor.end()
    assert f"`ethtool -K {FAR} gro off` switches them off" in sensor.said


def test_packets_on_the_loopback_are_seen_once(wire, sense):
    sensor = sense("flows", "-i", "lo", "--json").listening()
    code = "import socket as s\nfor _ in range(9): s.socket(type=s.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"
    wire.run(COMMAND[0], "-c", code)
    found = json.loads(sensor.end().out)
    assert found["flows"] == 10  # nine questions from nine ports, and the errors that answer them
    assert found["ledger"]["metered"] <= 18


def frames_of(content):
    """The frames of a pcap in memory, and how long each waits for the next, s."""
    at, frames = 24, []
    while at < len(content):
        captured = int.from_bytes(content[at + 8 : at + 12], "little")
        frames.append(content[at + 16 : at + 16 + captured])
        at += 16 + captured
    return frames


def test_watch_finds_a_scan(wire, sense, office, tmp_path):
    alerts = tmp_path / "alerts.jsonl"
    words = ("--model", office.model, "-o", alerts, "--interval", 0, "--patience", 0)
    sensor = sense("watch", "-i", FAR, *words).listening()
    wire.send(frames_of(capture(scan=True, seed=2)))
    sensor.end()
    found = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert found
    assert {alert["source"] for alert in found} == {FAR}
    assert re.search(r"alerts? in ", sensor.said)
    assert f"{SCANNER} probed" in sensor.out
    assert {alert["incident"] for alert in found} & set(re.findall(r"\[([0-9a-f]{12})\]", sensor.out))


@pytest.mark.slow
def test_watch_scores_packets_with_a_model_of_packets(wire, sense, office, tmp_path):
    alerts, model = tmp_path / "alerts.jsonl", tmp_path / "packets.oddflow"
    assert call("learn", office.baseline, "-o", model, "--detector", "kitnet").code == 0
    words = ("--model", model, "-o", alerts, "--interval", 0, "--patience", 0, "--false-alarm-rate", 0.1)
    sensor = sense("watch", "-i", FAR, *words).listening()
    wire.send(frames_of(capture(scan=True, seed=2)))
    sensor.end()
    found = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert found
    assert all(reason["text"].startswith("packet ") for alert in found for reason in alert["reasons"])


def test_live_flows_are_told_under_pseudonyms(wire, sense, tmp_path):
    key, table = tmp_path / "key", tmp_path / "live.parquet"
    call("keys", "new", key)
    pseudonyms = Pseudonyms.read(str(key))
    frames = office_frames(1_000)
    sensor = sense("flows", "-i", FAR, "-o", table, "--pseudonymise", key, "--json").listening()
    wire.send(frames)
    sensor.end()
    found, plain = parquet.read_table(table), metered(frames, tmp_path)
    assert sorted(found["src_ip"].to_pylist()) == sorted(map(pseudonyms.address, plain["src_ip"].to_pylist()))
    assert found["payload"].null_count == found.num_rows
    assert found.schema.metadata[PSEUDONYMS].decode() == pseudonyms.fingerprint


def test_watch_tells_its_alerts_under_pseudonyms(wire, sense, office, tmp_path):
    key, alerts = fixed_key(tmp_path / "key"), tmp_path / "alerts.jsonl"
    words = ("--model", office.model, "-o", alerts, "--interval", 0, "--patience", 0, "--pseudonymise", key)
    sensor = sense("watch", "-i", FAR, *words).listening()
    wire.send(frames_of(capture(scan=True, seed=2)))
    sensor.end()
    told = alerts.read_text() + sensor.out
    assert '"src_ip"' in told
    assert "10.0.0." not in told
    assert {json.loads(line)["payload"] for line in alerts.read_text().splitlines()} == {""}


def test_watch_without_a_model_says_what_to_do():
    refused(call("watch", "-i", "lo"), "-m", "oddflow flows -i")
