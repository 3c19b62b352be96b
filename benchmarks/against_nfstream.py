"""Meters every capture beside the repository here and in NFStream, and holds the flows against each other.

What differs in rules is taken away by the normalisers of normalise.py; then flows must be equal: protocol, both ends,
and packets and bytes of each way. Exits with 1 where more than 1 % of all flows are not.

    make peers sweep
    .venv/bin/python benchmarks/against_nfstream.py --captures ../shared/data/captures
"""

import argparse
import json
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from normalise import LEFT_OUT, NORMALISERS, Flow, Packet, joined, ports_of_tcp_and_udp, set_back, wrapped

from oddflow.bench.child import run
from oddflow.capture import _layout as layout
from oddflow.capture.reader import packets
from oddflow.errors import OddflowError
from oddflow.flows.settings import MeterSettings
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.schema import FlowEnd

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
ENDINGS = (".pcap", ".pcapng", ".cap")
SETTINGS = MeterSettings(idle_timeout_s=300, datagram_timeout_s=300, active_timeout_s=1800)
SECONDS_A_CHUNK, CHUNK = 300, 20
MOST_UNEXPLAINED = 0.01
ETHERNET = 1
LEAST_BYTES = 28
"""NFStream reads no IP packet that is shorter, with its Ethernet header."""

NFSTREAM = """
import json, sys
from nfstream import NFStreamer
for path in sys.argv[1:]:
    try:
        rows = [[f.protocol, f.src_ip, f.src_port, f.src2dst_packets, f.src2dst_bytes, f.dst_ip, f.dst_port,
                 f.dst2src_packets, f.dst2src_bytes, f.bidirectional_first_seen_ms, f.bidirectional_last_seen_ms,
                 f.vlan_id]
                for f in NFStreamer(path, idle_timeout=300, active_timeout=1800, accounting_mode=1, n_dissections=0,
                                    n_meters=1)]
    except ValueError as error:
        rows = str(error)
    print(json.dumps([path, rows]), flush=True)
"""


@dataclass
class Compared:
    """What came of one capture."""

    ours: int = 0
    theirs: int = 0
    equal: int = 0
    only_ours: list[Flow] = field(default_factory=list)
    only_theirs: list[Flow] = field(default_factory=list)


def read(path: Path) -> list[Packet]:
    """The packets of a capture."""
    found = []
    for batch in packets(str(path), Ledger()):
        for packet in batch.packets[: batch.count]:
            is_ip = packet["loss"] == layout.OK and packet["version"] in (4, 6)
            start, end = int(packet["ip_start"]), int(packet["start"]) + int(packet["captured"])
            length = int(packet["ip_length"])
            found.append(
                Packet(
                    time_ns=int(packet["time_ns"]),
                    link_type=int(packet["link_type"]),
                    frame=batch.data[int(packet["start"]) : end].tobytes(),
                    wire=int(packet["wire"]),
                    ip=batch.data[start : min(end, start + length)].tobytes() if is_ip else b"",
                    ip_length=length if is_ip else 0,
                    is_later_fragment=packet["fragment"] in (layout.FRAGMENT_LATER, layout.FRAGMENT_ALONE),
                    is_wrapped=bool(packet["tunnel"]),
                )
            )
    return found


def write(path: Path, found: list[Packet]) -> int:
    """Writes packets as they were captured, those that are wrapped as plain Ethernet frames; the number of these."""
    links = {packet.link_type for packet in found}
    link_type = links.pop() if len(links) == 1 and not any(map(wrapped, found)) else ETHERNET
    anew = 0
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, link_type))
        for packet in found:
            frame, wire = packet.frame, packet.wire
            if packet.link_type != link_type or wrapped(packet):
                frame = bytes(12) + (b"\x08\x00" if packet.ip[0] >> 4 == 4 else b"\x86\xdd") + packet.ip
                frame += bytes(max(0, LEAST_BYTES - len(frame)))
                wire = len(frame)
                anew += 1
            file.write(struct.pack("<IIII", *divmod(packet.time_ns, 10**9), len(frame), wire) + frame)
    return anew


def given(path: Path, folder: Path, touched: Counter[str]) -> Path:
    """The capture that both meters read: the file itself, or one without what the rules differ in."""
    whole = read(path)
    touched["packets"] += len(whole)
    kept, anew = [], False
    for packet in whole:
        why = next((rule.__name__ for rule in LEFT_OUT if rule(packet)), None)
        if why:
            touched[why] += 1
        else:
            kept.append(packet)
            if wrapped(packet):
                touched[wrapped.__name__] += 1
                anew = True
    if set_back(kept):
        touched[set_back.__name__] += 1
        kept.sort(key=lambda packet: packet.time_ns)
        anew = True
    if not anew and len(kept) == len(whole):
        return path
    replaced = folder / f"{len(list(folder.iterdir()))}-{path.name}.pcap"
    touched["written anew"] += write(replaced, kept)
    return replaced


