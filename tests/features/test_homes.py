"""Home networks: which addresses are ours."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses
from tests.features.build import flows

from oddflow.errors import UsageError
from oddflow.features.homes import INSIDE, INWARD, OUTSIDE, OUTWARD, PRIVATE, HomeNetworks


@given(ip_addresses())
def test_an_address_is_ours_where_a_network_holds_it(address):
    expected = any(address in network for network in map(ip_network, PRIVATE) if network.version == address.version)
    assert HomeNetworks().contains(str(address)) == expected


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.255.255", "172.31.0.1", "fe80::1", "fd00::5", "127.0.0.1"])
def test_private_addresses_are_ours(address):
    assert HomeNetworks().contains(address)


@pytest.mark.parametrize("address", ["172.32.0.1", "8.8.8.8", "2001:db8::1", "no address", ""])
def test_other_addresses_are_not(address):
    assert not HomeNetworks().contains(address)


@pytest.mark.parametrize(
    ("src", "dst", "role"),
    [
        ("10.0.0.1", "10.0.0.2", INSIDE),
        ("10.0.0.1", "8.8.8.8", OUTWARD),
        ("8.8.8.8", "10.0.0.1", INWARD),
        ("8.8.8.8", "9.9.9.9", OUTSIDE),
    ],
)
def test_the_role_of_a_flow_follows_from_its_ends(src, dst, role):
    assert HomeNetworks().roles(flows([{"src_ip": src, "dst_ip": dst}])).tolist() == [role]


def test_roles_of_a_slice_are_those_of_its_rows():
    batch = flows([{"src_ip": "8.8.8.8"}, {"src_ip": "10.0.0.1"}, {"src_ip": "9.9.9.9"}])
    assert HomeNetworks().roles(batch.slice(1)).tolist() == [INSIDE, INWARD]


def test_a_network_of_ones_own_replaces_the_private_ranges():
    homes = HomeNetworks(["203.0.113.7/24"])
    assert homes.contains("203.0.113.200")
    assert not homes.contains(str(ip_address("10.0.0.1")))


@pytest.mark.parametrize("text", ["10.0.0.0/33", "home", "", "10.0.0/8", "::/129"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(UsageError, match=r"expected one like 10\.0\.0\.0/8"):
        HomeNetworks([text])
