"""Meters every real capture beside the repository and holds the counts against Wireshark's.

For each file: no crash, no hang, metered + lost = the packets that Wireshark's reader counts (capinfos, which ships
with tshark), and as many packets in flows as were metered. A difference must belong to a class explained below.
With --flows PYTHON, a Python that has NFStream, flows of 50 captures are held against it too: see docs/metering.md.

    make sweep
    .venv/bin/python benchmarks/sweep.py --flows ~/nfstream/bin/python

Exits with 1 where a difference is not explained.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oddflow.errors import OddflowError
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz")
SECONDS_A_FILE = 60
FLOW_CAPTURES = 50

REFUSED_BY_WIRESHARK = (
    "Wireshark does not read the file (link type or version unknown to it); each packet is a loss here"
)
NOT_EXPLAINED = "NOT EXPLAINED"

EXPLAINED_FLOWS = {"anydesk.pcapng": "NFStream misses one of the 174 packets that tshark counts"}
NEEDED = ["src_ip", "src_port", "dst_ip", "dst_port", "protocol", "forward_packets", "reverse_packets"]

NFSTREAM = """
import json, sys
from nfstream import NFStreamer
for path in sys.argv[1:]:
    stream = NFStreamer(path, idle_timeout=60, active_timeout=1800, accounting_mode=1, n_dissections=0, n_meters=1)
    keys = [sorted([(f.src_ip, f.src_port), (f.dst_ip, f.dst_port)]) + [f.protocol, f.bidirectional_packets]
            for f in stream if f.protocol in (6, 17)]
    print(json.dumps([path, keys]), flush=True)
"""


@dataclass(frozen=True)
class Metered:
    """What our meter made of one file; `error` where it refused it."""

    total: int
    metered: int
    in_flows: int
    flows: int
    error: str = ""


def files() -> list[Path]:
    """All captures, in a fixed order."""
    return sorted(path for path in DATA.rglob("*") if path.name.endswith(ENDINGS) and path.is_file())


def meter(path: Path) -> Metered:
    """Meters one file; runs in a process of its own."""
    ledger = Ledger()
    flows = in_flows = 0
    error = ""
    try:
        for batch in read_flows(str(path), ledger):
            flows += batch.num_rows
            in_flows += sum(sum(batch.column(f"{way}_packets").to_pylist()) for way in ("forward", "reverse"))
    except OddflowError as refused:
        error = str(refused)
    return Metered(ledger.total, ledger.metered, in_flows, flows, error)


def wireshark(path: Path) -> tuple[int | None, str]:
    """The packets that Wireshark's reader counts, or None and why it reads none."""
    told = subprocess.run(
        ["capinfos", "-c", "-M", "-T", "-r", str(path)],
        capture_output=True, text=True, timeout=SECONDS_A_FILE, check=False,
    )  # fmt: skip
    cells = told.stdout.strip().split("\t")
    return (int(cells[-1]), "") if cells[-1].isdigit() else (None, told.stderr.strip())


def tshark(path: Path) -> int:
    """The packets that tshark itself lists before it stops."""
    told = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"],
        capture_output=True, text=True, timeout=SECONDS_A_FILE, check=False,
    )  # fmt: skip
    return len(told.stdout.split())


def compare(path: Path) -> tuple[Path, str, str]:
    """(file, class of the difference, detail); an empty class where all agrees."""
    ours = meter(path)
    theirs, why = wireshark(path)
    detail = f"{ours.total} here, {theirs} there{': ' + why.splitlines()[-1] if why else ''}"
    if ours.in_flows != ours.metered:
        return path, NOT_EXPLAINED, f"{ours.metered} metered, {ours.in_flows} in flows"
    if ours.error and theirs:
        return path, NOT_EXPLAINED, ours.error
    if ours.total == (theirs or 0) or (theirs is None and ours.total == tshark(path)):
        return path, "", detail
    if theirs is None and ("unknown or unsupported" in why or "unknown SHB version" in why):
        return path, REFUSED_BY_WIRESHARK, detail
    return path, NOT_EXPLAINED, detail