def ours(path: Path, touched: Counter[str]) -> list[Flow]:
    """Our flows."""
    flows = []
    names = ["protocol", "src_ip", "src_port", "forward_packets", "forward_bytes", "dst_ip", "dst_port"]
    names += ["reverse_packets", "reverse_bytes", "start", "end", "end_reason"]
    try:
        for batch in read_flows(str(path), Ledger(), settings=SETTINGS):
            columns = [batch.column(name) for name in names]
            columns[9:11] = [column.cast("int64") for column in columns[9:11]]
            for protocol, *ends, start, end, reason in zip(*(c.to_pylist() for c in columns), strict=True):
                flow = Flow(protocol, tuple(ends[:4]), tuple(ends[4:]), start, end, reason == FlowEnd.END_OF_FLOW)
                flows.append(ports_of_tcp_and_udp(flow))
                touched[ports_of_tcp_and_udp.__name__] += flows[-1] != flow
    except OddflowError:
        pass
    found = joined(flows)
    touched[joined.__name__] += len(flows) - len(found)
    return found


def theirs(rows: list[list]) -> list[Flow]:
    """NFStream's flows."""
    flows = [Flow(r[0], tuple(r[1:5]), tuple(r[5:9]), r[9] * 10**6, r[10] * 10**6, r[11] > 0) for r in rows]
    return joined([ports_of_tcp_and_udp(flow) for flow in flows])


def nfstream(python: Path, paths: list[Path]) -> Iterator[tuple[Path, list | str]]:
    """NFStream's rows of each capture, or why there are none; it is started anew where it crashes or hangs."""
    left = list(paths)
    while left:
        try:
            child = run([str(python), "-c", NFSTREAM, *map(str, left)], timeout_s=SECONDS_A_CHUNK)
            said = [json.loads(line) for line in child.output.splitlines() if line.startswith("[")]
        except TimeoutError:
            said = []
        yield from ((Path(name), rows) for name, rows in said)
        left = left[len(said) :]
        if left:
            yield left.pop(0), "NFStream crashed or hung"


def compare(rows: list[list], path: Path, touched: Counter[str]) -> Compared:
    """Compares the flows of one capture."""
    mine, other = ours(path, touched), theirs(rows)
    flows = {flow.what_counts: flow for flow in [*mine, *other]}
    here, there = Counter(flow.what_counts for flow in mine), Counter(flow.what_counts for flow in other)
    return Compared(
        len(mine), len(other), (here & there).total(),
        [flows[what] for what in (here - there).elements()], [flows[what] for what in (there - here).elements()],
    )  # fmt: skip


def main() -> None:
    """Compares all captures and prints what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--captures", type=Path, default=DATA)
    parser.add_argument("--python", type=Path, default=Path("out/peers/nfstream/bin/python"), help="has NFStream 6.6")
    asked = parser.parse_args()
    if not asked.captures.is_dir():
        sys.exit(f"{asked.captures} is absent: there is nothing to compare")
    if not asked.python.is_file():
        sys.exit(f"{asked.python} is absent: NFStream comes with make peers")
    sys.exit(compare_all(asked.captures, asked.python.absolute()))


def compare_all(folder: Path, python: Path) -> int:
    """Compares the captures below a folder; 1 where too much differs."""
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith(ENDINGS) and path.is_file())
    touched: Counter[str] = Counter()
    sums, worst, unread = Compared(), [], []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        replaced = {given(path, Path(scratch), touched): path for path in paths}
        names = list(replaced)
        chunks = [names[at : at + CHUNK] for at in range(0, len(names), CHUNK)]
        for chunk in pool.map(lambda chunk: list(nfstream(python, chunk)), chunks):
            for path, rows in chunk:
                if isinstance(rows, str):
                    unread.append(f"{replaced[path].name}: {rows}")
                    continue
                found = compare(rows, path, touched)
                sums.ours, sums.theirs, sums.equal = (
                    sums.ours + found.ours, sums.theirs + found.theirs, sums.equal + found.equal,
                )  # fmt: skip
                if found.only_ours or found.only_theirs:
                    worst.append((replaced[path], found))
    return show(paths, sums, touched, worst, unread)


def show(paths: list[Path], sums: Compared, touched: Counter[str], worst: list, unread: list[str]) -> int:
    """Prints the result; 1 where too much differs."""
    for path, found in sorted(worst, key=lambda pair: -len(pair[1].only_ours) - len(pair[1].only_theirs)):
        print(f"{path.name}: {len(found.only_ours)} flows only here, {len(found.only_theirs)} only in NFStream")
        for name, flows in (("here", found.only_ours), ("NFStream", found.only_theirs)):
            for flow in flows[:3]:
                print(f"    {name}: {flow.what_counts}")
    print("\n" + "\n".join(f"not read by NFStream: {line}" for line in unread))
    print(f"\n{len(paths):,} captures, {len(NORMALISERS)} normalisers")
    for rule in NORMALISERS:
        print(f"  {touched[rule.__name__]:9,}  {rule.__name__}: {(rule.__doc__ or '').splitlines()[0]}")
    left_out = sum(touched[rule.__name__] for rule in LEFT_OUT)
    print(
        f"\n{touched['packets']:,} packets: {left_out:,} left out, {touched['written anew']:,} given as plain Ethernet "
        f"frames, the others as they were captured"
    )
    most = max(sums.ours, sums.theirs)
    share = 1 - sums.equal / most if most else 1.0
    print(f"{sums.ours:,} flows here, {sums.theirs:,} in NFStream, {sums.equal:,} equal: {share:.2%} not explained")
    return int(share > MOST_UNEXPLAINED)


if __name__ == "__main__":
    main()
