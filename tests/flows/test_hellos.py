"""TLS and DTLS hellos: hand-made cases from the RFCs, and the kernels against their twin on whatever bytes."""

from collections import Counter
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis.strategies import binary, composite, data, integers, lists, none, sampled_from, tuples
from tests.flows import hello_twin as twin
from tests.flows.streams import datagrams, pack

from oddflow.flows.application import application_columns

NUMBERS = integers(0, 65535) | sampled_from([0x0A0A, 0xFAFA, 0x1301, 0xC02F, 0x0304])
GREETING = [
    (0x2A2A, b""), twin.name_extension(b"example.com"), (10, b"\0\4\x0a\x0a\0\x1d"), (11, b"\1\0"),
    (13, b"\0\4\4\3\x08\4"), twin.protocols_extension(b"h2", b"http/1.1"), (43, b"\6\x3a\x3a\3\4\3\3"),
]  # fmt: skip
HELLO = twin.hello([0x1A1A, 0x1302, 0x1301], GREETING)


def columns(client, server=b"", protocol=6, ports=(50000, 443), unparsed=None):
    """The columns of one flow that are not null."""
    found = application_columns(pack([(client, server, protocol, *ports)]), unparsed)
    return {name: array[0].as_py() for name, array in found.items() if array[0].is_valid}


def test_a_hello_says_name_protocols_versions_and_fingerprints():
    found = columns(twin.tls_records(HELLO), twin.tls_records(twin.server_hello(extensions=[(43, b"\3\4")])))
    assert found == {
        "tls_sni": "example.com",
        "tls_alpn": "h2,http/1.1",
        "tls_version": "TLS 1.3",
        "tls_server_version": "TLS 1.3",
        "ja3": md5(b"771,4866-4865,0-10-11-13-16-43,29,0", usedforsecurity=False).hexdigest(),
        "ja4": "t13d0206h2_" + twin.digest("1301,1302") + "_" + twin.digest("000a,000b,000d,002b_0403,0804"),
    }


@pytest.mark.parametrize("sizes", [(1,), (3, 1, 200), (5, 16384), (100,)])
def test_a_hello_may_be_spread_over_records(sizes):
    # A record that holds less than the message's header and version cannot be told from chance at first sight.
    records = twin.tls_records(HELLO, (max(sizes[0], 6), *sizes[1:]))
    assert columns(records) == columns(twin.tls_records(HELLO))


def test_a_hello_behind_starttls_is_found():
    found = columns(b"EHLO me\r\nSTARTTLS\r\n" + twin.tls_records(HELLO), b"220 hi\r\n250 STARTTLS\r\n220 go\r\n")
    assert found["tls_sni"] == "example.com"


def test_a_connect_request_and_the_hello_behind_it_are_both_read():
    request = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nUser-Agent: x\r\n\r\n"
    found = columns(request + twin.tls_records(HELLO), b"HTTP/1.1 200 OK\r\n\r\n")
    assert (found["http_method"], found["http_status"], found["tls_sni"]) == ("CONNECT", 200, "example.com")


@pytest.mark.parametrize("cut", range(3, len(HELLO) + 5, 7))
def test_a_cut_hello_is_counted_and_has_no_fingerprint(cut):
    unparsed = Counter()
    found = columns(twin.tls_records(HELLO)[:cut], unparsed=unparsed)
    assert "ja4" not in found
    assert "ja3" not in found
    assert unparsed == {"TLS ClientHello cut": 1}


def test_what_stands_before_the_cut_is_read():
    cut = HELLO.index(b"example.com") + 11
    assert columns(twin.tls_records(HELLO)[: cut + 5])["tls_sni"] == "example.com"
    assert "tls_sni" not in columns(twin.tls_records(HELLO)[: cut + 4])


