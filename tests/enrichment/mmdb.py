"""Writes a small database in MaxMind's format (version 2.0 of its specification), with 24-bit records."""

import struct
from ipaddress import ip_network

UINT16, UINT32, UINT64 = 5, 6, 9
MARKER = b"\xab\xcd\xefMaxMind.com"


def encoded(value):
    """A value in the data section's form."""
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encoded(key) + encoded(each) for key, each in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encoded, value))
    kind, number = value
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return _control(kind, len(content)) + content


def _control(kind, size):
    assert size < 29 + 256
    head, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return bytes([kind << 5 | head]) + more if kind <= 7 else bytes([head, kind - 7]) + more


def database(networks):
    """A database of IPv6, IPv4 inside it at ::/96; `networks` are records by network."""
    nodes, data = [[None, None]], bytearray()
    for text, record in networks.items():
        network = ip_network(text)
        bits = int(network.network_address)
        length = network.prefixlen + (96 if network.version == 4 else 0)
        at, offset = 0, len(data)
        data += encoded(record)
        for place in range(length):
            bit = bits >> (127 - place) & 1
            if place == length - 1:
                nodes[at][bit] = ("data", offset)
                break
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
    count = len(nodes)

    def number(record):
        if record is None:
            return count
        return record if isinstance(record, int) else count + 16 + record[1]

    tree = b"".join(struct.pack(">I", number(record))[1:] for node in nodes for record in node)
    about = {
        "node_count": (UINT32, count), "record_size": (UINT16, 24), "ip_version": (UINT16, 6),
        "database_type": "Test", "languages": ["en"], "build_epoch": (UINT64, 1), "description": {"en": "t"},
        "binary_format_major_version": (UINT16, 2), "binary_format_minor_version": (UINT16, 0),
    }  # fmt: skip
    return tree + bytes(16) + bytes(data) + MARKER + encoded(about)
