"""Holds what the decoder says of each packet against tshark: the innermost addresses and ports, or that it is ARP.

Each packet of every capture beside the repository counts; what an ICMP error quotes does not. A difference must belong
to a class explained below. Takes minutes: tshark reads slowly.

    .venv/bin/python benchmarks/innermost.py [CAPTURE…]

Exits with 1 where a difference is not explained.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from oddflow.capture import _layout as layout
from oddflow.capture.reader import packets
from oddflow.errors import OddflowError
from oddflow.losses import Ledger
from oddflow.schema import Tunnel

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz")
SECONDS_A_FILE = 300
ADDRESSES = ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst")
PORTS = ("udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport")
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")

NOT_EXPLAINED = "NOT EXPLAINED"
MALFORMED = "cut or malformed inside its headers: a loss here, while tshark shows what there is"
NO_TUNNEL = "carried by what is no tunnel here (PIM, sFlow, CAPWAP, IPComp)"
TAGGED = "behind a tag that is not read here (Arista's time stamps, MACsec without encryption)"
LINK_TYPE = "of a link type that is not read here"
ONLY_HERE = "not read by tshark 4.0: VXLAN on port 8472, tunnels in packets of more than 65,535 bytes"
IMPLAUSIBLE = "what tshark takes for the inside of a tunnel is longer than what carries it, or no packet"
STOPPED = "tshark stops at an option or a length that it finds malformed; here the rest is read"
OTHER_VERSION = "of a link type that promises another IP version than the packet's: tshark stops there"

Ends = tuple[Any, ...]


def theirs(path: Path) -> dict[int, tuple[Ends, list[str]]]:
    """(innermost ends, layers) of each packet by its number."""
    fields = ["frame.encap_type", "frame.protocols", *ADDRESSES, *PORTS]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in fields:
        command += ["-e", field]
    told = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS_A_FILE, check=False
    )
    found = {}
    for line in told.stdout.splitlines():
        cells = line.split("\t")
        if len(cells) == len(fields) and cells[0]:  # other blocks of a pcapng file have a number in tshark, but no type
            row = dict(zip(fields, cells, strict=True))
            layers = row["frame.protocols"].split(":")
            found[len(found) + 1] = ends(row, layers), layers
    return found


def ends(row: dict[str, str], layers: list[str]) -> Ends:
    """Addresses, and ports where there are any, of the innermost packet; () where there is none."""
    quoting = [place for place, layer in enumerate(layers) if layer in ("icmp", "icmpv6")]
    layers = layers[: quoting[0]] if quoting else layers
    networks = [place for place, layer in enumerate(layers) if layer in ("ip", "ipv6", "arp")]
    if not networks:
        return ()
    last = networks[-1]
    name = layers[last]
    if name == "arp":
        return ("ARP",)
    try:
        number = layers[: last + 1].count(name) - 1
        found: Ends = tuple(row[f"{name}.{end}"].split(",")[number] for end in ("src", "dst"))
        transports = [layer for layer in layers[last + 1 :] if layer in ("tcp", "udp")][:1]
        for transport in transports:
            number = layers[: last + 1].count(transport)
            found += tuple(int(row[f"{transport}.{end}port"].split(",")[number]) for end in ("src", "dst"))
    except (IndexError, ValueError):  # cut inside the header
        return ("cut",)
    return found


def ours(path: Path) -> Iterator[tuple[Ends, Any]]:
    """(innermost ends, record) of each packet."""
    for batch in packets(str(path), Ledger()):
        for packet in batch.packets[: batch.count]:
            if packet["loss"]:
                yield (), packet
            elif packet["version"] == 0:
                yield ("ARP",), packet
            else:
                found: Ends = (address(packet, "src"), address(packet, "dst"))
                if packet["protocol"] in (6, 17) and packet["fragment"] < layout.FRAGMENT_LATER:
                    found += (int(packet["src_port"]), int(packet["dst_port"]))
                yield found, packet


def address(packet: Any, end: str) -> str:
    """An end's address as text."""
    if packet["version"] == 4:
        return str(ip_address(int(packet[f"{end}_low"])))
    number = int(packet[f"{end}_high"]) << 64 | int(packet[f"{end}_low"])
    return str(ip_address(number.to_bytes(16, "big")))


def explanation(packet: Any, mine: Ends, found: Ends, layers: list[str]) -> str:
    """The class of a difference."""
    loss, tunnel, seen = packet["loss"], packet["tunnel"], set(layers)
    classes = (
        (LINK_TYPE, loss == layout.LOST_LINK_TYPE),
        (TAGGED, loss == layout.LOST_NOT_IP and {"avsp", "macsec"} & seen),
        (MALFORMED, loss not in (layout.OK, layout.LOST_NOT_IP)),
        (NO_TUNNEL, {"pim", "sflow", "capwap.data", "ipcomp"} & seen),
        (ONLY_HERE, tunnel in (Tunnel.VXLAN, Tunnel.GENEVE) and not {"vxlan", "geneve"} & seen),
        (OTHER_VERSION, not found),
        (STOPPED, "" in found or found == mine[: len(found)]),
        (IMPLAUSIBLE, found == ("cut",) or packet["protocol"] in (4, 41)),
    )
    return next((name for name, holds in classes if holds), NOT_EXPLAINED)


def compare(path: Path) -> tuple[Path, Counter[str], Counter[str]]:
    """(file, packets by class of difference, packets by tunnel)."""
    classes: Counter[str] = Counter()
    tunnels: Counter[str] = Counter()
    told = theirs(path)
    try:
        for number, (mine, packet) in enumerate(ours(path), 1):
            if number not in told:
                continue
            found, layers = told[number]
            same = mine == found[: len(mine)] if mine else not found
            classes["" if same else explanation(packet, mine, found, layers)] += 1
            if same and packet["tunnel"] and not packet["loss"]:
                tunnels[Tunnel(packet["tunnel"]).name] += 1
    except OddflowError:  # the sweep looks at what is refused
        pass
    return path, classes, tunnels


def main() -> None:
    """Runs the comparison."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted(
        path for path in DATA.rglob("*") if path.name.endswith(ENDINGS) and path.is_file()
    )
    if not paths:
        sys.exit("../shared/data is absent: there is nothing to compare; name a capture")
    classes: Counter[str] = Counter()
    tunnels: Counter[str] = Counter()
    carriers = 0
    with ProcessPoolExecutor() as pool:
        for path, different, carried in pool.map(compare, paths):
            classes += different
            tunnels += carried
            carriers += bool(carried)
            if different[NOT_EXPLAINED]:
                print(f"{path.name}: {different[NOT_EXPLAINED]} packets: {NOT_EXPLAINED}")
    for kind, count in classes.most_common():
        print(f"{count:8,}  {kind or 'the same ends as tshark says'}")
    print(f"\npackets in tunnels with the same ends, of {carriers} captures:")
    for name, count in tunnels.most_common():
        print(f"{count:8,}  {name}")
    sys.exit(1 if classes[NOT_EXPLAINED] else 0)


if __name__ == "__main__":
    main()
