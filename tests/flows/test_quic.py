"""QUIC: keys of the RFCs' appendices, and packets sealed here as the RFCs say."""

import hashlib
import hmac
import struct
from collections import Counter

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, tuples
from tests.flows.hello_twin import hello, name_extension, protocols_extension, read
from tests.flows.streams import datagrams, first_bytes, pack, plain_flows

from oddflow.flows.application import application_columns
from oddflow.flows.quic import VERSION_1, VERSION_2, client_hello, client_keys, joined

ID = bytes.fromhex("8394c8f03e515708")
HELLO = hello([0x1301], [name_extension(b"quic.example"), protocols_extension(b"h3"), (43, b"\2\3\4")])
SALTS = {
    VERSION_1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    VERSION_2: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    0xFF00001D: "afbfec289993d24c9e9786f19c6111e04390a899",
    0xFF00001B: "c3eef712c72ebb5a11a7d2432bb46365bef9f502",
}


def number(value):
    return struct.pack(">I", value | 0x80000000)


def crypto(offset, data):
    return b"\6" + number(offset) + number(len(data)) + data


def initial(frames, packet_number=0, *, version=VERSION_1, connection_id=ID, key_id=None, token=b"", size=1200):
    """A client's protected Initial packet (RFC 9001 section 5)."""

    def expand(secret, label, length):
        info = struct.pack(">H", length) + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
        return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:length]

    secret = hmac.new(bytes.fromhex(SALTS[version]), key_id or connection_id, hashlib.sha256).digest()
    secret = expand(secret, b"client in", 32)
    label = b"quicv2 " if version == VERSION_2 else b"quic "
    key, nonce, header_key = (
        expand(secret, label + b"key", 16),
        expand(secret, label + b"iv", 12),
        expand(secret, label + b"hp", 16),
    )
    header = bytes([0xD1 if version == VERSION_2 else 0xC1]) + struct.pack(">I", version)
    header += bytes([len(connection_id)]) + connection_id + b"\0" + number(len(token)) + token
    frames += bytes(max(size - len(header) - 4 - 2 - 16 - len(frames), 4))
    header += number(2 + len(frames) + 16) + struct.pack(">H", packet_number)
    nonce = (int.from_bytes(nonce, "big") ^ packet_number).to_bytes(12, "big")
    sealed = AESGCM(key).encrypt(nonce, frames, header)
    mask = Cipher(algorithms.AES(header_key), modes.ECB()).encryptor().update(sealed[2:18])  # noqa: S305
    protected = bytearray(header)
    protected[0] ^= mask[0] & 15
    protected[-2] ^= mask[1]
    protected[-1] ^= mask[2]
    return bytes(protected) + sealed


def columns(*sent, unparsed=None):
    found = application_columns(pack([(datagrams(*sent), b"", 17, 50000, 443)]), unparsed)
    return {name: array[0].as_py() for name, array in found.items() if array[0].is_valid}


