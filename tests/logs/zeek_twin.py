"""Zeek's conn.log read line by line in plain Python: the independent twin of oddflow.logs.zeek."""

import ipaddress
import json
import re

FIELDS = [
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p",
    "proto", "service", "duration", "orig_bytes", "resp_bytes", "conn_state",
    "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes",
    "resp_pkts", "resp_ip_bytes", "tunnel_parents",
]  # fmt: skip
HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n"
    "#fields\t" + "\t".join(FIELDS) + "\n#types\t" + "\t".join(["string"] * len(FIELDS)) + "\n"
)
COUNTS = (
    "id.orig_p",
    "id.resp_p",
    "orig_bytes",
    "resp_bytes",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
)
TEXTS = ("uid", "id.orig_h", "id.resp_h", "proto", "service", "conn_state", "history", "label")
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1}
ANSWERS = {1: {8: 0, 0: 8, 13: 14, 14: 13}, 58: {128: 129, 129: 128, 135: 136, 136: 135}}


class Bad(Exception):
    """A line that names no flow."""


def read(data):
    """The flows of a log, as dicts of some columns, and how many lines were lost."""
    rows, lost, names = [], 0, None
    lines = data.split(b"\n")
    for place, raw in enumerate(lines):
        line = decoded(raw).removesuffix("\r")
        if not line.strip():
            continue
        is_cut = place == len(lines) - 1
        try:
            if line.lstrip(" \t").startswith("#"):
                key, _, rest = line.lstrip(" \t").partition("\t")
                names = rest.split("\t") if key == "#fields" else names
                continue
            record = of_json(line) if line.lstrip(" \t").startswith("{") else of_fields(line, names, is_cut)
            rows.append(flow(record))
        except Bad:
            lost += 1
    return rows, lost


def decoded(raw):
    text = ""
    while raw:
        try:
            return text + raw.decode()
        except UnicodeDecodeError as error:
            text += raw[: error.start].decode() + raw[error.start : error.end].decode("latin-1")
            raw = raw[error.end :]
    return text


def of_fields(line, names, is_cut):
    if names is None:
        raise Bad
    values = line.split("\t")
    if len(values) != len(names) or (is_cut and names[-1] in (*COUNTS, *TEXTS) and values[-1] not in ("-", "(empty)")):
        raise Bad
    record = {}
    for name, value in zip(names, values, strict=True):
        if value in ("-", "(empty)"):
            continue
        if name in COUNTS:
            if not re.fullmatch("[0-9]{1,16}", value):
                raise Bad
            record[name] = int(value)
        elif name in ("ts", "duration"):
            if not re.fullmatch(r"-?[0-9]{1,16}(\.[0-9]{1,32})?([eE][-+]?[0-9]{1,2})?", value):
                raise Bad
            record[name] = float(value)
        else:
            record[name] = unescaped(value) if name in ("uid", "service") else value
    return record


def unescaped(text):
    return re.sub(r"\\(?:x([0-9A-Fa-f]{2})|(\\))", lambda m: chr(int(m[1], 16)) if m[1] else "\\", text)


def of_json(line):
    try:
        pairs = json.loads(line, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise Bad from None
    wanted = [(key, value) for key, value in pairs if key in (*COUNTS, *TEXTS, "ts", "duration")]
    record = {key: value for key, value in wanted if value is not None}
    if len({key for key, _ in wanted}) != len(wanted):
        raise Bad
    for name, value in record.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
        if not (is_text(value) if name in TEXTS else is_number):
            raise Bad
        if name in COUNTS and value != int(value):
            raise Bad
    return record


def is_text(value):
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False


def flow(record):
    if not any(name in record for name in ("conn_state", "history", "orig_pkts")):
        raise Bad
    try:
        src, dst = (ipaddress.ip_address(record.get(f"id.{end}_h", "")) for end in ("orig", "resp"))
        if "%" in str(src) + str(dst):
            raise Bad
        start = round(record["ts"] * 1e6)
        first, second = record["id.orig_p"], record["id.resp_p"]
        protocol = PROTOCOLS[record["proto"].lower()]
    except (ValueError, KeyError):
        raise Bad from None
    if any(not 0 <= record.get(name, 0) < 2**53 for name in COUNTS):
        raise Bad
    duration = round(record.get("duration", 0.0) * 1e6)
    most = 2**63 // 1000 - 1
    if abs(start) >= most or abs(duration) >= most or abs(start + duration) > most:
        raise Bad
    if src.version != dst.version or max(first, second) > 65_535 or duration < 0:
        raise Bad
    protocol = 58 if protocol == 1 and src.version == 6 else protocol
    row = {
        "start": start * 1000, "end": (start + duration) * 1000, "src_ip": str(src), "dst_ip": str(dst),
        "src_port": int(first), "dst_port": int(second), "protocol": protocol, "ip_version": src.version,
        "icmp_type": None, "icmp_code": None, "record_id": safe(record.get("uid")),
        "app_by_signature": safe(record.get("service")) or None,
    }  # fmt: skip
    if protocol in ANSWERS:
        if max(first, second) > 255:
            raise Bad
        is_answered = ANSWERS[protocol].get(first) == second
        row |= {
            "src_port": 0,
            "dst_port": 0,
            "icmp_type": int(first),
            "icmp_code": None if is_answered else int(second),
        }
    for way, whose in (("forward", "orig"), ("reverse", "resp")):
        bytes_, payload = record.get(f"{whose}_ip_bytes"), record.get(f"{whose}_bytes")
        row[f"{way}_packets"], row[f"{way}_bytes"] = record.get(f"{whose}_pkts"), bytes_
        row[f"{way}_payload_bytes"] = None if None not in (bytes_, payload) and payload > bytes_ else payload
    return row


def safe(text):
    if text is None:
        return None
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in text.encode("utf-8"))
