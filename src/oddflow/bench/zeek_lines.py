"""Makes Zeek's conn.log of any length: lines like real ones, the same for the same seed."""

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

FIELDS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr", "id.resp_p": "port",
    "proto": "enum", "service": "string", "duration": "interval", "orig_bytes": "count", "resp_bytes": "count",
    "conn_state": "string", "local_orig": "bool", "local_resp": "bool", "missed_bytes": "count", "history": "string",
    "orig_pkts": "count", "orig_ip_bytes": "count", "resp_pkts": "count", "resp_ip_bytes": "count",
    "tunnel_parents": "set[string]",
}  # fmt: skip
KINDS = (
    # share, protocol, port, service, state, history
    (0.35, "udp", 53, "dns", "SF", "Dd"),
    (0.30, "tcp", 443, "ssl", "SF", "ShADadFf"),
    (0.10, "tcp", 80, "http", "SF", "ShADadfF"),
    (0.12, "tcp", 23, None, "S0", "S"),
    (0.05, "tcp", 445, None, "REJ", "Sr"),
    (0.05, "udp", 123, "ntp", "S0", "D"),
    (0.03, "icmp", 0, None, "OTH", None),
)
UID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
EPOCH_S, A_SECOND = 1_700_000_000.0, 2_000


def records(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Records of connections, in the order of time; what one lacks is None."""
    chance = random.Random(seed)  # noqa: S311  (traffic, no secrets)
    kinds = chance.choices(KINDS, [kind[0] for kind in KINDS], k=4096)
    for number in range(count):
        _, protocol, port, service, state, history = kinds[number % len(kinds)]
        answered = state == "SF"
        sent, received = chance.randrange(1, 40), chance.randrange(1, 60) if answered else 0
        is_six = number % 16 == 0
        yield {
            "ts": round(EPOCH_S + number / A_SECOND, 6),
            "uid": "C" + "".join(chance.choices(UID_LETTERS, k=17)),
            "id.orig_h": f"2001:db8::{number & 0xFFF:x}" if is_six else f"10.{number >> 8 & 7}.{number & 255}.9",
            "id.orig_p": 8 if protocol == "icmp" else chance.randrange(1024, 65536),
            "id.resp_h": f"2001:db8:1::{chance.randrange(1 << 16):x}" if is_six
            else f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}",
            "id.resp_p": port,
            "proto": protocol,
            "service": service,
            "duration": round(chance.expovariate(1.0), 6) if answered else None,
            "orig_bytes": sent * 100 if answered else None,
            "resp_bytes": received * 700 if answered else None,
            "conn_state": state,
            "local_orig": True,
            "local_resp": False,
            "missed_bytes": 0,
            "history": history,
            "orig_pkts": sent,
            "orig_ip_bytes": sent * 140,
            "resp_pkts": received,
            "resp_ip_bytes": received * 740,
        }  # fmt: skip


def write_tsv(path: Path, count: int) -> None:
    """A log as Zeek writes it by default."""
    with path.open("w", encoding="ascii") as file:
        file.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")
        file.write("#open\t2023-11-14-22-13-20\n#fields\t" + "\t".join(FIELDS) + "\n")
        file.write("#types\t" + "\t".join(FIELDS.values()) + "\n")
        for record in records(count):
            file.write("\t".join(_text(record.get(name)) for name in FIELDS) + "\n")
        file.write("#close\t2023-11-14-23-13-20\n")


def write_json(path: Path, count: int) -> None:
    """A log as Zeek writes it with `LogAscii::use_json`."""
    with path.open("w", encoding="ascii") as file:
        lines = (json.dumps({k: v for k, v in record.items() if v is not None}, separators=(",", ":"))
                 for record in records(count))  # fmt: skip
        while piece := "".join(line + "\n" for line in islice(lines, 4096)):
            file.write(piece)


def write_dns(path: Path, count: int) -> None:
    """The dns.log of the same traffic: a record for each DNS connection."""
    fields = {"ts": "time", "uid": "string", "query": "string", "qtype": "count", "rcode": "count"}
    with path.open("w", encoding="ascii") as file:
        file.write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n")
        file.write("#fields\t" + "\t".join(fields) + "\n#types\t" + "\t".join(fields.values()) + "\n")
        for number, record in enumerate(records(count)):
            if record["service"] == "dns":
                name = f"host{number % 5000}.example{number % 97}.com"
                file.write(f"{record['ts']:.6f}\t{record['uid']}\t{name}\t{1 + 27 * (number % 2)}\t0\n")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    return f"{value:.6f}" if isinstance(value, float) else str(value)
