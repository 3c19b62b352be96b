"""Answers as scapy writes them, and as an attacker would."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR

from oddflow.enrichment.dns_answers import Named, named_in, shown


def answer(name, *records, **fields):
    return bytes(DNS(id=7, qr=1, qd=DNSQR(qname=name), an=list(records), **fields))


def test_addresses_are_named_by_the_question():
    message = answer(
        "WWW.example.org",
        DNSRR(rrname="www.example.org", type="CNAME", rdata="edge.cdn.example"),
        DNSRR(rrname="edge.cdn.example", type="A", rdata="192.0.2.7"),
        DNSRR(rrname="edge.cdn.example", type="AAAA", rdata="2001:db8::7"),
    )
    assert named_in(message) == [Named("192.0.2.7", "www.example.org"), Named("2001:db8::7", "www.example.org")]


def test_records_that_nobody_asked_for_name_nothing():
    message = answer(
        "harmless.example",
        DNSRR(rrname="bank.example", type="A", rdata="192.0.2.66"),
        DNSRR(rrname="harmless.example", type="A", rdata="192.0.2.1"),
    )
    assert named_in(message) == [Named("192.0.2.1", "harmless.example")]


def test_multicast_dns_names_by_owner():
    message = bytes(DNS(qr=1, aa=1, qd=[], an=[DNSRR(rrname="printer.local", type="A", rdata="10.0.0.9")]))
    assert named_in(message) == [Named("10.0.0.9", "printer.local")]


@pytest.mark.parametrize(
    "message",
    [
        b"", bytes(12), bytes(DNS(qd=DNSQR(qname="a.example"))),
        answer("no.example", rcode=3), answer("a.example", DNSRR(rrname="a.example", type="TXT", rdata="x")),
    ],
)  # fmt: skip
def test_what_answers_nothing_names_nothing(message):
    assert named_in(message) == []


def test_what_is_cut_gives_what_came_before():
    records = [DNSRR(rrname="a.example", type="A", rdata=f"192.0.2.{number}") for number in range(5)]
    message = answer("a.example", *records)
    assert named_in(message[:-30]) == named_in(message)[:3]


def test_names_that_lead_in_circles_end():
    header = struct.pack(">6H", 1, 0x8000, 1, 1, 0, 0)
    assert named_in(header + b"\xc0\x0c" + bytes(20)) == []
    assert named_in(header + b"\x01a\xc0\x0c" + bytes(20)) == []
    assert named_in(header + b"\xc0\xff" + bytes(20)) == []


def test_names_cannot_hide_or_reorder_what_is_read():
    assert shown(b"a\x1b[31m \\\xe2\x80\xae.b", also=b".") == "a\\x1b[31m\\x20\\x5c\\xe2\\x80\\xae\\x2eb"
    message = answer(b"x\x1b]0;y.example", DNSRR(rrname=b"x\x1b]0;y.example", type="A", rdata="192.0.2.1"))
    assert named_in(message)[0].name == "x\\x1b]0;y.example"


@given(st.binary(max_size=120))
def test_no_bytes_end_in_an_error(noise):
    header = struct.pack(">6H", 1, 0x8400, 1, 3, 0, 0)
    for message in (noise, header + noise):
        assert all(named.name.isprintable() for named in named_in(message))
