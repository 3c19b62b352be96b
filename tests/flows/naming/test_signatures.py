"""Names by signature: the table compiles, conditions mean what they say, and real protocols are known."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis.strategies import binary, fixed_dictionaries, integers, lists, sampled_from, tuples
from tests.flows.hello_twin import hello, tls_records
from tests.flows.streams import datagrams, first_bytes, pack, plain_flows

from oddflow.errors import UsageError
from oddflow.flows.naming.signatures import compile_signatures, names_by_signature, pattern, shipped_signatures

HOSTS = (40000, 50000)


def named(client, server=b"", protocol=6, ports=HOSTS, table=None):
    return names_by_signature(pack([(client, server, protocol, *ports)]), table)[0].as_py()


def voice(number, source):
    """An RTP packet (RFC 3550 section 5.1) of a synchronisation source."""
    return struct.pack(">BBHI", 0x80, 96, number, 160 * number) + source + bytes(20)


def matches(condition, client, protocol=6, **more):
    row = {"name": "x", "over": "any", "client": [condition], **more}
    return named(client, protocol=protocol, table=compile_signatures([row])) == "x"


def test_the_shipped_table_knows_more_than_forty_applications():
    table = shipped_signatures()
    assert len(table.names) > 100
    assert len(table.signatures) > 200


@pytest.mark.parametrize(
    ("client", "server", "protocol", "ports", "name"),
    [
        (tls_records(hello([1], [])), b"", 6, HOSTS, "tls"),
        (b"GET / HTTP/1.1\r\n\r\n", b"", 6, HOSTS, "http"),
        (b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n", b"", 6, HOSTS, "websocket"),
        (b"OPTIONS rtsp://x RTSP/1.0\r\n", b"", 6, HOSTS, "rtsp"),
        (b"EHLO x\r\n", b"220 y\r\n", 6, HOSTS, "smtp"),
        (b"USER x\r\n", b"220 y\r\n", 6, HOSTS, "ftp"),
        (b"USER x\r\n", b"+OK hi\r\n", 6, HOSTS, "pop3"),
        (b"*1\r\n$4\r\nPING\r\n", b"+OK\r\n", 6, HOSTS, "redis"),
        (b"", b"* OK IMAP4\r\n", 6, HOSTS, "imap"),
        (b"\x00\x00\x00\x2a\x00\x03\x00\x00user\0", b"", 6, HOSTS, "postgresql"),
        (b"", b"\x4a\0\0\0\x0a8.0.36\0\1\0\0\0", 6, HOSTS, "mysql"),
        (b"\x10\x10\x00\x04MQTT\x04", b"", 6, HOSTS, "mqtt"),
        (b"\x13BitTorrent protocol" + bytes(48), b"", 6, HOSTS, "bittorrent"),
        (b"\x03\x00\x00\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\3\0\0\0", b"", 6, HOSTS, "rdp"),
        (b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x0a", b"", 6, (40000, 502), "modbus"),
        (b"\x05\x64\x05\xc0\1\0\0\4\xe9\x21", b"", 6, HOSTS, "dnp3"),
        (datagrams(b"\x01\0\0\0" + bytes(144)), b"", 17, HOSTS, "wireguard"),
        (datagrams(b"\x01\0\0\0" + bytes(143)), b"", 17, HOSTS, None),
        (datagrams(b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)), b"", 17, HOSTS, "stun"),
        (datagrams(voice(1, b"abcd"), voice(2, b"abcd")), b"", 17, HOSTS, "rtp"),
        (datagrams(voice(1, b"abcd"), voice(2, b"abce")), b"", 17, HOSTS, None),
        (datagrams(bytes(236) + b"\x63\x82\x53\x63"), b"", 17, (68, 67), "dhcp"),
        (b"", b"", 6, (40000, 443), None),
        (b"\x99" * 40, b"\x99" * 40, 6, (40000, 443), None),
    ],
)  # fmt: skip
def test_what_the_first_bytes_look_like(client, server, protocol, ports, name):
    assert named(client, server, protocol, ports) == name


@pytest.mark.parametrize(
    ("condition", "client", "holds"),
    [
        ("@2 4?", b"abA", True), ("@2 4?", b"ab", False), ("@0 ~'ab'", b"aB", True), ("@0 'ab'", b"aB", False),
        ("<4 'cd'", b"abcd", True), ("<3 'cd'", b"abcd", False), ("<9 'cd'", b"abc", False),
        ("length 2-3", b"abc", True), ("length 2-3", b"abcd", False),
        ("number 2@1 258-258", b"\0\1\2", True), ("number 2@1 513-513 little", b"\0\1\2", True),
        ("number 2@1 258-258", b"\0\1", False), ("fits 1@0 +1", b"\2ab", True), ("fits 1@0 +1", b"\3ab", False),
        ("fits 1@0", b"\0ab", False), ("same 1@0", b"aa", False),
    ],
)  # fmt: skip
def test_conditions_on_streams(condition, client, holds):
    assert matches(condition, client) == holds


@pytest.mark.parametrize(
    ("condition", "sent", "holds"),
    [
        ("length 3-3", [b"abc", b"d"], True), ("fits 1@0 +1", [b"\2ab", b"cd"], True), ("fits 1@0", [b"\2ab"], False),
        ("@0 'abc'", [b"ab", b"c"], False), ("same 2@1", [b"xab", b"yab"], True), ("same 2@1", [b"xab", b"yac"], False),
        ("same 2@1", [b"xab"], False), ("same 2@1", [b"xab", b"ya"], False),
    ],
)  # fmt: skip
def test_conditions_on_datagrams(condition, sent, holds):
    assert matches(condition, datagrams(*sent), 17) == holds


def test_a_signature_may_ask_for_a_port_of_either_end():
    table = compile_signatures([{"name": "x", "over": "stream", "client": ["@0 61"], "ports": [7, 9]}])
    assert [named(b"a", ports=ports, table=table) for ports in ((1, 9), (7, 1), (1, 2))] == ["x", "x", None]


def test_the_first_signature_that_fits_names_the_flow():
    rows = [{"name": name, "over": "any", "client": ["@0 61"]} for name in ("first", "second")]
    assert named(b"a", table=compile_signatures(rows)) == "first"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": "x", "over": "any", "client": ["@0 6"]}, "hexadecimal pairs"),
        ({"name": "x", "over": "any", "client": ["at 0 61"]}, "is none"),
        ({"name": "x", "over": "any", "client": ["number 5@0 1-2"]}, "at most 4 bytes"),
        ({"name": "x", "over": "air", "client": ["@0 61"]}, "over"),
        ({"name": "x", "over": "any"}, "conditions expected"),
        ({"name": "x", "over": "any", "client": ["@0 61"], "port": [1]}, "expected"),
    ],
)
def test_a_row_that_is_none_is_refused(row, words):
    with pytest.raises(UsageError, match=words):
        compile_signatures([row])


def plain(condition, message, length, following):
    """One condition in plain Python: message, its true length (None: a stream), the bytes of the next datagram."""
    there = len(message) if length is None else length
    if condition[0] in "@<":
        at, words = int(condition[1:].split(" ")[0]), condition.split(" ", 1)[1]
        held, mask = pattern(words)
        places = [at] if condition[0] == "@" else range(min(at, len(message)) - len(held) + 1)
        return any(
            len(message) >= place + len(held)
            and all((message[place + i] ^ held[i]) & mask[i] == 0 for i in range(len(held)))
            for place in places
        )
    if found := re.fullmatch(r"length (\d+)-(\d+)", condition):
        return int(found[1]) <= there <= int(found[2])
    size, at = map(int, re.search(r"(\d)@(\d+)", condition).groups())
    if at + size > len(message):
        return False
    if condition.startswith("same"):
        return (
            length is not None and following[at : at + size] == message[at : at + size] and len(following) >= at + size
        )
    number = int.from_bytes(message[at : at + size], "little" if "little" in condition else "big")
    if condition.startswith("number"):
        least, most = map(int, re.search(r" (\d+)-(\d+)", condition).groups())
        return least <= number <= most
    number += int((re.search(r"\+(\d+)", condition) or [0, 0])[1])
    return number == there if length is not None else 0 < number <= there


CONDITIONS = sampled_from([
    "@0 6?", "@1 ~'a'", "@2 00 ??", "<5 'ab'", "<9 6? 00", "<9 ~'ab'", "length 1-4", "number 1@0 0-99",
    "number 2@1 1-600 little", "fits 1@0 +1", "fits 2@0", "fits 1@1 little", "same 1@0", "same 2@1",
])  # fmt: skip
SHORT = lists(sampled_from([0, 1, 2, 3, 97, 98]), max_size=8).map(bytes)


@given(CONDITIONS, SHORT, SHORT, integers(0, 12))
def test_conditions_hold_where_plain_python_says_so(condition, first, second, cut):
    sent = datagrams(first, second)[: cut + 2]
    held = sent[2 : 2 + len(first)]
    following = sent[4 + len(first) :]
    assert matches(condition, first) == (bool(first) and plain(condition, first, None, b""))
    # A datagram without payload is no message.
    assert matches(condition, sent, 17) == (bool(held) and plain(condition, held, len(first), following))


ROWS = lists(
    fixed_dictionaries(
        {"over": sampled_from(["any", "stream", "datagram"])},
        optional={
            "client": lists(CONDITIONS, min_size=1, max_size=2), "server": lists(CONDITIONS, min_size=1, max_size=2),
            "ports": lists(sampled_from([7, 9]), min_size=1, max_size=2),
        },
    ).filter(lambda row: "client" in row or "server" in row),
    max_size=80,
)  # fmt: skip


def plain_name(rows, client, server, protocol, ports):
    """The first row that fits, tried one after the other."""
    for row in rows:
        is_datagrams = protocol == 17
        asks_over = row["over"] in ("any", "datagram" if is_datagrams else "stream")
        asks_port = "ports" not in row or set(row["ports"]) & set(ports)
        sides = [(message, row.get(side, [])) for side, message in (("client", client), ("server", server))]
        length = len if is_datagrams else lambda _: None
        if (
            asks_over
            and asks_port
            and all(
                message and plain(condition, message, length(message), b"")
                for message, conditions in sides
                for condition in conditions
            )
        ):
            return row["name"]
    return None


@given(ROWS, SHORT, SHORT, sampled_from([6, 17]), tuples(sampled_from([7, 8]), sampled_from([8, 9])))
def test_the_index_passes_by_no_signature_that_fits(rows, client, server, protocol, ports):
    rows = [{"name": str(number)} | row for number, row in enumerate(rows)]
    sent, back = (datagrams(side) if protocol == 17 else side for side in (client, server))
    found = named(sent, back, protocol, ports, compile_signatures(rows)) if client or server else None
    assert found == (plain_name(rows, client, server, protocol, ports) if client or server else None)


@given(
    lists(
        tuples(
            binary(max_size=120),
            binary(max_size=60),
            sampled_from([6, 17, 132]),
            integers(0, 65535),
            integers(0, 65535),
        ),
        max_size=20,
    )
)
def test_any_bytes_do_no_harm(rows):
    assert len(names_by_signature(pack(rows))) == len(rows)


@pytest.mark.parametrize(
    ("capture", "name"),
    [
        ("modbus.pcap", "modbus"), ("mqtt.pcap", "mqtt"), ("sip.pcap", "sip"), ("vnc.pcap", "vnc"),
        ("bitcoin.pcap", "bitcoin"), ("mongodb.pcap", "mongodb"), ("rsync.pcap", "rsync"), ("IEC104.pcap", "iec104"),
        ("s7comm-plus.pcap", "s7comm"), ("fins.pcap", "fins"), ("teamspeak3.pcap", "teamspeak"),
    ],
)  # fmt: skip
def test_real_captures_have_their_name(shared, capture, name):
    flows = plain_flows(shared / "captures" / "ndpi" / capture)
    names = names_by_signature(first_bytes(flows)).to_pylist()
    assert name in names


def test_lengths_of_datagrams_are_the_true_ones_where_the_capture_cut_them():
    cut = struct.pack(">H", 148) + b"\x01\0\0\0" + bytes(60)
    assert named(cut, protocol=17) == "wireguard"
