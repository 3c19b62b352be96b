"""Export messages read one byte after the other, in plain Python: what the collector is compared with."""

import struct
from ipaddress import ip_address

NUMBERS = {
    1: "bytes", 2: "packets", 4: "protocol", 6: "flags", 7: "src_port", 11: "dst_port", 21: "last", 22: "first",
    58: "vlan", 136: "end_reason", 152: "start_ms", 153: "end_ms", (1, 29305): "reverse_bytes",
    (2, 29305): "reverse_packets",
}  # fmt: skip
ADDRESSES = {8: ("src", 4), 12: ("dst", 4), 27: ("src6", 16), 28: ("dst6", 16)}


def read(datagrams):
    """Records as tuples (start_ns, end_ns, src, src_port, dst, dst_port, protocol, packets, bytes, back, vlan)."""
    templates, waiting, out = {}, {}, []
    for data in datagrams:
        version = struct.unpack_from("!H", data)[0]
        if version == 5:
            out += _v5(data)
            continue
        at, clock = (20, struct.unpack_from("!II", data, 4)) if version == 9 else (16, None)
        domain = struct.unpack_from("!I", data, at - 4)[0]
        while at + 4 <= len(data):
            number, length = struct.unpack_from("!HH", data, at)
            body, at = data[at + 4 : at + length], at + length
            if number in (0, 2):
                for name, fields in _templates(body, enterprise=version == 10):
                    templates[domain, name] = fields
                    for held, held_clock in waiting.pop((domain, name), []):
                        out += _records(held, fields, held_clock)
            elif (domain, number) in templates:
                out += _records(body, templates[domain, number], clock)
            else:
                waiting.setdefault((domain, number), []).append((body, clock))
    return out


def _templates(body, *, enterprise):
    at = 0
    while at + 4 <= len(body):
        number, count = struct.unpack_from("!HH", body, at)
        at += 4
        fields = []
        for _ in range(count):
            element, length = struct.unpack_from("!HH", body, at)
            at += 4
            if enterprise and element & 0x8000:
                element, at = (element & 0x7FFF, struct.unpack_from("!I", body, at)[0]), at + 4
            fields.append((element, length))
        yield number, fields


def _records(body, fields, clock):
    at = 0
    least = sum(1 if length == 0xFFFF else length for _, length in fields)
    while len(body) - at >= least:
        found = {}
        for element, length in fields:
            if length == 0xFFFF:
                told, at = body[at], at + 1
                if told == 255:
                    told, at = struct.unpack_from("!H", body, at)[0], at + 2
                at += told
                continue
            value, at = body[at : at + length], at + length
            if element in ADDRESSES and length == ADDRESSES[element][1]:
                found.setdefault(ADDRESSES[element][0], str(ip_address(value)))
            elif element in NUMBERS and 1 <= length <= 8:
                found.setdefault(NUMBERS[element], int.from_bytes(value, "big"))
        yield from _flow(found, clock)


def _flow(found, clock):
    if found.get("src", "0.0.0.0") == found.get("dst", "0.0.0.0") == "0.0.0.0" and "src6" in found:  # noqa: S104
        found["src"], found["dst"] = found["src6"], found["dst6"]
    if "start_ms" in found:
        start, end = found["start_ms"] * 10**6, found["end_ms"] * 10**6
    else:
        uptime, seconds = clock
        start, end = (seconds * 10**9 + _signed(found[name] - uptime) * 10**6 for name in ("first", "last"))
    has_ports = found["protocol"] in (6, 17, 33, 132, 136)
    ports = [found[name] if has_ports else 0 for name in ("src_port", "dst_port")]
    counters = [found.get(name) for name in ("packets", "bytes", "reverse_packets", "reverse_bytes")]
    if any(counters) and start <= end:
        vlan = found.get("vlan", 0)
        yield (start, end, found["src"], ports[0], found["dst"], ports[1], found["protocol"], *counters,
               vlan if 0 < vlan < 4095 else None)  # fmt: skip


def _signed(value):
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _v5(data):
    count, uptime, seconds, nanoseconds = struct.unpack_from("!HIII", data, 2)
    for place in range(count):
        one = struct.unpack_from("!IIIHHIIIIHHBBBB", data, 24 + 48 * place)
        found = {"src": str(ip_address(one[0])), "dst": str(ip_address(one[1])), "packets": one[5], "bytes": one[6],
                 "src_port": one[9], "dst_port": one[10], "protocol": one[13]}  # fmt: skip
        found["start_ms"], found["end_ms"] = 0, 0
        for record in _flow(found, None):
            times = (seconds * 10**9 + nanoseconds + _signed(one[at] - uptime) * 10**6 for at in (7, 8))
            start, end = times
            if start <= end:
                yield (start, end, *record[2:])
