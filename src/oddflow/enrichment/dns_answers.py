"""Which addresses a DNS answer gives a name (RFC 1035); written for answers that lie."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

HEADER = struct.Struct(">6H")
RECORD = struct.Struct(">2HIH")
A, CNAME, AAAA = 1, 5, 28
IS_ANSWER, IS_CUT, CODE, OPCODE = 0x8000, 0x0200, 0x000F, 0x7800
MOST_RECORDS = 64
MOST_JUMPS = 16
LONGEST_NAME = 253


class _Broken(Exception):
    """These bytes are no DNS message, or are cut here."""


@dataclass(frozen=True, slots=True)
class Named:
    """An address and the name that was asked for."""

    address: str
    name: str


def named_in(message: bytes) -> list[Named]:
    """Addresses in an answer without error, each by the name in the question; what is cut gives what came before.

    A record counts only where its owner is that name, or what a chain of CNAMEs leads to from it: others that an answer
    may hold besides are left out. Without a question (multicast DNS, RFC 6762) records are named by their owners.
    """
    found: list[Named] = []
    with suppress(_Broken):
        found.extend(_read(message))
    return found


def _read(message: bytes) -> Iterator[Named]:
    if len(message) < HEADER.size:
        raise _Broken
    _, flags, questions, answers, _, _ = HEADER.unpack_from(message)
    if not flags & IS_ANSWER or flags & (CODE | OPCODE) or questions > 1 or not 0 < answers <= MOST_RECORDS:
        raise _Broken
    at, asked = HEADER.size, ""
    if questions:
        asked, at = _name(message, at)
        at += 4
    chain = {asked}
    for _ in range(answers):
        owner, at = _name(message, at)
        if at + RECORD.size > len(message):
            raise _Broken
        kind, _, _, length = RECORD.unpack_from(message, at)
        at += RECORD.size
        content = message[at : at + length]
        if len(content) < length:
            raise _Broken
        is_about = not questions or owner in chain
        if kind == CNAME and is_about:
            chain.add(_name(message, at)[0])
        elif is_about and (asked or owner):
            if kind == A and length == 4:
                yield Named(str(IPv4Address(content)), asked or owner)
            elif kind == AAAA and length == 16:
                yield Named(str(IPv6Address(content)), asked or owner)
        at += length


def _name(message: bytes, at: int) -> tuple[str, int]:
    """A name and the offset after it; compression (section 4.1.4) only leads backwards, and not often."""
    labels: list[str] = []
    after, length, jumps = -1, 0, 0
    while True:
        if at >= len(message):
            raise _Broken
        size = message[at]
        if size >= 0xC0:
            if at + 2 > len(message):
                raise _Broken
            after = at + 2 if after < 0 else after
            to = struct.unpack_from(">H", message, at)[0] & 0x3FFF
            jumps += 1
            if to >= at or jumps > MOST_JUMPS:
                raise _Broken
            at = to
            continue
        if size > 63:
            raise _Broken
        at += 1
        if not size:
            break
        label = message[at : at + size]
        length += size + 1
        if len(label) < size or length > LONGEST_NAME + 1:
            raise _Broken
        labels.append(shown(label, also=b"."))
        at += size
    return ".".join(labels), at if after < 0 else after


def shown(text: bytes, also: bytes = b"") -> str:
    r"""Text from the wire in lower case, as flows show it: what is no printable ASCII, and backslashes, as \xNN.

    >>> shown(b"Mail\x1b[31m")
    'mail\\x1b[31m'
    """
    hidden = b"\\ " + also
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in hidden else f"\\x{byte:02x}" for byte in text).lower()
