"""The socket: addresses, order, drops, and an end that comes."""

import socket
import time

import pytest

from oddflow.errors import UsageError
from oddflow.logs.netflow.receiver import Receiver
from oddflow.logs.netflow.receiving import read_sender


def sender_to(receiver):
    host, _, port = receiver.address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.connect((host.strip("[]"), int(port)))
    return opened


def received(receiver, count):
    found, until = [], time.monotonic() + 10
    while len(found) < count and time.monotonic() < until:
        found += receiver.take()
        time.sleep(0.001)
    return found


def test_datagrams_come_in_their_order_with_who_sent_them():
    with Receiver("127.0.0.1:0") as receiver, sender_to(receiver) as opened:
        for number in range(1000):
            opened.send(number.to_bytes(4, "big") + bytes(number))
        found = received(receiver, 1000)
        assert [int.from_bytes(one.data[:4], "big") for one in found] == list(range(1000))
        assert {len(one.data) for one in found} == set(range(4, 1004))
        assert {one.sender for one in found} == {opened.getsockname()}


def test_ipv6_and_both_at_once():
    try:
        receiver = Receiver("[::]:0")
    except UsageError:
        pytest.skip("this machine has no IPv6")
    with receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened, sender_to(receiver) as six:
        opened.sendto(b"four", ("127.0.0.1", int(receiver.address.rpartition(":")[2])))
        six.send(b"six")
        assert {(one.data, one.sender[0]) for one in received(receiver, 2)} == {(b"four", "127.0.0.1"), (b"six", "::1")}


@pytest.mark.parametrize(
    "address", ["2055", ":2055", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:2055", "[::1:2055"]
)
def test_what_is_no_address(address):
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        Receiver(address)


def test_addresses_that_cannot_be_listened_to():
    with Receiver("127.0.0.1:0") as receiver, pytest.raises(UsageError, match=r"EADDRINUSE.*choose another"):
        Receiver(receiver.address)
    with pytest.raises(UsageError, match="cannot be listened to"):
        Receiver("192.0.2.1:2055")
    with pytest.raises(UsageError, match="cannot be listened to"):
        Receiver("no.such.host.invalid:2055")


def test_what_is_not_taken_is_bounded_and_counted():
    with Receiver("127.0.0.1:0", waiting_bytes=100_000) as receiver, sender_to(receiver) as opened:
        for _ in range(500):
            opened.send(bytes(1000))
            time.sleep(0.0002)
        receiver.stop()
        kept = 0
        while found := receiver.take():
            kept += len(found)
        assert 0 < kept <= 100
        assert kept + receiver.overrun + receiver.dropped == 500


def test_the_kernel_tells_what_it_dropped():
    receiver = Receiver("127.0.0.1:0")
    receiver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with sender_to(receiver) as opened:
        for _ in range(200):
            opened.send(bytes(1000))
    with receiver:
        receiver.stop()
        kept = 0
        while found := receiver.take():
            kept += len(found)
        assert receiver.dropped == 200 - kept > 0


def test_it_ends_while_datagrams_keep_coming():
    receiver = Receiver("127.0.0.1:0")
    with sender_to(receiver) as opened, receiver:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            opened.send(b"x")
        begun = time.monotonic()
        receiver.stop()
        assert time.monotonic() - begun < 2


def test_an_ipv4_address_inside_ipv6_is_ipv4():
    name = (
        socket.AF_INET6.to_bytes(2, "little")
        + bytes.fromhex("0807 00000000")
        + bytes(10)
        + b"\xff\xff\xc0\0\2\1"
        + bytes(4)
    )
    assert read_sender(name) == ("192.0.2.1", 2055)
