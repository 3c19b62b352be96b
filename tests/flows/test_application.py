"""DNS, HTTP and SSH in the first bytes: hand-made cases, and the kernels against plain Python."""

import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis.strategies import binary, booleans, integers, lists, sampled_from, text, tuples
from tests.flows.hello_twin import escaped
from tests.flows.streams import datagrams, pack

from oddflow.flows.application import application_columns
from oddflow.schema import APPLICATION_COLUMNS

GET = b"GET /a HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\nUser-Agent: Odd/1.0 (x)\r\n\r\n"


def columns(client, server=b"", protocol=6, ports=(50000, 80), unparsed=None):
    found = application_columns(pack([(client, server, protocol, *ports)]), unparsed)
    return {name: array[0].as_py() for name, array in found.items() if array[0].is_valid}


def query(name, kind=1, *, number=7, flags=0x0100, questions=1, more=(0, 0, 0), dns_class=1, tail=b""):
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".") if label) + b"\0"
    header = struct.pack(">6H", number, flags, questions, *more)
    return header + labels + struct.pack(">HH", kind, dns_class) + tail


def dns(client, server=b"", ports=(50000, 53), unparsed=None):
    return columns(datagrams(client) if client else b"", datagrams(server) if server else b"", 17, ports, unparsed)


def test_flows_without_bytes_are_null_in_every_column():
    found = application_columns(pack([(b"", b"", 6, 1, 2)] * 3))
    assert list(found) == [column.name for column in APPLICATION_COLUMNS]
    assert all(array.null_count == 3 and array.type == column.type
               for array, column in zip(found.values(), APPLICATION_COLUMNS, strict=True))  # fmt: skip


def test_no_flows_give_empty_columns():
    assert all(len(array) == 0 for array in application_columns(pack([])).values())


def test_rows_keep_their_places():
    rows = [
        (b"", b"", 6, 1, 2),
        (GET, b"", 6, 1, 2),
        (b"SSH-2.0-x\r\n", b"", 6, 1, 2),
        (GET, b"HTTP/1.1 404 No\r\n", 6, 1, 2),
    ]
    found = application_columns(pack(rows))
    assert found["http_method"].to_pylist() == [None, "GET", None, "GET"]
    assert found["http_status"].to_pylist() == [None, None, None, 404]
    assert found["ssh_client"].to_pylist() == [None, None, "SSH-2.0-x", None]


def test_a_dns_query_and_its_answer():
    asked = query(b"www.example.com", 28)
    answer = query(b"www.example.com", 28, flags=0x8183)
    assert dns(asked, answer) == {"dns_query": "www.example.com", "dns_type": "AAAA", "dns_rcode": 3}


def test_the_answer_with_the_querys_number_counts():
    asked = datagrams(query(b"a.example", number=9))
    answers = datagrams(query(b"b.example", number=8, flags=0x8182), query(b"a.example", number=9, flags=0x8180))
    assert columns(asked, answers, 17, (50000, 53))["dns_rcode"] == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"", "."),
        (b"a\\b", "a\\x5cb"),
        (b"\xffx.y", "\\xffx.y"),
        (b"x" * 63 + b"." + b"y" * 63, "x" * 63 + "." + "y" * 63),
    ],
)
def test_dns_names_become_safe_text(name, expected):
    assert dns(query(name))["dns_query"] == expected


def test_a_dot_inside_a_label_is_told_from_one_between_labels():
    assert dns(query(b"").replace(b"\0\0\1\0\1", b"\3a.b\0\0\1\0\1"))["dns_query"] == "a\\x2eb"


def test_a_long_name_of_odd_bytes_is_bounded():
    found = dns(query(b".".join([b"\x01" * 60] * 4)))["dns_query"]
    assert 240 < len(found) <= 253


@pytest.mark.parametrize(("kind", "name"), [(1, "A"), (65, "HTTPS"), (4711, "TYPE4711"), (65280, "TYPE65280")])
def test_types_have_names(kind, name):
    assert dns(query(b"x.y", kind))["dns_type"] == name