@pytest.mark.parametrize(
    ("version", "extensions", "name"),
    [
        (0x0301, None, "TLS 1.0"), (0x0303, [], "TLS 1.2"), (0x0300, None, "SSL 3.0"),
        (0x0303, [(51, b"\0\x1d\0\1x"), (43, b"\3\4")], "TLS 1.3"), (0x0303, [(43, b"\x7f\x1c")], "TLS 1.3 draft 28"),
    ],
)  # fmt: skip
def test_the_version_that_the_server_chose(version, extensions, name):
    answer = twin.tls_records(twin.server_hello(version, extensions))
    assert columns(twin.tls_records(HELLO), answer)["tls_server_version"] == name


def test_a_post_quantum_key_share_longer_than_what_is_kept_still_says_tls_1_3():
    answer = twin.tls_records(twin.server_hello(extensions=[(51, bytes(1124)), (43, b"\3\4")]))
    assert columns(twin.tls_records(HELLO), answer)["tls_server_version"] == "TLS 1.3"


def test_a_cut_server_hello_is_counted():
    unparsed = Counter()
    answer = twin.tls_records(twin.server_hello(extensions=[(0xFF01, b"\0"), (23, b"")]))[:60]
    assert "tls_server_version" not in columns(twin.tls_records(HELLO), answer, unparsed=unparsed)
    assert unparsed == {"TLS ServerHello cut": 1}


def test_a_server_taken_for_the_client_is_turned_round():
    hello, answer = twin.tls_records(HELLO), twin.tls_records(twin.server_hello())
    assert columns(answer, hello, ports=(443, 50000)) == columns(hello, answer)


@pytest.mark.parametrize(
    ("extensions", "part"),
    [
        ([twin.protocols_extension(b"h")], "hh"), ([twin.protocols_extension(b"\xab")], "ab"),
        ([twin.protocols_extension(b"0\xab")], "3b"), ([(16, b"\0\1\0")], "00"), ([], "00"),
        ([twin.protocols_extension(b"http/1.1", b"h2")], "h1"),
    ],
)  # fmt: skip
def test_the_protocols_letters_in_ja4(extensions, part):
    assert columns(twin.tls_records(twin.hello([0x1301], extensions)))["ja4"][8:10] == part


def test_ja4_of_a_hello_without_lists_is_zeros():
    assert columns(twin.tls_records(twin.hello([], None)))["ja4"] == "t12i000000_000000000000_000000000000"


def test_counts_in_ja4_end_at_99():
    many = twin.hello(range(200), [(1000 + i, b"") for i in range(150)])
    assert columns(twin.tls_records(many))["ja4"].startswith("t12i9999")


DTLS = twin.hello([0xC02B, 0xC02F], [twin.name_extension(b"dtls.example")], version=0xFEFD, cookie=b"c" * 20)


@pytest.mark.parametrize("sizes", [(16384,), (40,), (13, 50, 9)])
def test_dtls_fragments_are_put_together(sizes):
    found = columns(datagrams(*twin.dtls_datagrams(DTLS, sizes)), protocol=17)
    assert found["ja4"] == f"dd2d020100_{twin.digest('c02b,c02f')}_000000000000"
    assert (found["tls_sni"], found["tls_version"]) == ("dtls.example", "DTLS 1.2")


def test_dtls_fragments_out_of_order_that_repeat_are_put_together():
    one, two, three = twin.dtls_datagrams(DTLS, (30,))[:3]
    rest = twin.dtls_datagrams(DTLS, (30,))[3:]
    assert columns(datagrams(one, one, two, one, three, *rest), protocol=17)["tls_sni"] == "dtls.example"


def test_dtls_behind_stun_is_found_and_the_server_answers():
    stun = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
    answer = twin.dtls_datagrams(twin.server_hello(0xFEFD))
    found = columns(datagrams(stun, *twin.dtls_datagrams(DTLS)), datagrams(stun, *answer), 17, (4000, 5000))
    assert (found["tls_sni"], found["tls_server_version"]) == ("dtls.example", "DTLS 1.2")


def test_dtls_1_3_is_newer_than_1_2_though_its_number_is_less():
    hello = twin.hello([0x1301], [(43, b"\4\xfe\xfd\xfe\xfc")], version=0xFEFD, cookie=b"")
    found = columns(datagrams(*twin.dtls_datagrams(hello)), protocol=17)
    assert (found["tls_version"], found["ja4"][:3]) == ("DTLS 1.3", "dd3")