def sweep(paths: list[Path]) -> int:
    """Compares the packets of every file; the number of differences not explained."""
    classes: Counter[str] = Counter()
    begun = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for path, asked in [(path, pool.submit(compare, path)) for path in paths]:
            try:
                _, kind, detail = asked.result(timeout=SECONDS_A_FILE)
            except TimeoutError:
                sys.exit(f"{path.name} hangs: no answer in {SECONDS_A_FILE} s")
            classes[kind] += 1
            if kind:
                print(f"{path.relative_to(DATA)}: {kind}; {detail}")
    print(f"\n{len(paths):,} files in {time.monotonic() - begun:.0f} s")
    for kind, count in classes.most_common():
        print(f"{count:6,}  {kind or 'the same packets as Wireshark counts'}")
    return classes[NOT_EXPLAINED]


def tcp_and_udp(path: Path) -> tuple[int, dict[str, int]]:
    """(flows, packets of each pair of ends) of the TCP and UDP flows of a capture."""
    pairs: Counter[str] = Counter()
    flows = 0
    settings = MeterSettings(idle_timeout_s=60, active_timeout_s=1800, datagram_timeout_s=60)
    for batch in read_flows(str(path), Ledger(), settings=settings):
        for row in batch.select(NEEDED).to_pylist():
            if row["protocol"] in (6, 17) and row["src_port"] | row["dst_port"]:
                ends = sorted([(row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])])
                pairs[json.dumps([*ends, row["protocol"]])] += row["forward_packets"] + row["reverse_packets"]
                flows += 1
    return flows, dict(pairs)


def against_nfstream(python: str, paths: list[Path]) -> int:
    """Compares flows with NFStream's; the number of captures whose pairs of ends or packets differ."""
    asked = subprocess.run(
        [python, "-c", NFSTREAM, *map(str, paths)], capture_output=True, text=True, timeout=600, check=True
    )
    differ = 0
    print(f"\n{'capture':44}{'flows':>8}{'NFStream':>10}{'pairs':>8}{'NFStream':>10}{'packets':>9}{'NFStream':>10}")
    sums: Counter[str] = Counter()
    for line in asked.stdout.splitlines():
        name, rows = json.loads(line)
        flows, ours = tcp_and_udp(Path(name))
        theirs: Counter[str] = Counter()
        for one, other, protocol, packets in rows:
            theirs[json.dumps([one, other, protocol])] += packets
        numbers = (flows, len(rows), len(ours), len(theirs), sum(ours.values()), sum(theirs.values()))
        sums.update(dict(zip(map(str, range(6)), numbers, strict=True)))
        print(("{:44}" + "{:8}{:10}" * 2 + "{:9}{:10}").format(Path(name).name[:43], *numbers))
        if ours != dict(theirs):
            why = EXPLAINED_FLOWS.get(Path(name).name, NOT_EXPLAINED)
            print(f"    {why}")
            differ += why == NOT_EXPLAINED
    print(("{:44}" + "{:8}{:10}" * 2 + "{:9}{:10}").format("all", *(sums[str(i)] for i in range(6))))
    print(f"{differ} of {len(paths)} captures differ in a pair of ends or its packets without an explanation")
    return differ


def for_flows() -> list[Path]:
    """Captures with TCP and UDP and neither tunnels, VLANs, fragments nor malformed packets, in a fixed order."""
    fit = []
    for path in sorted((DATA / "captures" / "ndpi").glob("*.pcap*")):
        told = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.protocols", "-Y", "not arp"],
            capture_output=True, text=True, timeout=SECONDS_A_FILE, check=False,
        )  # fmt: skip
        stacks = set(told.stdout.split())
        if stacks and all(is_plain(stack) for stack in stacks):
            fit.append(path)
        if len(fit) == FLOW_CAPTURES:
            break
    return fit


def is_plain(stack: str) -> bool:
    """Whether a protocol stack is Ethernet, one IP header, and TCP or UDP."""
    layers = stack.split(":")
    return layers[:2] == ["eth", "ethertype"] and sum(layer in ("ip", "ipv6") for layer in layers) == 1 and (
        layers[3:4] in (["tcp"], ["udp"])
    )  # fmt: skip


def main() -> None:
    """Runs the sweep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--flows", metavar="PYTHON", help="a Python with NFStream 6.6, to compare flows with")
    asked = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: there is nothing to sweep")
    if not shutil.which("capinfos") or not shutil.which("tshark"):
        sys.exit("tshark and capinfos are needed: apt-get install tshark")
    wrong = sweep(files())
    if asked.flows:
        wrong += against_nfstream(asked.flows, for_flows())
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