def test_dns_over_tcp():
    asked, answer = query(b"x.y", 252), query(b"x.y", 252, flags=0x8185)
    found = columns(datagrams(asked), datagrams(answer), 6, (50000, 53))
    assert found == {"dns_query": "x.y", "dns_type": "AXFR", "dns_rcode": 5}


@pytest.mark.parametrize("port", [5353, 5355])
def test_mdns_and_llmnr_are_told_by_port(port):
    found = dns(query(b"printer.local", 12, flags=0, number=0, questions=1, dns_class=0x8001), ports=(port, port))
    assert found["dns_query"] == "printer.local"


def test_an_mdns_announcement_asks_nothing():
    announcement = struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + b"\5local\0\0\x0c\0\1\0\0\0\1\0\0"
    assert dns(announcement, ports=(5353, 5353)) == {}


def test_a_plain_query_is_believed_on_any_port():
    assert dns(query(b"tunnel.example"), ports=(50000, 7777))["dns_query"] == "tunnel.example"


@pytest.mark.parametrize(
    "message",
    [
        query(b"a b.example"), query(b"x.example", tail=b"more"), query(b"x.example", flags=0x8180), query(b""),
        query(b"x.example", dns_class=3), query(b"x.example", questions=2), query(b"x.y", more=(1, 0, 0)),
    ],
)  # fmt: skip
def test_what_is_less_plain_is_not_believed_on_other_ports(message):
    assert dns(message, ports=(50000, 7777)) == {}


def test_netbios_names_are_not_dns():
    assert dns(query(b"C" * 32, 0x20), ports=(137, 137)) == {}


def test_a_cut_question_is_counted():
    unparsed = Counter()
    sent = datagrams(query(b"www.example.com"))[:20]
    assert columns(sent, b"", 17, (50000, 53), unparsed) == {}
    assert unparsed == {"DNS question cut": 1}


def test_an_answer_seen_alone_tells_the_question():
    answer = query(b"x.y", 15, flags=0x8180)
    assert dns(b"", answer) == {"dns_query": "x.y", "dns_type": "MX", "dns_rcode": 0}
    assert dns(answer, ports=(53, 50000)) == {"dns_query": "x.y", "dns_type": "MX", "dns_rcode": 0}


def plain_dns(message):
    """The question of a message on DNS's own port, by struct: (name, type) or None."""
    if len(message) < 12:
        return None
    _, flags, questions = struct.unpack_from(">3H", message)
    if (flags >> 11) & 15 > 6 or not 0 < questions <= 64:
        return None
    at, labels = 12, []
    while True:
        if at >= len(message) or message[at] > 63 or at + 1 + message[at] - 12 > 255:
            return None
        size = message[at]
        at += 1
        if not size:
            break
        labels.append(message[at : at + size])
        at += size
    if at + 4 > len(message):
        return None
    kind, dns_class = struct.unpack_from(">HH", message, at)
    if not kind or dns_class & 0x7FFF not in (1, 3, 4, 254, 255):
        return None
    return labels, kind


@given(
    lists(binary(min_size=1, max_size=70), max_size=5), integers(0, 300), sampled_from([1, 3, 9, 0x8001]),
    lists(tuples(integers(0, 60), integers(0, 255)), max_size=2), integers(0, 400),
)  # fmt: skip
def test_dns_is_read_as_plain_python_reads_it(labels, kind, dns_class, changes, cut):
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    message = bytearray(struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", kind, dns_class))
    for place, byte in changes:
        if place < len(message) and place != 2:
            message[place] = byte
    message = bytes(message)[:cut]
    found, expected = dns(message), plain_dns(message)
    if expected is None:
        assert "dns_query" not in found
        return
    text = ""
    for i, label in enumerate(expected[0]):
        pieces = (["."] if i else []) + ["\\x2e" if byte == 46 else escaped(bytes([byte]), 4) for byte in label]
        for piece in pieces:
            if len(text) + len(piece) > 253:
                break
            text += piece
        else:
            continue
        break
    assert found["dns_query"] == (text if expected[0] else ".")


def test_a_request_and_its_status():
    assert columns(GET, b"HTTP/1.1 301 Moved\r\n\r\n") == {
        "http_method": "GET", "http_host": "www.example.com", "http_user_agent": "Odd/1.0 (x)", "http_status": 301,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET / HTTP/1.0\nhost:x\nUSER-AGENT:\n\n", {"http_method": "GET", "http_host": "x", "http_user_agent": ""}),
        (b"PROPFIND /x HTTP/1.1\r\n\r\n", {"http_method": "PROPFIND"}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"http_method": "PRI"}),
        (b"GET /old\r\n", {"http_method": "GET"}),
        (b"GET / HTTP/1.1\r\n\r\nHost: body.example\r\n\r\n", {"http_method": "GET"}),
        (b"OPTIONS sip:x SIP/2.0\r\n\r\n", {}), (b"get / HTTP/1.1\r\n\r\n", {}), (b"GET", {}), (b"GET ", {}),
        (b"DESCRIBE rtsp://x RTSP/1.0\r\n\r\n", {}), (b" HTTP/1.1\r\n", {}),
    ],
)  # fmt: skip
def test_what_is_a_request(request_bytes, expected):
    assert columns(request_bytes) == expected


