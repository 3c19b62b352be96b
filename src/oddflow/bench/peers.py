"""The tools that run beside us: how each is found, asked for its version, and called."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NFSTREAM = """
import sys
from nfstream import NFStreamer
flows = 0
for flow in NFStreamer(sys.argv[1], statistical_analysis=True, splt_analysis=20, n_dissections=0):
    flows += 1
print(flows)
"""

DPKT = """
import sys
import dpkt
flows = {}
for time, data in dpkt.pcap.Reader(open(sys.argv[1], "rb")):
    ip = dpkt.ethernet.Ethernet(data).data
    if isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)) and hasattr(ip.data, "sport"):
        key = (ip.src, ip.dst, ip.data.sport, ip.data.dport, ip.p)
        packets, size = flows.get(key, (0, 0))
        flows[key] = packets + 1, size + len(data)
print(len(flows))
"""


class Command(Protocol):
    """The command line that reads a capture."""

    def __call__(self, program: Path, capture: Path, folder: Path) -> list[str]:
        """Program, capture, and a folder for what it writes."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool beside us.

    Attributes:
        name: As people call it.
        does: What it computes of each packet.
        program: Its file below the folder of peers, or a command of the system.
        command: How it is called.
        target: How many times faster we mean to be.
        share: Part of the input it gets, for slow ones; its rate counts.
        remedy: How to get it.
    """

    name: str
    does: str
    program: str
    command: Command
    target: float
    share: float
    remedy: str

    def find(self, folder: Path) -> Path | None:
        """Where it is installed, if it is."""
        if "/" in self.program:
            path = folder / self.program
            return path.absolute() if path.is_file() else None
        found = shutil.which(self.program)
        return Path(found) if found else None

    def packets(self, of: int) -> int:
        """How many packets it gets of an input of so many."""
        return max(1000, round(of * self.share))

    def version(self, program: Path) -> str:
        """What it says its version is."""
        if program.name == "tshark":
            words = _said([str(program), "--version"]).split()
            return words[2].rstrip(".") if len(words) > 2 else "unknown"
        package = Path(self.program).parts[0]
        code = f"from importlib.metadata import version; print(version({package!r}))"
        return _said([str(program.with_name("python")), "-c", code]).strip() or "unknown"


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


PEERS = (
    Peer(
        name="NFStream",
        does="flows with statistics and 20-packet sequences, no dissection",
        program="nfstream/bin/python",
        command=lambda program, capture, _: [str(program), "-c", NFSTREAM, str(capture)],
        target=20,
        share=1,
        remedy="make peers",
    ),
    Peer(
        name="dpkt",
        does="packets and bytes of each flow, no more",
        program="dpkt/bin/python",
        command=lambda program, capture, _: [str(program), "-c", DPKT, str(capture)],
        target=20,
        share=1,
        remedy="make peers",
    ),
    Peer(
        name="tshark",
        does="TCP and UDP conversations",
        program="tshark",
        command=lambda program, capture, _: [
            str(program), "-n", "-r", str(capture), "-q", "-z", "conv,tcp", "-z", "conv,udp",
        ],
        target=20,
        share=0.25,
        remedy="apt-get install tshark",
    ),
    Peer(
        name="cicflowmeter",
        does="flows with its statistics",
        program="cicflowmeter/bin/cicflowmeter",
        command=lambda program, capture, folder: [
            str(program), "-f", str(capture), "-c", str(folder / "cicflowmeter.csv"),
        ],
        target=1000,
        share=0.005,
        remedy="make peers; it needs tcpdump too",
    ),
)  # fmt: skip
