import random
import struct
from ipaddress import ip_address
from itertools import pairwise

import pytest

import office
import packets
from delay import one_way_s, outside_address
from packets import ACK, SYN, TCP, UDP, decode, question_name, records, shift
from plan import KINDS, held, plan_attacks
from truth import Fact, Sign, conversations, iso, rows, within

CLIENT, SERVER, RESOLVER, OUTSIDE = "10.20.0.104", "10.20.0.12", "10.20.0.53", "203.0.113.77"
SECOND_US = 1_000_000


def frame(source, target, *, protocol=TCP, flags=0, sequence=1, payload=b""):
    """An Ethernet frame with IPv4 or IPv6 and TCP or UDP; checksums are left zero."""
    (source_ip, source_port), (target_ip, target_port) = source, target
    if protocol == TCP:
        segment = struct.pack(">HHIIBBHHH", source_port, target_port, sequence, 0, 0x50, flags, 0, 0, 0)
    else:
        segment = struct.pack(">HHHH", source_port, target_port, 8 + len(payload), 0)
    segment += payload
    addresses = ip_address(source_ip).packed + ip_address(target_ip).packed
    if ":" in source_ip:
        header = struct.pack(">IHBB", 0x60000000, len(segment), protocol, 64) + addresses
        return bytes(12) + b"\x86\xdd" + header + segment
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, protocol, 0) + addresses
    return bytes(12) + b"\x08\x00" + header + segment


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 16, 1)


def packet(second, source, target, **rest):
    return decode(int(second * SECOND_US), frame(source, target, **rest))


def guessing(begin, end):
    sign = Sign(victim_port=22)
    return Fact("password guessing", CLIENT, SERVER, int(begin * SECOND_US), int(end * SECOND_US), sign)


@pytest.mark.parametrize(("source", "target"), [("10.0.0.1", "10.0.0.2"), ("fd00::1", "2001:db8::2")])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_decoding_gives_what_was_put_in(source, target, protocol):
    found = packet(3, (source, 1234), (target, 53), protocol=protocol, flags=SYN, payload=b"x")
    assert (found.source, found.target) == ((source, 1234), (target, 53))
    assert (found.time_us, found.protocol) == (3 * SECOND_US, protocol)
    assert found.opens == (protocol == TCP)


def test_a_truncated_frame_is_no_packet():
    whole = frame((CLIENT, 1), (SERVER, 2))
    assert decode(0, whole) is not None
    assert all(decode(0, whole[:length]) is None for length in range(len(whole)))


def test_both_directions_are_one_conversation():
    there = packet(1, (CLIENT, 40_000), (SERVER, 22), flags=SYN)
    back = packet(2, (SERVER, 22), (CLIENT, 40_000), flags=SYN | ACK)
    assert conversations([there, back]) == [(there, 2 * SECOND_US)]


def test_a_repeated_syn_is_the_same_conversation_and_a_new_one_is_not():
    first = packet(1, (CLIENT, 40_000), (SERVER, 22), flags=SYN, sequence=5)
    again = packet(2, (CLIENT, 40_000), (SERVER, 22), flags=SYN, sequence=5)
    other = packet(9, (CLIENT, 40_000), (SERVER, 22), flags=SYN, sequence=77)
    assert conversations([first, again, other]) == [(first, 2 * SECOND_US), (other, 9 * SECOND_US)]


def test_names_are_read_in_lower_case():
    assert question_name(question("AbC.t.Lab.Example")) == "abc.t.lab.example"


@pytest.mark.parametrize("message", [b"", b"\0" * 12, question("a.b")[:12]])
def test_a_message_without_question_has_no_name(message):
    assert question_name(message) == ""


def test_a_name_is_within_its_domain_only_at_a_dot():
    assert within("x.t.lab.example", "t.lab.example")
    assert within("t.lab.example", "t.lab.example")
    assert not within("xt.lab.example", "t.lab.example")


def test_truth_has_exact_ports_and_times():
    traffic = [
        packet(10.5, (CLIENT, 40_001), (SERVER, 22), flags=SYN),
        packet(11.25, (SERVER, 22), (CLIENT, 40_001), flags=SYN | ACK),
    ]
    (row,) = rows(traffic, [guessing(10, 20)])
    assert (row.src_ip, row.src_port, row.dst_ip, row.dst_port) == (CLIENT, 40_001, SERVER, 22)
    assert (row.start, row.end) == ("1970-01-01T00:00:10.500000Z", "1970-01-01T00:00:11.250000Z")
    assert (row.protocol, row.what, row.category) == ("tcp", "password guessing", "brute_force")


