"""Capture filters: what libpcap compiles does what the text says, run by an interpreter of our own."""

import ctypes
import struct

import pytest

from oddflow.capture import filter as capture_filter
from oddflow.capture.filter import NETWORK_HEADER, PROTOCOL, accept_all, by_hosts, compile_filter
from oddflow.errors import UsageError

from .build import ether, ipv4, ipv6, tcp, udp


def has_libpcap():
    for name in capture_filter.LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


needs_libpcap = pytest.mark.skipif(not has_libpcap(), reason="needs libpcap")

SIZES = {0x00: 4, 0x08: 2, 0x10: 1}
OPERATIONS = {
    0x00: lambda a, b: a + b,
    0x10: lambda a, b: a - b,
    0x20: lambda a, b: a * b,
    0x40: lambda a, b: a | b,
    0x50: lambda a, b: a & b,
    0x60: lambda a, b: a << b,
    0x70: lambda a, b: a >> b,
    0xA0: lambda a, b: a ^ b,
}
JUMPS = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: bool(a & b)}


def loaded(step, frame, x, memory):
    """The value that a load gives; None past the end of the frame."""
    code, _, _, k = step
    mode, size = code & 0xE0, SIZES[code & 0x18]
    if mode in (0x00, 0x60, 0x80):
        return {0x00: k, 0x60: memory.get(k), 0x80: len(frame)}[mode]
    if mode == 0xA0:
        return (frame[k] & 0x0F) * 4
    if k == PROTOCOL:
        return int.from_bytes(frame[12:14], "big")
    place = (k - NETWORK_HEADER + 14 if k >= NETWORK_HEADER else k) + (x if mode == 0x40 else 0)
    return int.from_bytes(frame[place : place + size], "big") if place + size <= len(frame) else None


def run(program, frame):
    """What a classic BPF program (McCanne and Jacobson 1993) gives for an Ethernet frame."""
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    a = x = at = 0
    memory = {}
    while True:
        code, yes, no, k = steps[at]
        at += 1
        kind, operation, operand = code & 0x07, code & 0xF0, x if code & 0x08 else k
        if kind == 0x06:
            return a if code & 0x18 == 0x10 else k
        if kind in (0x00, 0x01):
            value = loaded(steps[at - 1], frame, x, memory)
            if value is None:
                return 0
            a, x = (value, x) if kind == 0x00 else (a, value)
        elif kind in (0x02, 0x03):
            memory[k] = a if kind == 0x02 else x
        elif kind == 0x04:
            a = OPERATIONS[operation](a, operand) & 0xFFFFFFFF
        elif kind == 0x05:
            at += k if operation == 0 else yes if JUMPS[operation](a, operand) else no
        else:
            a, x = (x, x) if code & 0xF8 else (a, a)


QUESTION = ether(ipv4(udp(b"q", 4_000, 53)))
PAGE = ether(ipv4(tcp(b"GET", 4_000, 80), 6))
SIX = ether(ipv6(udp(b"q", 4_000, 53)), 0x86DD)


def test_no_text_takes_everything_up_to_the_snap_length():
    assert run(compile_filter(" ", 1, 96), PAGE) == 96
    assert run(accept_all(0), PAGE) == 0


@needs_libpcap
@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("udp port 53", [QUESTION, SIX]),
        ("tcp", [PAGE]),
        ("ip6", [SIX]),
        ("host 10.0.0.1 and not port 53", [PAGE]),
        ("greater 1000", []),
    ],
)
def test_a_filter_takes_what_it_says(text, taken):
    program = compile_filter(text, 1, 128)
    assert [frame for frame in (QUESTION, PAGE, SIX) if run(program, frame)] == taken
    assert {run(program, frame) for frame in taken} <= {128}


@needs_libpcap
def test_raw_ip_has_no_frame():
    assert run(compile_filter("udp port 53", 101, 128), QUESTION[14:])
    assert not run(compile_filter("udp port 53", 101, 128), PAGE[14:])


@needs_libpcap
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("udp prot 53", "syntax error"),
        ("port 99999", "is wrong"),
        ("(" * 4_000, "is wrong"),
        ("x" * 5_000, "at most 4,096"),
        ("tcp\0", "none of them 0"),
    ],
)
def test_a_wrong_filter_is_refused_with_libpcaps_words(text, said):
    with pytest.raises(UsageError, match=said):
        compile_filter(text, 1, 128)


def test_where_there_is_no_libpcap_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(capture_filter, "LIBRARIES", ("libno-such-library.so",))
    with pytest.raises(UsageError, match=r"apt install libpcap0\.8"):
        compile_filter("tcp", 1, 128)


@pytest.mark.parametrize("kind", ["IPv4", "IPv6"])
def test_both_directions_of_two_hosts_have_one_number_and_pairs_have_many(kind):
    def number(one, other):
        if kind == "IPv4":
            return run(by_hosts(), ether(ipv4(udp(), src=f"10.0.{one}.1", dst=f"192.0.2.{other}")))
        return run(by_hosts(), ether(ipv6(udp(), src=one << 64 | 7, dst=other), 0x86DD))

    def back(one, other):
        if kind == "IPv4":
            return run(by_hosts(), ether(ipv4(tcp(), 6, dst=f"10.0.{one}.1", src=f"192.0.2.{other}")))
        return run(by_hosts(), ether(ipv6(tcp(), 6, dst=one << 64 | 7, src=other), 0x86DD))

    pairs = [(one, other) for one in range(16) for other in range(1, 17)]
    assert all(number(*pair) == back(*pair) for pair in pairs)
    shares = [sum(number(*pair) % 4 == worker for pair in pairs) for worker in range(4)]
    assert min(shares) > len(pairs) / 8


def test_what_is_not_ip_has_the_first_number():
    assert run(by_hosts(), ether(b"x" * 46, 0x0806)) == 0