@pytest.mark.parametrize(
    ("version", "key", "nonce", "header"),
    [
        (VERSION_1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
        (VERSION_2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
    ],
)
def test_the_keys_of_rfc_9001_and_9369(version, key, nonce, header):
    (keys,) = client_keys(version, ID)
    assert (keys.key.hex(), keys.nonce.hex(), keys.header.hex()) == (key, nonce, header)


@pytest.mark.parametrize("version", SALTS)
def test_a_hello_in_one_packet(version):
    found = columns(initial(crypto(0, HELLO), version=version))
    assert found == {
        "tls_sni": "quic.example", "tls_alpn": "h3", "tls_version": "TLS 1.3", "quic_version": version,
        "ja3": read(HELLO, "q")["ja3"], "ja4": read(HELLO, "q")["ja4"],
    }  # fmt: skip


def test_a_hello_in_pieces_out_of_order_over_several_datagrams():
    ack = b"\2" + number(0) + number(0) + number(0) + number(0)
    sent = [
        initial(b"\1" + crypto(60, HELLO[60:100])),
        initial(ack + crypto(20, HELLO[20:70]) + b"\0\1" + crypto(0, HELLO[:20]), 1),
        initial(crypto(100, HELLO[100:]), 2),
    ]
    assert columns(*sent)["ja4"] == read(HELLO, "q")["ja4"]


def test_packets_coalesced_in_one_datagram():
    handshake = b"\xe1" + struct.pack(">I", 1) + b"\x08" + ID + b"\0" + number(30) + bytes(30)
    together = initial(crypto(0, HELLO[:50]), size=200) + handshake + initial(crypto(50, HELLO[50:]), 1, size=900)
    assert columns(together)["tls_sni"] == "quic.example"


def test_after_a_retry_the_new_id_gives_the_keys():
    again = initial(crypto(0, HELLO), 1, connection_id=b"\7" * 8, token=b"token")
    assert columns(initial(crypto(0, HELLO[:40])), again)["tls_sni"] == "quic.example"


def test_a_later_packet_to_the_servers_id_keeps_the_first_keys():
    later = initial(crypto(40, HELLO[40:]), 1, connection_id=b"\7" * 8, key_id=ID)
    assert columns(initial(crypto(0, HELLO[:40])), later)["tls_sni"] == "quic.example"


def test_a_packet_that_the_capture_cut_gives_what_is_there():
    unparsed = Counter()
    whole = initial(crypto(0, HELLO))
    sent = datagrams(whole)[:400]
    found = application_columns(pack([(sent, b"", 17, 50000, 443)]), unparsed)
    assert found["ja4"][0].as_py() == read(HELLO, "q")["ja4"]
    assert not unparsed


def test_a_hello_whose_rest_is_missing_is_counted():
    unparsed = Counter()
    assert "ja4" not in columns(initial(crypto(0, HELLO[:-1])), unparsed=unparsed)
    assert unparsed == {"QUIC ClientHello cut": 1}


def test_a_version_without_known_keys_is_still_a_version():
    unparsed = Counter()
    gquic = b"\xc3Q046\x50" + bytes(20)
    assert columns(gquic, unparsed=unparsed) == {"quic_version": 0x51303436}
    assert unparsed == {"QUIC without a ClientHello": 1}


@given(lists(tuples(integers(0, 60), integers(1, 60)), max_size=8))
def test_pieces_are_joined_up_to_the_first_hole(spans):
    data = bytes(range(120))
    pieces = [(begin, data[begin : begin + size]) for begin, size in spans]
    covered = {place for begin, size in spans for place in range(begin, begin + size)}
    length = next(place for place in range(200) if place not in covered)
    assert joined(pieces) == data[:length]


@given(lists(tuples(integers(0, 1199), integers(0, 255)), max_size=5), integers(0, 1300))
def test_mutated_packets_do_no_harm(changes, cut):
    packet = bytearray(initial(crypto(0, HELLO)))
    for place, byte in changes:
        packet[place] = byte
    hello_bytes, whole = client_hello(datagrams(bytes(packet))[:cut])
    # A packet that is cut has no tag to prove it; a whole one that was changed is refused.
    assert not whole or cut < 1202 or hello_bytes == HELLO


@given(binary(max_size=300))
def test_any_bytes_do_no_harm(data):
    client_hello(data)
    client_hello(datagrams(b"\xc0\0\0\0\1" + data))


def test_real_captures_of_all_versions_give_a_hello(shared):
    names = {
        "quic-29.pcap": 1,
        "quic-27.pcap": 1,
        "quic-28.pcap": 1,
        "quic_frags_ch_in_multiple_packets.pcapng": 1,
        "quic_interop_V.pcapng": 60,
    }
    for name, least in names.items():
        found = application_columns(first_bytes(plain_flows(shared / "captures" / "ndpi" / name)))
        assert len(found["ja4"].drop_null()) >= least, name