@composite
def extensions(draw):
    kind = draw(sampled_from([0, 10, 11, 13, 16, 43, 0x2A2A]) | NUMBERS)
    body = draw(binary(max_size=40))
    shape = draw(integers(0, 2))
    if shape and kind in (10, 13):
        body = len(body).to_bytes(2, "big") + body
    elif shape and kind in (11, 43):
        body = bytes([len(body)]) + body
    elif shape and kind == 0:
        return twin.name_extension(body)
    elif shape and kind == 16:
        return twin.protocols_extension(body, b"h2")
    return kind, body


HELLOS = tuples(
    lists(NUMBERS, max_size=130), none() | lists(extensions(), max_size=12), sampled_from([2, 0x0301, 0x0303])
)


def compare(message, found, over="t"):
    """Holds the columns of one hello against its twin."""
    expected = twin.read(message, over)
    assert found.get("ja3") == expected["ja3"]
    assert found.get("ja4") == expected["ja4"]
    name = expected["name"]
    assert found.get("tls_sni") == (None if name is None else twin.escaped(name, 255))
    assert ("tls_alpn" in found) == (expected["protocols"] is not None)
    for column, text in found.items():
        assert not isinstance(text, str) or (text.isascii() and text.isprintable()), column


@given(HELLOS, integers(0, 3000), sampled_from(["t", "d"]))
def test_kernels_read_any_hello_as_the_twin_does(parts, cut, over):
    ciphers, chosen, version = parts
    message = twin.hello(
        ciphers, chosen, version=0x0303, session=b"s" * (version & 31), cookie=b"co" if over == "d" else None
    )
    if over == "t":
        records = twin.tls_records(message)[: max(cut, 11)]
        compare(message[: max(len(records) - 5, 0)], columns(records))
    else:
        sent = twin.dtls_datagrams(message)[0][: max(cut, 26)]
        compare(message[: 4 + max(len(sent) - 25, 0)], columns(datagrams(sent), protocol=17), over)


@pytest.fixture(scope="module")
def real_hellos(shared):
    """Client streams of a golden capture that begin with a whole ClientHello in one record."""
    from tests.flows.streams import plain_flows  # noqa: PLC0415

    streams = [flow.up.bytes() for flow in plain_flows(shared / "golden" / "ja4" / "tls-sni.pcapng")]
    starts = [stream for stream in streams if stream[:2] == b"\x16\x03" and stream[5] == 1]
    return [stream[: 5 + int.from_bytes(stream[3:5], "big")] for stream in starts]


@given(data())
def test_mutated_real_hellos_are_read_as_the_twin_reads_them(real_hellos, data):
    record = bytearray(data.draw(sampled_from(real_hellos)))
    for place, byte in data.draw(lists(tuples(integers(11, len(record) - 1), integers(0, 255)), max_size=6)):
        record[place] = byte
    record = bytes(record)[: data.draw(integers(11, len(record)))]
    compare(record[5:], columns(record))


@given(data())
def test_no_mutation_of_real_hellos_crashes(real_hellos, data):
    rows = []
    for _ in range(20):
        record = bytearray(data.draw(sampled_from(real_hellos)))
        for place, byte in data.draw(lists(tuples(integers(0, len(record) - 1), integers(0, 255)), max_size=8)):
            record[place] = byte
        rows.append((bytes(record), bytes(record[::-1]), data.draw(sampled_from([6, 17, 132])), 443, 53))
    for array in application_columns(pack(rows)).values():
        array.validate(full=True)


@given(
    lists(
        tuples(
            binary(max_size=200), binary(max_size=200), sampled_from([1, 6, 17, 132]), NUMBERS, sampled_from([53, 80])
        ),
        max_size=30,
    )
)
def test_any_bytes_give_valid_columns(rows):
    for array in application_columns(pack(rows)).values():
        array.validate(full=True)
        assert len(array) == len(rows)
