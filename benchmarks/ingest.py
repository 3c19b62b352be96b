"""Measures decoding and metering: packets a second in process, and the whole command beside dpkt and tshark.

The input is made of the captures beside the repository, repeated with shifted addresses and times.

    make bench
    .venv/bin/python benchmarks/ingest.py --packets 2000000 --json
"""

import argparse
import json
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from oddflow.capture.reader import packets
from oddflow.flows.meter import Meter
from oddflow.flows.settings import MeterSettings
from oddflow.losses import Ledger

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
CAPTURES = (
    "cic-ddos2019/CIC-DDoS-2019-WebDDoS.pcap", "cic-ddos2019/benign-syn.pcap",
    "modbus/moving_two_files_modbus_6RTU.pcap", "captures/zeek-btest/http/206_example_b.pcap",
    "captures/zeek-btest/ssh/ssh.pcap", "captures/ndpi/bitcoin.pcap",
)  # fmt: skip
RECORD_BYTES, ETHERNET_BYTES = 16, 14
PEER_PACKETS = 100_000
ROUNDS = 5

DPKT = """
import dpkt, sys
count = 0
for _, data in dpkt.pcap.Reader(open(sys.argv[1], "rb")):
    count += 1
    ip = dpkt.ethernet.Ethernet(data).data
    if isinstance(ip, dpkt.ip.IP) and hasattr(ip.data, "sport"):
        key = (ip.src, ip.dst, ip.data.sport, ip.data.dport, ip.p)
"""


def template() -> tuple[np.ndarray, np.ndarray]:
    """IPv4 packets of the captures as pcap records end to end, and where each record starts."""
    records, starts, size = [], [], 0
    for name in CAPTURES:
        for batch in packets(str(DATA / name), Ledger()):
            for i in range(batch.count):
                packet = batch.packets[i]
                start, captured, wire = (int(packet[name]) for name in ("start", "captured", "wire"))
                data = batch.data[start : start + captured].tobytes()
                if packet["link_type"] == 1 and data[12:14] == b"\x08\x00" and captured >= ETHERNET_BYTES + 20:
                    seconds, rest = divmod(int(packet["time_ns"]), 10**9)
                    records.append(struct.pack("<IIII", seconds, rest, captured, wire) + data)
                    starts.append(size)
                    size += len(records[-1])
    return np.frombuffer(b"".join(records), np.uint8), np.array(starts)


def build(path: Path, wanted: int) -> int:
    """Writes a pcap of about `wanted` packets; every repetition has other addresses. The number written."""
    records, starts = template()
    seconds = np.ascontiguousarray(records[starts[:, None] + np.arange(4)]).view("<u4")[:, 0]
    first = 1_700_000_000 + (seconds - seconds.min()) % 600  # all captures within ten minutes
    order = np.argsort(first, kind="stable")
    ends = np.append(starts[1:], len(records))
    records = np.concatenate([records[starts[i] : ends[i]] for i in order])
    starts, first = np.append(0, np.cumsum((ends - starts)[order]))[:-1], first[order]
    rounds = -(-wanted // len(starts))
    second_bytes = starts[:, None] + RECORD_BYTES + ETHERNET_BYTES + np.array([13, 17])
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1))
        for turn in range(rounds):
            copy = records.copy()
            copy[second_bytes] = copy[second_bytes] + np.uint8(turn % 256)
            times = (first + turn).astype("<u4")[:, None].view(np.uint8)
            copy[starts[:, None] + np.arange(4)] = times
            file.write(copy.tobytes())
    return rounds * len(starts)


def meter(path: Path, max_flows: int) -> tuple[float, int]:
    """(seconds, flows) of decoding and metering a capture in this process."""
    begun = time.perf_counter()
    meter = Meter(MeterSettings(max_flows=max_flows))
    flows = 0
    for batch in packets(str(path), Ledger()):
        flows += sum(finished.num_rows for finished in meter.add(batch))
    flows += sum(finished.num_rows for finished in meter.close())
    return time.perf_counter() - begun, flows


def seconds_of(command: list[str]) -> float:
    """How long a command runs."""
    begun = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - begun


def has_dpkt(python: str) -> bool:
    """Whether a Python can import dpkt."""
    return subprocess.run([python, "-c", "import dpkt"], capture_output=True, check=False).returncode == 0


def measure(packet_count: int, max_flows: int, python: str) -> dict[str, int | None]:
    """All figures, rates in packets a second."""
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole.pcap", Path(folder) / "part.pcap"
        count, few = build(whole, packet_count), build(part, PEER_PACKETS)
        meter(part, max_flows)
        runs = [meter(whole, max_flows) for _ in range(ROUNDS)]
        command = [str(Path(sys.executable).with_name("oddflow")), "flows", str(whole), "--json"]
        found: dict[str, int | None] = {
            "packets": count,
            "bytes_per_packet": round(whole.stat().st_size / count - RECORD_BYTES),
            "flows": runs[0][1],
            "in_process_best": round(count / min(seconds for seconds, _ in runs)),
            "in_process_median": round(count / statistics.median(seconds for seconds, _ in runs)),
            "command": round(count / seconds_of(command)),
            "dpkt": round(few / seconds_of([python, "-c", DPKT, str(part)])) if has_dpkt(python) else None,
            "tshark": None,
        }
        if shutil.which("tshark"):
            listing = ["tshark", "-n", "-r", str(part), "-q", "-z", "conv,tcp", "-z", "conv,udp"]
            found["tshark"] = round(few / seconds_of(listing))
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--max-flows", type=int, default=65_536)
    parser.add_argument("--dpkt", metavar="PYTHON", default=sys.executable, help="a Python that has dpkt")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: there is nothing to measure with")
    found = measure(asked.packets, asked.max_flows, asked.dpkt)
    if asked.json:
        print(json.dumps(found))
        return
    print(f"{found['packets']:,} packets of {found['bytes_per_packet']} bytes on average, {found['flows']:,} flows\n")
    names = {
        "in_process_best": "decode and meter, best run", "in_process_median": "decode and meter, median",
        "command": "oddflow flows, whole process", "dpkt": "dpkt, keys alone", "tshark": "tshark conversations",
    }  # fmt: skip
    for name, words in names.items():
        rate = found[name]
        ratio = f"   our command runs {found['command'] / rate:.1f} ×" if rate and name in ("dpkt", "tshark") else ""
        print(f"{words:32}" + (f"{rate:12,} packets/s{ratio}" if rate else f"{'not installed':>12}"))


if __name__ == "__main__":
    main()
