"""Captures to share out: conversations that cross every border between files and pieces, in many forms."""

import gzip
import random

from tests.capture.build import block, enhanced, ether, icmp, interface, ipv4, pcap, section, tcp, udp

START_S = 1_700_000_000


def conversations(seed=0, count=3000, *, step_ms=60):
    """Records (seconds, µs, frame): conversations that end in all ways, ICMP errors and ARP between them."""
    draw = random.Random(seed)
    records, at_ms = [], 0
    for _ in range(count):
        at_ms += draw.randrange(step_ms) if draw.random() < 0.99 else draw.randrange(20_000)
        here, there, port = draw.randrange(1, 9), draw.randrange(9, 15), draw.randrange(1000, 1010)
        ends = {"src": f"10.0.0.{here}", "dst": f"10.0.0.{there}"}
        if draw.random() < 0.5:
            ends = {"src": ends["dst"], "dst": ends["src"]}
        payload = draw.randbytes(draw.randrange(200))
        if draw.random() < 0.6:
            flags = draw.choice([0x02, 0x12, 0x10, 0x18, 0x18, 0x18, 0x11, 0x04])
            packet = ipv4(tcp(payload, port, 80, flags=flags), 6, **ends)
        else:
            packet = ipv4(udp(payload, port, 53), 17, **ends)
        if draw.random() < 0.05:
            packet = ipv4(icmp(3, 1, packet), 1, src=ends["dst"], dst=ends["src"])
        frame = ether(packet) if draw.random() < 0.97 else ether(b"", 0x0806)
        records.append((START_S + at_ms // 1000, at_ms % 1000 * 1000, frame))
    return records


def pcapng(records):
    """The same as pcapng."""
    blocks = [enhanced(data, seconds * 1_000_000 + us) for seconds, us, data in records]
    return section() + interface() + b"".join(blocks) + block(5, bytes(12))


def write_files(folder, records, files, *, forms=("pcap",)):
    """Writes records to so many files, one after the other, in these forms in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(records) // files)
    for number in range(files):
        piece, form = records[number * size : (number + 1) * size], forms[number % len(forms)]
        content = pcapng(piece) if form == "pcapng" else pcap(piece)
        if form == "gz":
            content = gzip.compress(content)
        (folder / f"{number:04}.{form}").write_bytes(content)
    return folder
