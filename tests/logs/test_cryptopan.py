"""Crypto-PAn: the published pairs, an independent twin, and the properties that give it its name."""

import ipaddress

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis.strategies import binary, integers, ip_addresses, lists

from oddflow.logs.cryptopan import CryptoPan

REFERENCE_KEY = bytes.fromhex("1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202")
"""Of the sample that comes with the reference implementation (Xu et al.)."""

PUBLISHED = {
    "128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
    "141.223.7.43": "141.167.8.160", "141.233.145.108": "141.129.237.235", "152.163.225.39": "151.140.114.167",
    "156.29.3.236": "147.225.12.42", "165.247.96.84": "162.9.99.234", "166.107.77.190": "160.132.178.185",
    "192.102.249.13": "252.138.62.131", "192.215.32.125": "252.43.47.189", "192.233.80.103": "252.25.108.8",
    "192.41.57.43": "252.222.221.184", "193.150.244.223": "253.169.52.216", "195.205.63.100": "255.186.223.5",
    "198.200.171.101": "249.199.68.213", "198.26.132.101": "249.36.123.202", "198.36.213.5": "249.7.21.132",
    "198.51.77.238": "249.18.186.254", "199.217.79.101": "248.38.184.213", "202.49.198.20": "245.206.7.234",
    "203.12.160.252": "244.248.163.4", "204.184.162.189": "243.192.77.90", "204.202.136.230": "243.178.4.198",
    "204.29.20.4": "243.33.20.123", "205.178.38.67": "242.108.198.51", "10.185.25.118": "117.161.29.118",
    "64.39.15.238": "0.219.7.41", "63.97.7.140": "95.97.9.123", "24.94.26.44": "100.88.228.35",
}  # fmt: skip
"""Its sample trace, raw and sanitised."""

PUBLISHED_IPV6 = {
    "::1": "78ff:f001:9fc0:20df:8380:b1f1:704:ed", "::2": "78ff:f001:9fc0:20df:8380:b1f1:704:ef",
    "::ffff": "78ff:f001:9fc0:20df:8380:b1f1:704:f838", "2001:db8::1": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e",
    "2001:db8::2": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c",
}  # fmt: skip
"""Under the same key, as other implementations of the extension to IPv6 give them."""

PAN = CryptoPan(REFERENCE_KEY)


def twin(address, key):
    """One address, bit by bit, as the paper says it; numbers in place of arrays."""
    aes = Cipher(algorithms.AES(key[:16]), modes.ECB()).encryptor()  # noqa: S305
    pad = int.from_bytes(aes.update(key[16:]), "big")
    size = address.max_prefixlen
    number, made = int(address) << (128 - size), 0
    for bit in range(size):
        mask = ((1 << bit) - 1) << (128 - bit)
        block = (number & mask) | (pad & ~mask)
        made = made << 1 | aes.update(block.to_bytes(16, "big"))[0] >> 7
    return type(address)(int(address) ^ made)


def test_the_published_pairs():
    assert dict(zip(PUBLISHED, PAN.pseudonyms(list(PUBLISHED)), strict=True)) == PUBLISHED


def test_the_published_pairs_of_ipv6():
    assert dict(zip(PUBLISHED_IPV6, PAN.pseudonyms(list(PUBLISHED_IPV6)), strict=True)) == PUBLISHED_IPV6


@given(lists(ip_addresses(), min_size=1, max_size=8), binary(min_size=32, max_size=32))
def test_the_twin_agrees_and_the_way_back_leads_back(addresses, key):
    given_texts = [str(address) for address in addresses]
    made = CryptoPan(key).pseudonyms(given_texts)
    assert made == [str(twin(address, key)) for address in addresses]
    assert CryptoPan(key).back(made) == given_texts


@given(ip_addresses(v=4), integers(0, 31))
def test_addresses_share_as_many_bits_as_their_pseudonyms(address, bit):
    other = ipaddress.IPv4Address(int(address) ^ 1 << (31 - bit))
    one, two = (int(ipaddress.ip_address(text)) for text in PAN.pseudonyms([str(address), str(other)]))
    assert (one ^ two).bit_length() == 32 - bit


def test_very_many_addresses_are_mapped_piece_by_piece(monkeypatch):
    monkeypatch.setattr("oddflow.logs.cryptopan.MOST_BLOCKS", 100)
    assert PAN.pseudonyms(list(PUBLISHED)) == list(PUBLISHED.values())


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.168.4.0/22", "0.0.0.0/0", "fc00::/7", "2001:db8::/64"])
def test_a_network_holds_the_pseudonyms_of_its_addresses(network):
    inside = ipaddress.ip_network(network)
    mapped = ipaddress.ip_network(PAN.network(network))
    assert mapped.prefixlen == inside.prefixlen
    for number in (0, 1, inside.num_addresses - 1):
        assert ipaddress.ip_address(PAN.pseudonyms([str(inside[number])])[0]) in mapped
    assert PAN.network_back(str(mapped)) == str(inside)


def test_what_is_no_address_is_an_error():
    with pytest.raises(ValueError, match="intranet"):
        PAN.pseudonyms(["10.0.0.1", "intranet"])
