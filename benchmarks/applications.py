"""Measures the four ways to name an application on captures whose file name says what is in them.

Prints the tables of docs/applications.md:

    .venv/bin/python benchmarks/applications.py
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import oddflow
from oddflow.errors import OddflowError

ROOT = Path(__file__).parents[1]
CAPTURES = ROOT / ".." / "shared" / "data" / "captures"
FOLDERS = ("ndpi", "zeek-btest")
SEES_WEB = ("https", "tls", "http", "quic")
EXPECTED = {
    "443-": SEES_WEB, "afp": ("afp",), "amqp": ("amqp",), "bfcp": ("bfcp",), "bfd": ("bfd",), "bitcoin": ("bitcoin",),
    "bittorrent": ("bittorrent",), "dce-rpc/": ("dcerpc", "smb"), "dhcp/": ("dhcp",), "dnp3/": ("dnp3",),
    "irc": ("irc",), "krb/": ("kerberos",), "ldap/": ("ldap", "cldap"), "mount/": ("rpc", "nfs"), "mysql/": ("mysql",),
    "nfs/": ("nfs", "rpc"), "ntp/": ("ntp",), "postgresql/": ("postgresql",), "quic/": ("quic",), "redis/": ("redis",),
    "sip/": ("sip",), "snmp/": ("snmp",), "socks": ("socks",), "syslog": ("syslog",), "telnet": ("telnet",),
    "rdp/": ("rdp",), "capwap": ("capwap",), "ceph": ("ceph",), "cip_io": ("cip-io",),
    "citrix": ("citrix",), "corba": ("corba",), "diameter": ("diameter",), "dns": ("dns",),
    "dns2tcp": SEES_WEB, "dns_do": ("dns-over-tls", *SEES_WEB), "dnscrypt": SEES_WEB, "dtls": ("dtls",),
    "edonkey": ("edonkey",), "elasticsearch": ("elasticsearch",), "ethereum": ("ethereum",),
    "ethernetIP": ("ethernet-ip",), "fins": ("fins",), "fix": ("fix",), "ftp": ("ftp",), "gearman": ("gearman",),
    "git": ("git",), "gquic": ("quic",), "http": ("http",), "IEC104": ("iec104",), "imap": ("imap",), "ipp": ("ipp",),
    "ipsec": ("isakmp", "esp-in-udp"), "kerberos": ("kerberos",), "knxip": ("knx",), "lisp": ("lisp",),
    "lustre": ("lustre",), "memcached": ("memcached",), "mgcp": ("mgcp",), "modbus": ("modbus",),
    "monero": ("monero",), "mongodb": ("mongodb",), "mqtt": ("mqtt",), "mssql": ("mssql",), "mumble": ("mumble",),
    "munin": ("munin",), "natpmp": ("natpmp",), "nats": ("nats",), "netbios": ("netbios-ns", "netbios-dgm", "smb"),
    "netflow": ("netflow",), "nfsv2": ("nfs", "rpc"), "nntp": ("nntp",), "NTP": ("ntp",), "openvpn": ("openvpn",),
    "oracle": ("oracle",), "Oscar": ("oscar",), "pfcp": ("pfcp",), "pgsql": ("postgresql",), "pop3": ("pop3",),
    "pptp": ("pptp",), "ptpv2": ("ptp",), "quic": ("quic",), "quickplay": SEES_WEB, "raknet": ("raknet",),
    "rdp": ("rdp",),
    "resp": ("redis",), "rmcp": ("rmcp",), "rsh.": ("rsh",), "rsync": ("rsync",), "rtcp": ("rtcp",),
    "rtmp": ("rtmp",), "s7comm": ("s7comm",), "sccp": ("sccp",), "sflow": ("sflow",), "sip.": ("sip",),
    "smb": ("smb",), "smpp": ("smpp",), "smtp": ("smtp",), "source_engine": ("source-engine",),
    "srvloc": ("service-location",), "ssdp": ("ssdp",), "ssh": ("ssh",), "stun": ("stun",),
    "teamspeak": ("teamspeak",), "tftp": ("tftp",), "thrift": ("thrift",), "tinc": ("tinc",), "tls": SEES_WEB,
    "vnc": ("vnc",), "websocket": ("websocket", *SEES_WEB), "whois": ("whois",), "z3950": ("z3950",),
}  # fmt: skip
"""What a capture's path begins with in its folder, and the names that are right for its largest flow."""
AGREEMENTS = ("both say the same", "they differ", "port alone", "signature alone", "neither names it")
SAME = {"https": {"tls"}, "http": {"websocket", "http2", "ipp"}, "smb": {"netbios-ns"}, "rpc": {"nfs"}}
"""Names by port that stand for other names by signature."""
GROUPS = {
    "dns, mdns, llmnr": ("dns", "mdns", "llmnr"), "tls": ("tls",), "http": ("http", "websocket"), "quic": ("quic",),
    "ssh": ("ssh",), "stun, rtp, rtcp, dtls": ("stun", "rtp", "rtcp", "dtls"), "dhcp": ("dhcp",), "ntp": ("ntp",),
    "ftp, smb, nfs, tftp": ("ftp", "smb", "nfs", "tftp"),
    "bittorrent, bitcoin": ("bittorrent", "bitcoin"),
    "data bases": ("mysql", "postgresql", "mongodb", "redis", "mssql"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamedFlow:
    """One flow under all four ways; None where a way gives no name."""

    packets: int
    by_port: str | None
    by_signature: str | None
    by_statistics: str | None
    by_behaviour: str | None


def named_flows(path: Path) -> Iterator[NamedFlow]:
    """All flows of a capture under all four ways."""
    for batch in oddflow.flows(str(path)):
        ways = [batch.column(f"app_by_{way}").to_pylist() for way in ("port", "signature", "statistics", "behaviour")]
        packets = (batch.column(f"{way}_packets").to_pylist() for way in ("forward", "reverse"))
        for forward, reverse, *names in zip(*packets, *ways, strict=True):
            yield NamedFlow(forward + reverse, *names)


def expected_names(path: Path, folder: Path) -> tuple[str, ...]:
    """What the file's name says is in it; nothing where it says nothing we know."""
    name = path.relative_to(folder).as_posix()
    fitting = [prefix for prefix in EXPECTED if name.startswith(prefix)]
    return EXPECTED[max(fitting, key=len)] if fitting else ()


def verdict(name: str | None, right: tuple[str, ...]) -> str:
    """Whether a name is right, other, or none."""
    return "none" if name is None else "right" if name in right else "other"


def print_table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def mostly(counts: Counter[str | None]) -> str:
    """The two commonest names with their shares."""
    total = sum(counts.values())
    return ", ".join(f"{name or 'none'} {count / total:.0%}" for name, count in counts.most_common(2))


@dataclass(slots=True)
class Tally:
    """What the captures of a folder gave."""

    captures: int = 0
    flows: int = 0
    largest: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    pairs: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, tuple[Counter[str | None], Counter[str | None]]] = field(
        default_factory=lambda: {group: (Counter(), Counter()) for group in GROUPS}
    )

    def add(self, flows: list[NamedFlow], right: tuple[str, ...]) -> None:
        """Adds one capture."""
        self.flows += len(flows)
        for flow in flows:
            self.pairs[agreement(flow)] += 1
            for group, names in GROUPS.items():
                if flow.by_signature in names:
                    self.kinds[group][0][flow.by_statistics] += 1
                    self.kinds[group][1][flow.by_behaviour] += 1
        if right and flows:
            self.captures += 1
            main_flow = max(flows, key=lambda flow: flow.packets)
            self.largest["by port"][verdict(main_flow.by_port, right)] += 1
            self.largest["by signature"][verdict(main_flow.by_signature, right)] += 1


def tally(folder: Path, *, verbose: bool) -> Tally:
    """Names all flows of all captures in a folder."""
    found = Tally()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            flows = list(named_flows(path))
        except OddflowError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        right = expected_names(path, folder)
        found.add(flows, right)
        if verbose and right and flows:
            main_flow = max(flows, key=lambda flow: flow.packets)
            if verdict(main_flow.by_signature, right) != "right":
                print(f"{path.relative_to(folder)}: {main_flow}", file=sys.stderr)
    return found


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=Path, default=CAPTURES, help="where the folders of named captures are")
    parser.add_argument("--verbose", action="store_true", help="also print each capture whose signature is not right")
    options = parser.parse_args()
    tallies = {name: tally(options.captures / name, verbose=options.verbose) for name in FOLDERS}
    print_table(
        ("captures", "way", "right", "another name", "no name"),
        [
            (f"{name} ({found.captures})", way, counts["right"], counts["other"], counts["none"])
            for name, found in tallies.items()
            for way, counts in found.largest.items()
        ],
    )
    print_table(
        ("flows", *tallies),
        [(words, *(found.pairs[words] for found in tallies.values())) for words in AGREEMENTS],
    )
    kinds = {
        group: tuple(sum((found.kinds[group][way] for found in tallies.values()), Counter()) for way in (0, 1))
        for group in GROUPS
    }
    print_table(
        ("signature", "flows", "by statistics", "by behaviour"),
        [(group, sum(a.values()), mostly(a), mostly(b)) for group, (a, b) in kinds.items() if a],
    )


def agreement(flow: NamedFlow) -> str:
    """How the first two ways stand to each other."""
    if flow.by_port is None and flow.by_signature is None:
        return "neither names it"
    if flow.by_port is None:
        return "signature alone"
    if flow.by_signature is None:
        return "port alone"
    is_same = flow.by_signature == flow.by_port or flow.by_signature in SAME.get(flow.by_port, ())
    return "both say the same" if is_same else "they differ"


if __name__ == "__main__":
    main()