@pytest.mark.parametrize(
    ("second", "source", "target"),
    [
        (9, (CLIENT, 40_000), (SERVER, 22)),  # the same person, just before
        (21, (CLIENT, 40_000), (SERVER, 22)),  # and just after
        (15, (CLIENT, 40_000), (SERVER, 80)),  # another service
        (15, ("10.20.0.105", 40_000), (SERVER, 22)),  # another person
    ],
)
def test_truth_leaves_benign_conversations_alone(second, source, target):
    assert rows([packet(second, source, target, flags=SYN)], [guessing(10, 20)]) == []


def test_a_scan_is_told_by_its_own_port():
    fact = Fact("port scan", CLIENT, SERVER, 0, 9 * SECOND_US, Sign(attacker_port=50_123))
    traffic = [
        packet(1, (CLIENT, 50_123), (SERVER, 80), flags=SYN),
        packet(2, (CLIENT, 41_000), (SERVER, 80), flags=SYN),
    ]
    assert [row.src_port for row in rows(traffic, [fact])] == [50_123]


def test_both_legs_of_the_tunnel_are_told_by_the_name():
    sign = Sign(domain=office.TUNNEL_DOMAIN)
    fact = Fact("dns tunnel", CLIENT, RESOLVER, 0, 9 * SECOND_US, sign)
    hidden, plain = question("pAxx.t.lab.example"), question("www.news.example")
    traffic = [
        packet(1, (CLIENT, 50_000), (RESOLVER, 53), protocol=UDP, payload=hidden),
        packet(2, (RESOLVER, 51_000), (OUTSIDE, 53), protocol=UDP, payload=hidden),
        packet(3, (CLIENT, 50_001), (RESOLVER, 53), protocol=UDP, payload=plain),
        packet(4, (RESOLVER, 51_001), ("198.51.100.53", 53), protocol=UDP, payload=plain),
    ]
    assert [(row.src_ip, row.src_port) for row in rows(traffic, [fact])] == [
        (CLIENT, 50_000),
        (RESOLVER, 51_000),
    ]


def test_times_are_written_with_microseconds():
    assert iso(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"


def test_moving_a_capture_changes_times_only(tmp_path):
    capture = tmp_path / "x.pcap"
    frames = [frame((CLIENT, 1), (SERVER, 2)), frame((CLIENT, 1), (SERVER, 3), payload=b"more")]
    body = b"".join(struct.pack("<IIII", 5000, i, len(f), len(f)) + f for i, f in enumerate(frames))
    capture.write_bytes(struct.pack("<IHHIIII", packets.MAGIC, 2, 4, 0, 0, 65535, 1) + body)
    shift(capture, -3600)
    assert list(records(capture)) == [(1400 * SECOND_US, frames[0]), (1400 * SECOND_US + 1, frames[1])]


@pytest.mark.parametrize("seconds", [45, 90, 720, 3600])
@pytest.mark.parametrize("seed", range(20))
def test_attacks_fit_apart_from_each_other(seed, seconds):
    attacks = plan_attacks(seed, seconds)
    scale = min(1.0, seconds / 720)
    assert {attack.kind for attack in attacks} == set(KINDS)
    assert attacks[0].start_s >= (2 if seconds < 100 else 90 * scale - 0.1)
    assert attacks[-1].end_s < seconds
    gaps = [later.start_s - earlier.end_s for earlier, later in pairwise(attacks)]
    assert min(gaps) >= (2 if seconds < 100 else 120 * scale - 0.2)


def test_two_different_people_attack_and_only_where_needed_they_hold_back():
    attacks = plan_attacks(1, 720)
    attackers = {attack.attacker for attack in attacks}
    assert len(attackers) == 2
    kinds = {hold.kind for name in attackers for hold in held(attacks, name)}
    assert kinds == {"password guessing", "slow http"}


def test_the_road_to_an_address_is_the_same_both_ways():
    there = frame((CLIENT, 1), (OUTSIDE, 2))[14:]
    back = frame((OUTSIDE, 2), (CLIENT, 1))[14:]
    assert outside_address(there, inbound=False) == outside_address(back, inbound=True)
    assert 0.003 <= one_way_s(outside_address(there, inbound=False)) <= 0.028


def test_long_benign_names_stay_out_of_the_tunnel():
    rng = random.Random(1)
    names = [make(rng) for make in (office.edge_name, office.reputation_name) for _ in range(50)]
    assert not any(within(name, office.TUNNEL_DOMAIN) for name in names)
