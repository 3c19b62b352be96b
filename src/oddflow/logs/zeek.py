"""Zeek's conn.log to flow batches (docs/logs.md says what fills which column)."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from oddflow.capture.stream import ByteStream
from oddflow.errors import InputError
from oddflow.logs.derive import NO_VERSION, addresses_of, icmp_counterparts
from oddflow.logs.record import flow_batches
from oddflow.logs.sieve import Sieve
from oddflow.logs.texts import safe_texts
from oddflow.logs.zeek_beside import Beside
from oddflow.logs.zeek_fields import MOST_US, Field, Kind
from oddflow.logs.zeek_history import direction_by, end_reason, flag_columns
from oddflow.logs.zeek_records import Records, ZeekLog
from oddflow.schema import FLOW_SCHEMA, PROTOCOL_NAMES

if TYPE_CHECKING:
    from oddflow.logs.formats import Opened

TEXT, COUNT, SECONDS, TIME = Kind.TEXT, Kind.COUNT, Kind.SECONDS, Kind.TIME
NEEDED = ("ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto")
FIELDS = (
    Field("ts", TIME), Field("uid", TEXT), Field("id.orig_h", TEXT), Field("id.orig_p", COUNT),
    Field("id.resp_h", TEXT), Field("id.resp_p", COUNT), Field("proto", TEXT), Field("ip_proto", COUNT, is_rare=True),
    Field("service", TEXT), Field("duration", SECONDS), Field("orig_bytes", COUNT), Field("resp_bytes", COUNT),
    Field("conn_state", TEXT), Field("history", TEXT), Field("orig_pkts", COUNT), Field("orig_ip_bytes", COUNT),
    Field("resp_pkts", COUNT), Field("resp_ip_bytes", COUNT), Field("vlan", COUNT, is_rare=True),
    Field("orig_l2_addr", TEXT, is_rare=True), Field("resp_l2_addr", TEXT, is_rare=True),
    Field("community_id", TEXT, is_rare=True), Field("label", TEXT, is_rare=True),
    Field("detailed-label", TEXT, ("detailedlabel", "detailed_label"), is_rare=True),
    Field("_path", TEXT, is_rare=True),
)  # fmt: skip

SERVICES = {
    "ssl": "tls", "krb": "kerberos", "krb_tcp": "kerberos", "dce_rpc": "dcerpc", "rfb": "vnc", "ldap_tcp": "ldap",
    "ldap_udp": "cldap", "postgresql": "postgresql", "gtpv1": "gtp",
}  # fmt: skip
"""Zeek's names of services that go by other names here."""

PROTOCOLS = {name: number for number, name in PROTOCOL_NAMES.items()} | {"ipv6-icmp": 58, "icmpv6": 58}
ICMP, ICMP6, TCP = 1, 58, 6
TABLE_BLOCK_BYTES, JSON_BLOCK_BYTES = 1 << 21, 1 << 22
"""Some ten thousand records: fewer cost time, more cost memory."""

MAC = r"^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$"
UID_CHARACTERS, LABEL_CHARACTERS, SERVICE_CHARACTERS, COMMUNITY_CHARACTERS = 64, 256, 64, 64

CONN_ALONE = ("conn_state", "history", "orig_pkts")
"""Fields of which every connection has one, and no record of Zeek's other logs."""

NOTHING = pa.RecordBatch.from_pylist([], FLOW_SCHEMA)

_JSON_CONN = re.compile(rb'^\s*\{.*"(?:id\.orig_h|orig_h)"\s*:', re.DOTALL)


def is_zeek(first: bytes) -> bool:
    """Whether a log begins like one of Zeek's: with its header, or with an object that names two ends and an uid."""
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"#separator", b"#fields")):
        return True
    line = start.split(b"\n", 1)[0]
    return line.startswith(b"{") and b'"event_type"' not in line and _JSON_CONN.match(line) is not None