def test_cut_headers_are_counted():
    unparsed = Counter()
    assert columns(GET[:30], unparsed=unparsed) == {"http_method": "GET"}
    assert unparsed == {"HTTP headers cut": 1}


def test_ssdp_is_http_over_datagrams():
    search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n"
    assert columns(datagrams(search), b"", 17, (50000, 1900)) == {
        "http_method": "M-SEARCH", "http_host": "239.255.255.250:1900",
    }  # fmt: skip


def test_a_response_that_came_first_is_turned_round():
    assert columns(b"HTTP/1.1 200 OK\r\n\r\n", GET, ports=(80, 50000))["http_host"] == "www.example.com"


def test_a_status_below_100_is_none():
    assert columns(b"", b"HTTP/1.1 099 Odd\r\n") == {}


def test_a_response_alone_gives_its_status():
    assert columns(b"", b"HTTP/1.1 503 Busy\r\n") == {"http_status": 503}
    assert columns(b"", b"HTTP/1.1 5x3 Busy\r\n") == {}


TOKENS = sampled_from([b"Host", b"hOST", b"User-Agent", b"Accept", b"X", b""])


@given(lists(tuples(TOKENS, binary(max_size=30)), max_size=6), sampled_from([b"\r\n", b"\n"]), integers(16, 400))
def test_headers_are_read_as_plain_python_reads_them(headers, ending, cut):
    client = b"GET / HTTP/1.1" + ending + b"".join(name + b": " + value + ending for name, value in headers) + ending
    client = client[:cut]
    found = columns(client)
    expected = {}
    for line in client.split(b"\n")[1:-1]:
        if line in (b"", b"\r"):
            break
        name, colon, value = line.partition(b":")
        if colon and name.lower() in (b"host", b"user-agent"):
            expected.setdefault(name.lower(), value.lstrip(b" \t").rstrip(b" \t\r"))
    assert found.get("http_host") == (escaped(expected[b"host"], 255) if b"host" in expected else None)
    assert found.get("http_user_agent") == (
        escaped(expected[b"user-agent"], 512) if b"user-agent" in expected else None
    )


def test_ssh_banners_of_both_ends():
    found = columns(b"SSH-2.0-OpenSSH_9.6\r\n\0\0", b"welcome\r\nSSH-1.99-Cisco-1.25\nxx", ports=(50000, 22))
    assert found == {"ssh_client": "SSH-2.0-OpenSSH_9.6", "ssh_server": "SSH-1.99-Cisco-1.25"}


def test_a_cut_banner_is_counted():
    unparsed = Counter()
    assert columns(b"SSH-2.0-Open", unparsed=unparsed) == {}
    assert unparsed == {"SSH banner cut": 1}


@given(text(max_size=300), booleans())
def test_banners_become_safe_text(words, ends):
    line = b"SSH-2.0-" + words.replace("\n", "").encode()
    found = columns(line + (b"\r\n" if ends else b""))
    if ends:
        whole = line.removesuffix(b"\r") if line.endswith(b"\r\r") else line
        assert found["ssh_client"] == escaped(whole[:255], 255)
