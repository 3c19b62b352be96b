"""Names from whole captures: what scapy sends, metered, observed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

import oddflow
from oddflow.enrichment.dhcp import lease_in
from oddflow.enrichment.seen_names import SeenNames
from oddflow.flows.settings import MeterSettings, Payload

MAC = bytes.fromhex("020000000005")


def asked(name, address, client="10.0.0.5", server="10.0.0.53", port=40_000):
    """A question and its answer."""
    question, kind = DNSQR(qname=name), "AAAA" if ":" in address else "A"
    ip = IPv6 if ":" in client else IP
    return [
        Ether() / ip(src=client, dst=server) / UDP(sport=port, dport=53) / DNS(id=port, qd=question),
        Ether() / ip(src=server, dst=client) / UDP(sport=53, dport=port)
        / DNS(id=port, qr=1, qd=question, an=[DNSRR(rrname=name, type=kind, rdata=address)]),
    ]  # fmt: skip


def leased(name, address, mac=MAC, order=(0, 1)):
    """A request and its acknowledgement."""
    request = (
        Ether() / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)  # noqa: S104
        / BOOTP(op=1, chaddr=mac) / DHCP(options=[("message-type", "request"), ("hostname", name), "end"])
    )  # fmt: skip
    reply = (
        Ether() / IP(src="10.0.0.1", dst=address) / UDP(sport=67, dport=68)
        / BOOTP(op=2, yiaddr=address, chaddr=mac) / DHCP(options=[("message-type", "ack"), "end"])
    )  # fmt: skip
    return [(request, reply)[place] for place in order]


def observed(folder, *packets, most=100, **settings):
    for number, packet in enumerate(packets):
        packet.time = 1_700_000_000 + number * 0.01
    path = folder / "x.pcap"
    wrpcap(str(path), list(packets))
    names = SeenNames(most)
    for batch in oddflow.flows(path, settings=MeterSettings(**settings)):
        names.observe(batch)
    return names


@pytest.mark.parametrize("payload", [Payload.SESSION, Payload.FLOW])
def test_an_answer_names_an_address_whichever_payload_is_kept(tmp_path, payload):
    names = observed(
        tmp_path,
        *asked("mail.example", "192.0.2.9"),
        *asked("six.example", "2001:db8::9", client="fd00::5", server="fd00::53"),
        payload=payload,
    )
    assert names.name_of("192.0.2.9") == "mail.example"
    assert names.name_of("2001:db8::9") == "six.example"
    assert names.name_of("192.0.2.10") == ""


def test_no_payload_gives_no_names(tmp_path):
    assert observed(tmp_path, *asked("mail.example", "192.0.2.9"), payload=Payload.NONE).name_of("192.0.2.9") == ""


def test_the_host_that_asked_is_believed_first(tmp_path):
    names = observed(
        tmp_path,
        *asked("one.example", "192.0.2.9", client="10.0.0.5"),
        *asked("two.example", "192.0.2.9", client="10.0.0.6", port=40_001),
    )
    assert names.name_of("192.0.2.9", asker="10.0.0.5") == "one.example"
    assert names.name_of("192.0.2.9", asker="10.0.0.6") == "two.example"
    assert names.name_of("192.0.2.9") == "two.example"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_lease_names_a_host_in_either_order(tmp_path, order):
    names = observed(
        tmp_path, *leased("Anns-Laptop", "10.0.0.5", order=order), *asked("other.example", "10.0.0.5", port=40_002)
    )
    assert names.name_of("10.0.0.5") == "anns-laptop"


def test_a_lease_that_goes_to_another_host_takes_the_name_along(tmp_path):
    other = bytes.fromhex("020000000006")
    names = observed(tmp_path, *leased("ann", "10.0.0.5"), leased("", "10.0.0.5", mac=other)[1])
    assert names.name_of("10.0.0.5") == ""


def test_memory_is_bounded_and_the_oldest_is_forgotten(tmp_path):
    packets = [
        packet for number in range(1, 9) for packet in asked(f"n{number}.example", f"192.0.2.{number}", port=number)
    ]
    names = observed(tmp_path, *packets, most=5)
    assert [bool(names.name_of(f"192.0.2.{number}")) for number in range(1, 9)] == [False] * 3 + [True] * 5


def test_a_full_name_in_dhcp_is_read():
    for flags, name in ((0x04, b"\x03ann\x06office\x00"), (0x00, b"ann.office")):
        content = bytes(BOOTP(op=1, chaddr=MAC) / DHCP(options=[("message-type", "request"), "end"]))[:-1]
        assert lease_in(content + bytes([81, 3 + len(name), flags, 0, 0]) + name).name == "ann.office"


@given(st.binary(max_size=60))
def test_no_options_end_in_an_error(noise):
    whole = bytes(BOOTP(op=2, chaddr=MAC) / DHCP(options=["end"]))[:240]
    found = lease_in(whole + noise)
    assert found is not None
    assert found.name.isprintable()
    assert lease_in(noise) is None