def is_conn_log(first: bytes) -> bool:
    """Whether it is the log of connections."""
    if not is_zeek(first):
        return False
    start = first.lstrip()
    if start.startswith(b"{"):
        return b'"conn_state"' in start.split(b"\n", 1)[0]
    path = re.search(rb"^#path.(\S+)", start, re.MULTILINE)
    return path[1].split(b"_")[0] == b"conn" if path else b"conn_state" in start


def read_conn(stream: ByteStream, opened: "Opened") -> Iterator[pa.RecordBatch]:
    """Flow batches of a conn.log, joined with the logs that lie beside it.

    Raises:
        InputError: It is another of Zeek's logs, or lacks what names a flow.
    """
    log = ZeekLog(FIELDS, opened.name, opened.ledger, needed=NEEDED, path="conn")
    block_bytes = JSON_BLOCK_BYTES if opened.first.lstrip().startswith(b"{") else TABLE_BLOCK_BYTES
    held: Records | None = None
    with Beside.of(opened) as beside:
        connections = _Connections(opened, beside)
        for records in log.read(stream, block_bytes=block_bytes):
            if held is not None:
                yield from connections.flows(held)
            # Zeek writes its logs in threads of their own: what belongs to a connection may come a moment after it
            held = records if opened.grows else None
            if records is None:
                yield NOTHING
            elif held is None:
                yield from connections.flows(records)
        if held is not None:
            yield from connections.flows(held)
    if connections.others:
        opened.ledger.noted(f"{opened.name}: {connections.others:,} records of other logs in it were passed over")


