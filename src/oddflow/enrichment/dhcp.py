"""What DHCP says of a host: its hardware address, its name, the address it was given (RFC 2131, RFC 2132, RFC 4702)."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from oddflow.enrichment.dns_answers import shown

COOKIE = bytes((99, 130, 83, 99))
OPTIONS = 240
REQUEST, REPLY = 1, 2
PAD, HOST_NAME, MESSAGE_TYPE, FULL_NAME, END = 0, 12, 53, 81, 255
ACK = 5
LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class Lease:
    """One message: who (hardware address), which name it gives itself, which address it is given; "" where unsaid."""

    hardware: bytes
    name: str
    address: str


def lease_in(message: bytes) -> Lease | None:
    """What a DHCP message says; None where it is none."""
    if len(message) < OPTIONS or message[0] not in {REQUEST, REPLY} or message[236:240] != COOKIE:
        return None
    options = _options(message)
    name = options.get(HOST_NAME, b"")
    full = options.get(FULL_NAME, b"")
    if not name and len(full) > 3:
        name = _wire_name(full[3:]) if full[0] & 0x04 else full[3:]
    address = ""
    if message[0] == REPLY and options.get(MESSAGE_TYPE) == bytes([ACK]):
        given = message[16:20] if any(message[16:20]) else message[12:16]
        address = str(IPv4Address(given)) if any(given) else ""
    return Lease(message[28:34], shown(name.rstrip(b"\x00"))[:LONGEST_NAME], address)


def _options(message: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = OPTIONS
    while at + 1 < len(message) and message[at] != END:
        if message[at] == PAD:
            at += 1
            continue
        length = message[at + 1]
        content = message[at + 2 : at + 2 + length]
        if len(content) < length:
            break
        found.setdefault(message[at], content)
        at += 2 + length
    return found


def _wire_name(content: bytes) -> bytes:
    """A name in DNS's form without compression."""
    labels, at = [], 0
    while at < len(content) and 0 < content[at] <= 63:
        labels.append(content[at + 1 : at + 1 + content[at]])
        at += 1 + content[at]
    return b".".join(labels)
