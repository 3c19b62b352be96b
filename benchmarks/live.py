"""Measures live capture on a pair of virtual interfaces: a sender on one core, our worker on another.

Everything happens in a network namespace of its own, which ends with this command. Needs root.

    python benchmarks/live.py --seconds 30
    python benchmarks/live.py --seconds 10 --share-core --ring 1024     more than we can take: drops, counted

The sender fills the kernel's transmit ring (PACKET_TX_RING) once and sends it again and again, past the queueing
discipline; the packets' way into our ring runs on the sender's core, as it would on a network card's.
"""

import argparse
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

NEAR, FAR = "near0", "far0"
SOL_PACKET, VERSION, TX_RING, QDISC_BYPASS, TPACKET_V2 = 263, 10, 13, 20, 1
SEND_REQUEST, WRONG_FORMAT = 1, 4
DATA_AT = 32
FRAME_BYTES, BLOCK_BYTES, FRAMES = 2_048, 1 << 20, 8_192
SIZES, SHARES = (74, 330, 1_400), (0.60, 0.25, 0.15)
PORT_AT, ADDRESS_AT = 14 + 20, 14 + 13
"""Ethernet, then IPv4 without options: the source port, and the second byte of the source address."""


def frame(number: int, size: int) -> bytes:
    """A UDP packet of one of many flows."""
    length = size - 14
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, number & 0xFFFF, 0, 64, 17, 0)
    ip += bytes((10, 0, number >> 8 & 0xFF, number & 0xFF, 192, 0, 2, number % 13))
    udp = struct.pack(">HHHH", 1_024 + number % 4_096, 53 + number % 7, length - 20, 0)
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" + ip + udp + bytes(length - 28)


class Sender:
    """A transmit ring full of packets."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, VERSION, TPACKET_V2)
        blocks = FRAMES * FRAME_BYTES // BLOCK_BYTES
        self.socket.setsockopt(SOL_PACKET, TX_RING, struct.pack("=4I", BLOCK_BYTES, blocks, FRAME_BYTES, FRAMES))
        self.socket.setsockopt(SOL_PACKET, QDISC_BYPASS, 1)
        self.socket.bind((interface, 0))
        memory = mmap.mmap(self.socket.fileno(), FRAMES * FRAME_BYTES)
        self.slots = np.frombuffer(memory, np.uint8).reshape(FRAMES, FRAME_BYTES)
        self.status = self.slots.view(np.uint32)[:, 0]
        sizes = np.random.default_rng(0).choice(SIZES, FRAMES, p=SHARES)
        for number, size in enumerate(sizes):
            self.slots.view(np.uint32)[number, 1] = size
            self.slots[number, DATA_AT : DATA_AT + size] = np.frombuffer(frame(number, int(size)), np.uint8)
        self.round_bytes = int(sizes.sum())

    def run(self, seconds: float, rate: float) -> tuple[int, int, float]:
        """(packets sent, bytes, seconds): whole rounds, each round's flows new ones every 16 rounds."""
        begun = time.perf_counter()
        rounds = 0
        while (now := time.perf_counter()) - begun < seconds:
            if rate and rounds * FRAMES > rate * (now - begun):
                time.sleep(0.0005)
                continue
            if rounds % 16 == 0:
                self.slots[:, DATA_AT + ADDRESS_AT] = rounds // 16 % 256
            self.status[:] = SEND_REQUEST
            self.socket.send(b"")
            rounds += 1
            if (self.status & WRONG_FORMAT).any():
                sys.exit("the kernel refused a frame")
        return rounds * FRAMES, rounds * self.round_bytes, time.perf_counter() - begun


def counter(name: str, place: int) -> int:
    """A column of /proc/net/dev."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        device, _, values = line.partition(":")
        if device.strip() == name:
            return int(values.split()[place])
    return 0


def measure(asked: argparse.Namespace) -> dict[str, object]:
    """Inside the namespace: everything."""
    for command in (
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
        f"ip link add {NEAR} type veth peer name {FAR}",
        f"ip link set {NEAR} up",
        f"ip link set {FAR} up",
    ):
        subprocess.run(command.split(), check=True)
    cores = sorted(os.sched_getaffinity(0))
    ours = cores[0] if asked.share_core else cores[-1]
    words = ["flows", "-i", FAR, "--json", "--interval", "0", "--ring", str(asked.ring), "--max-flows", "65536"]
    if asked.output:
        words += ["-o", asked.output]
    command = ["nice", "-n", "19"] if asked.share_core else []
    sensor = subprocess.Popen(
        [*command, "taskset", "-c", str(ours), sys.executable, "-m", "oddflow.cli.main", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while sensor.stderr and "listening on" not in (line := sensor.stderr.readline()):
        if not line:
            sys.exit("the command did not begin")
    os.sched_setaffinity(0, {cores[0]})
    before = resource.getrusage(resource.RUSAGE_SELF)
    packets, size, seconds = Sender(NEAR).run(asked.seconds, asked.rate)
    after = resource.getrusage(resource.RUSAGE_SELF)
    sensor.send_signal(signal.SIGINT)
    out, said = sensor.communicate(timeout=120)
    if sensor.returncode:
        sys.exit(said)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(out)
    ledger = found["ledger"]
    return {
        "sent": packets,
        "seconds": round(seconds, 2),
        "sent_per_s": round(packets / seconds),
        "sent_mbit_per_s": round(size * 8 / seconds / 1e6),
        "mean_bytes": round(size / packets),
        "sender_core_busy": round((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds, 2),
        "metered": ledger["metered"],
        "lost": ledger["losses"],
        "unaccounted": packets - ledger["total"],
        "sender_saw_refused": counter(NEAR, 11),
        "flows": found["flows"],
        "our_cpu_s": round(spent.ru_utime + spent.ru_stime, 2),
        "our_core_busy_at_most": round((spent.ru_utime + spent.ru_stime) / seconds, 2),
        "our_peak_mib_of_one_process": round(spent.ru_maxrss / 1024),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=0.0, help="packets a second; 0 for as many as one core sends")
    parser.add_argument("--ring", type=int, default=65_536, help="KiB")
    parser.add_argument("--output", default="", help="a table for the flows")
    parser.add_argument("--share-core", action="store_true", help="our worker on the sender's core, behind it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("network namespaces and packet sockets need root")
    if not asked.inside:
        apart = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        sys.exit(subprocess.run([*apart, sys.executable, *sys.argv, "--inside"], check=False).returncode)
    found = measure(asked)
    if asked.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):32} {value:,}" if isinstance(value, (int, float)) else f"{name:32} {value}")


if __name__ == "__main__":
    main()
