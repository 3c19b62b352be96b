"""Meters every real capture beside the repository and holds the counts against Wireshark's.

For each file: no crash, no hang, metered + lost = the packets that Wireshark's reader counts (capinfos, which ships
with tshark), their lengths on the wire sum up to the bytes that it counts, and as many packets in flows as were
metered. A difference must belong to a class explained below.

    make sweep

Exits with 1 where a difference is not explained.
"""

import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oddflow.capture.reader import packets
from oddflow.errors import OddflowError
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz")
SECONDS_A_FILE = 60

REFUSED_BY_WIRESHARK = (
    "Wireshark does not read the file (link type or version unknown to it); each packet is a loss here"
)
ATM_PSEUDO_HEADER = "Wireshark takes a pseudo header of 4 bytes off each ATM packet before it counts bytes"
NOT_EXPLAINED = "NOT EXPLAINED"


@dataclass(frozen=True)
class Metered:
    """What our meter made of one file; `error` where it refused it."""

    total: int
    metered: int
    in_flows: int
    wire_bytes: int
    error: str = ""


def files() -> list[Path]:
    """All captures, in a fixed order."""
    return sorted(path for path in DATA.rglob("*") if path.name.endswith(ENDINGS) and path.is_file())


def meter(path: Path) -> Metered:
    """Meters one file; runs in a process of its own."""
    ledger = Ledger()
    in_flows = wire_bytes = 0
    error = ""
    try:
        for batch in read_flows(str(path), ledger):
            in_flows += sum(sum(batch.column(f"{way}_packets").to_pylist()) for way in ("forward", "reverse"))
        for batch in packets(str(path), Ledger()):
            wire_bytes += int(batch.field("wire").sum(dtype=np.int64))
    except OddflowError as refused:
        error = str(refused)
    return Metered(ledger.total, ledger.metered, in_flows, wire_bytes, error)


def wireshark(path: Path) -> tuple[tuple[int, int] | None, str]:
    """The packets, and their bytes on the wire, that Wireshark's reader counts, or None and why it reads none."""
    told = subprocess.run(
        ["capinfos", "-c", "-d", "-M", "-T", "-r", str(path)],
        capture_output=True, text=True, timeout=SECONDS_A_FILE, check=False,
    )  # fmt: skip
    cells = told.stdout.strip().split("\t")
    return ((int(cells[-2]), int(cells[-1])), "") if cells[-1].isdigit() else (None, told.stderr.strip())


def tshark(path: Path) -> tuple[int, int]:
    """The packets, and their bytes on the wire, that tshark itself lists before it stops."""
    told = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.len"],
        capture_output=True, text=True, timeout=SECONDS_A_FILE, check=False,
    )  # fmt: skip
    sizes = told.stdout.split()
    return len(sizes), sum(map(int, sizes))


def compare(path: Path) -> tuple[Path, str, str]:
    """(file, class of the difference, detail); an empty class where all agrees."""
    ours = meter(path)
    theirs, why = wireshark(path)
    here = ours.total, ours.wire_bytes
    detail = f"{here} here, {theirs} there{': ' + why.splitlines()[-1] if why else ''}"
    if ours.in_flows != ours.metered:
        return path, NOT_EXPLAINED, f"{ours.metered} metered, {ours.in_flows} in flows"
    if ours.error and theirs and theirs[0]:
        return path, NOT_EXPLAINED, ours.error
    if here == (theirs or (0, 0)) or (theirs is None and here == tshark(path)):
        return path, "", detail
    if theirs is None and ("unknown or unsupported" in why or "unknown SHB version" in why):
        return path, REFUSED_BY_WIRESHARK, detail
    if theirs and theirs == (here[0], here[1] - 4 * here[0]) and "atm" in path.name:
        return path, ATM_PSEUDO_HEADER, detail
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
        print(f"{count:6,}  {kind or 'the same packets and bytes as Wireshark counts'}")
    return classes[NOT_EXPLAINED]


def main() -> None:
    """Runs the sweep."""
    if not DATA.is_dir():
        sys.exit("../shared/data is absent: there is nothing to sweep")
    if not shutil.which("capinfos") or not shutil.which("tshark"):
        sys.exit("tshark and capinfos are needed: apt-get install tshark")
    sys.exit(1 if sweep(files()) else 0)


if __name__ == "__main__":
    main()