class _Connections:
    """Records to flows.

    Attributes:
        others: Records that said that they are of another log.
    """

    def __init__(self, opened: "Opened", beside: Beside) -> None:
        self.others = 0
        self._opened = opened
        self._beside = beside
        self._has_any = False

    def flows(self, records: Records) -> Iterator[pa.RecordBatch]:
        """Flow batches of some records.

        Raises:
            InputError: The first of all hold no connection.
        """
        name, ledger = self._opened.name, self._opened.ledger
        sieve = Sieve(records.lines, name, ledger)
        self.others += _leave_others(records, sieve)
        is_none = ~_any_of(records, CONN_ALONE)
        if not self._has_any and sieve.keeps.any():
            if is_none[sieve.keeps].all():
                raise InputError(
                    f"{name} is not Zeek's conn.log: no record has {' or '.join(CONN_ALONE)}; only connections are "
                    "flows, name the conn.log beside it"
                )
            self._has_any = True
        sieve.drop(is_none, "no record of a connection")
        columns, lines = sieve.sift(_flow_columns(records, sieve))
        if len(lines):
            latest_ns = pc.max(columns["end"].cast(pa.int64())).as_py()
            columns |= self._beside.joined(columns["record_id"], latest_ns // 1_000)
            yield from flow_batches(columns, name, ledger, lines=lines)


def _leave_others(records: Records, sieve: Sieve) -> int:
    """Takes out records that say that they are of another log; how many."""
    path = records.columns["_path"]
    if path.null_count == len(path):
        return 0
    is_other = _flags(pc.not_equal(path, "conn"))
    sieve.leave(is_other)
    return int(is_other.sum())


def _any_of(records: Records, names: tuple[str, ...]) -> NDArray[np.bool_]:
    has = np.zeros(len(records.lines), np.bool_)
    for name in names:
        has |= _flags(records.columns[name].is_valid())
    return has


def _flow_columns(records: Records, sieve: Sieve) -> dict[str, Any]:
    """The columns that a connection's record fills, (n,) each; the sieve drops rows that name no flow."""
    of = records.columns
    src, dst, version = _addresses(of, sieve)
    protocol = _protocols(of, version, sieve)
    columns = {"src_ip": src, "dst_ip": dst, "protocol": protocol}
    columns |= _ports(of, protocol, sieve)
    columns |= _times(of, sieve)
    columns |= _counters(of)
    columns |= flag_columns(of["history"], protocol, {way: columns[f"{way}_packets"] for way in ("forward", "reverse")})
    columns |= _words(of, escaped=records.is_escaped)
    return columns | {
        "direction_by": direction_by(of["history"], protocol),
        "end_reason": end_reason(of["conn_state"], protocol),
        "is_early": pc.if_else(protocol.is_null(), False, False),
        "vlan_id": _small(of["vlan"], 4094),
    }


def _addresses(of: dict[str, Any], sieve: Sieve) -> tuple[Any, Any, NDArray[np.int64]]:
    """Both addresses, and the IP version of both, (n,) each."""
    ends = []
    for name in ("id.orig_h", "id.resp_h"):
        found = addresses_of(of[name])
        sieve.drop(found.version == NO_VERSION, f"{name} is no address")
        ends.append(found)
    src, dst = ends
    sieve.drop(src.version != dst.version, "addresses of two IP versions")
    return src.text, dst.text, src.version


def _protocols(of: dict[str, Any], version: NDArray[np.int64], sieve: Sieve) -> Any:
    """IANA numbers, (n,) uint8: of `ip_proto` where the log has it, else of the name."""
    names = of["proto"].dictionary_encode()
    by_name = pa.array([_protocol(name) for name in names.dictionary.to_pylist()], pa.uint8()).take(names.indices)
    is_icmp6 = pc.fill_null(pc.and_(pc.equal(by_name, ICMP), pa.array(version == 6)), False)
    by_name = pc.if_else(is_icmp6, ICMP6, by_name)
    protocol = pc.coalesce(_small(of["ip_proto"], 255).cast(pa.uint8()), by_name.cast(pa.uint8()))
    sieve.drop(_flags(protocol.is_null()), "proto is no IP protocol that is known")
    return protocol


def _protocol(name: str | None) -> int | None:
    name = (name or "").lower()
    if name.isascii() and name.isdigit() and len(name) <= 3:
        return int(name) if int(name) < 256 else None
    return PROTOCOLS.get(name)


def _ports(of: dict[str, Any], protocol: Any, sieve: Sieve) -> dict[str, Any]:
    """Ports; of ICMP, type and code, which Zeek puts in their place.

    For messages that have an answer Zeek has the answer's type in the second place: their code is unknown.
    Source: Zeek, src/packet_analysis/protocol/icmp/ICMP.cc, ICMP4_counterpart and ICMP6_counterpart.
    """
    first, second = of["id.orig_p"], of["id.resp_p"]
    for name, port in (("id.orig_p", first), ("id.resp_p", second)):
        sieve.drop(_flags(port.is_null()), f"{name} is absent")
        sieve.drop(_flags(pc.greater(port, 65_535)), f"{name} is larger than 65,535")
    numbers = _numbers(protocol)
    is_icmp = (numbers == ICMP) | (numbers == ICMP6)
    ports = {
        name: pa.array(np.where(is_icmp, 0, np.minimum(_numbers(port), 65_535)).astype(np.uint16))
        for name, port in (("src_port", first), ("dst_port", second))
    }
    if not is_icmp.any():
        return ports
    kinds, codes = _numbers(first), _numbers(second)
    sieve.drop(is_icmp & ((kinds > 255) | (codes > 255)), "ICMP type or code larger than 255")
    is_answered = np.zeros(len(kinds), np.bool_)
    for number in (ICMP, ICMP6):
        is_answered |= (numbers == number) & (icmp_counterparts(number)[np.minimum(kinds, 255)] == codes)
    return ports | {
        "icmp_type": pa.array(np.minimum(kinds, 255).astype(np.uint8), mask=~is_icmp),
        "icmp_code": pa.array(np.minimum(codes, 255).astype(np.uint8), mask=~is_icmp | is_answered),
    }


def _times(of: dict[str, Any], sieve: Sieve) -> dict[str, Any]:
    """Start and end in nanoseconds; a connection without a duration is one packet."""
    sieve.drop(_flags(of["ts"].is_null()), "ts is absent")
    start, duration = _numbers(of["ts"]), _numbers(of["duration"])
    end = start + duration  # each below 2**63 / 1000: no overflow
    sieve.drop(np.abs(end) > MOST_US, "it ends later than times reach")
    sieve.drop(duration < 0, "negative duration")
    zone = pa.timestamp("ns", "UTC")
    return {
        "start": pa.array(start * 1_000).cast(zone),
        "end": pa.array(np.clip(end, -MOST_US, MOST_US) * 1_000).cast(zone),
    }


def _counters(of: dict[str, Any]) -> dict[str, Any]:
    """Packets, IP bytes and payload bytes of both ways.

    Zeek takes TCP payload from sequence numbers: more than the IP packets held cannot be, and is unknown.
    """
    columns = {}
    for way, whose in (("forward", "orig"), ("reverse", "resp")):
        bytes_, payload = of[f"{whose}_ip_bytes"], of[f"{whose}_bytes"]
        columns[f"{way}_packets"] = of[f"{whose}_pkts"]
        columns[f"{way}_bytes"] = bytes_
        fits = pc.fill_null(pc.less_equal(payload, bytes_), True)
        columns[f"{way}_payload_bytes"] = pc.if_else(fits, payload, pa.scalar(None, pa.uint64()))
    return columns


def _words(of: dict[str, Any], *, escaped: bool) -> dict[str, Any]:
    columns = {
        "record_id": safe_texts(of["uid"], UID_CHARACTERS, escaped=escaped),
        "community_id": safe_texts(of["community_id"], COMMUNITY_CHARACTERS, escaped=escaped),
        "app_by_signature": _services(of["service"], escaped=escaped),
        "label": _labels(of["label"], of["detailed-label"]),
    }
    for name, whose in (("src_mac", "orig"), ("dst_mac", "resp")):
        mac = of[f"{whose}_l2_addr"]
        if mac.null_count < len(mac):
            mac = pc.utf8_lower(mac)
            is_mac = pc.fill_null(pc.match_substring_regex(mac, MAC), False)
            columns[name] = pc.if_else(is_mac, mac, pa.scalar(None, pa.string()))
    return columns


def _services(services: Any, *, escaped: bool) -> Any:
    """The innermost protocol that Zeek's analysers confirmed; those that they gave up (a minus before) are none."""
    known = safe_texts(services, SERVICE_CHARACTERS, escaped=escaped).dictionary_encode()
    found = []
    for text in known.dictionary.to_pylist():
        confirmed = [part for part in (text or "").split(",") if part and not part.startswith("-")]
        found.append(SERVICES.get(confirmed[-1], confirmed[-1]) if confirmed else None)
    return pa.array(found, pa.string()).take(known.indices)


def _labels(labels: Any, details: Any) -> Any:
    """What labelled logs say: the label, and after a colon the detailed one."""
    details = pc.if_else(pc.is_in(details, pa.array(["-", "(empty)", ""])), pa.scalar(None, pa.string()), details)
    both = pc.binary_join_element_wise(labels, details, ": ")
    found = pc.coalesce(both, labels, details)
    return pc.utf8_slice_codeunits(found, 0, LABEL_CHARACTERS)


def _small(counts: Any, most: int) -> Any:
    """Counts up to a number, (n,) uint16; null above."""
    return pc.if_else(pc.less_equal(counts, most), counts, pa.scalar(None, pa.uint64())).cast(pa.uint16())


def _numbers(column: Any) -> NDArray[np.int64]:
    return np.asarray(column.fill_null(0).to_numpy(zero_copy_only=False)).astype(np.int64)


def _flags(flags: Any) -> NDArray[np.bool_]:
    return np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
