"""Small captures of a made-up office: names asked, pages fetched, pings, IPv6; and one with a scan beside them."""

import random
import struct

from tests.capture.build import ether, icmp, ipv4, ipv6, pcap, tcp, udp

START_S = 1_700_000_000
SYN, ACK, PUSH, FIN, RESET = 0x02, 0x10, 0x18, 0x11, 0x14
SCANNER, SCANNED = "10.0.0.66", "10.0.0.10"
SCANNED_PORTS = 120


def _page(at, client, port, size):
    """A page fetched from a web server: ten packets."""
    there = {"src": client, "dst": SCANNED}
    back = {"src": SCANNED, "dst": client}

    def one(flags, data=b"", *, answer=False):
        ports = {"src": 80, "dst": port} if answer else {"src": port, "dst": 80}
        return ether(ipv4(tcp(data, flags=flags, **ports), 6, **(back if answer else there)))

    packets = [one(SYN), one(SYN | ACK, answer=True), one(ACK), one(PUSH, b"GET / HTTP/1.1\r\nHost: intranet\r\n\r\n")]
    packets += [one(PUSH, b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * size, answer=True), one(ACK)]
    packets += [one(FIN), one(ACK, answer=True), one(FIN, answer=True), one(ACK)]
    return [(at + 0.001 * step, packet) for step, packet in enumerate(packets)]


def _question(at, client, port, name):
    query = struct.pack(">HHHHHH", port, 0x0100, 1, 0, 0, 0) + bytes([len(name)]) + name + b"\x00\x00\x01\x00\x01"
    return [
        (at, ether(ipv4(udp(query, port, 53), src=client, dst="10.0.0.53"))),
        (at + 0.002, ether(ipv4(udp(query + b"\xc0\x0c" + bytes(14), 53, port), src="10.0.0.53", dst=client))),
    ]


def _pings(at, client, other):
    """Both ping each other at once: two flows of the same hosts and times."""
    packets = []
    for step in range(3):
        for src, dst, shift in ((client, other, 0.0), (other, client, 0.01)):
            packets.append((at + step + shift, ether(ipv4(icmp(8, 0, b"p" * 48), 1, src=src, dst=dst))))
            packets.append((at + step + shift + 0.002, ether(ipv4(icmp(0, 0, b"p" * 48), 1, src=dst, dst=src))))
    return packets


def _over_ipv6(at, port):
    here, there = 0xFD00_0000_0000_0000_0000_0000_0000_0005, 0xFD00_0000_0000_0000_0000_0000_0000_0053
    return [
        (at, ether(ipv6(udp(b"time?", port, 123), src=here, dst=there), 0x86DD)),
        (at + 0.003, ether(ipv6(udp(b"noon.", 123, port), src=there, dst=here), 0x86DD)),
    ]


def _scan(at):
    packets = []
    for step in range(SCANNED_PORTS):
        port, when = 1000 + step, at + 0.01 * step
        packets.append((when, ether(ipv4(tcp(src=55_555, dst=port, flags=SYN), 6, src=SCANNER, dst=SCANNED))))
        answer = ether(ipv4(tcp(src=port, dst=55_555, flags=RESET), 6, src=SCANNED, dst=SCANNER))
        packets.append((when + 0.0001, answer))
    return packets


def packets_of(*, seconds=240, scan=False, arp=False, seed=1):
    """(time in s, frame) of all packets, in order."""
    draw = random.Random(seed)
    packets = []
    for second in range(seconds):
        client = f"10.0.0.{draw.randrange(2, 7)}"
        port = 20_000 + 8 * second
        packets += _question(second + draw.random() / 2, client, port, draw.choice([b"mail", b"intranet", b"printer"]))
        if second % 2:
            packets += _page(second + draw.random() / 2, client, port + 1, draw.randrange(200, 1200))
        if second % 40 == 0:
            packets += _pings(second, client, "10.0.0.9")
        if second % 10 == 0:
            packets += _over_ipv6(second + draw.random(), port + 2)
        if arp and second % 30 == 0:
            packets.append((second, ether(bytes(28), 0x0806)))
    if scan:
        packets += _scan(seconds / 2)
    return sorted(packets, key=lambda packet: packet[0])


def capture(**options):
    """A whole pcap file as bytes."""
    return pcap([(START_S + int(at), round(at % 1 * 1e6), frame) for at, frame in packets_of(**options)])
