"""The meter: which packets make a flow, and every statistic of it."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, composite, integers, lists, sampled_from
from tests.capture import twin as decoder
from tests.capture.build import ether, icmp, ipv4, ipv6, tcp, udp
from tests.examples import some
from tests.flows.twin import expected, metered, metered_alone, packet_batch

from oddflow.errors import UsageError
from oddflow.flows.meter import NO_ROOM, Meter
from oddflow.flows.settings import MeterSettings, Payload
from oddflow.losses import Ledger
from oddflow.schema import FLOW_SCHEMA, DirectionBy, FlowEnd

S = 10**9
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
STEPS_NS = [
    0,
    0,
    1,
    999,
    1000,
    10**6,
    S // 2,
    2 * S,
    6 * S,
    61 * S,
    1900 * S,
    9000 * S,
    -1,
    -(10**6),
    -2 * S,
    -70 * S,
    -9000 * S,
]
CLIENT, SERVER = "10.0.0.9", "10.0.0.1"


def to_server(body, protocol=6, **more):
    return ipv4(body, protocol, src=CLIENT, dst=SERVER, **more)


def to_client(body, protocol=6, **more):
    return ipv4(body, protocol, src=SERVER, dst=CLIENT, **more)


windows = sampled_from([0, 1, 512, 65535])
sequences = sampled_from([1, 2, 41, 42, 701, 741, 2**32 - 1, 2**32 - 40, 2**31, 2**31 + 40])


@composite
def one_packet(draw):
    """Bytes of a packet between one of few hosts and another."""
    src, dst = draw(sampled_from([(1, 2), (2, 1), (1, 3), (3, 1), (2, 2)]))
    ports = draw(sampled_from([(80, 1000), (1000, 80), (1000, 81), (5, 5)]))
    payload = bytes(i % draw(sampled_from([1, 7, 200])) for i in range(draw(sampled_from([0, 0, 1, 40, 700]))))
    kind = draw(sampled_from(["tcp", "tcp", "tcp", "udp", "icmp", "icmp6", "fragment", "esp", "arp-like"]))
    flags = draw(sampled_from([SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, 0, 255, 0xC2]))
    body, protocol = {
        "tcp": lambda: (tcp(payload, *ports, flags, draw(windows), sequence=draw(sequences)), 6),
        "udp": lambda: (udp(payload, *ports), 17),
        "icmp": lambda: (icmp(draw(sampled_from([0, 8, 3, 13, 14, 9])), draw(integers(0, 2)), payload), 1),
        "icmp6": lambda: (icmp(draw(sampled_from([128, 129, 1, 135, 136, 133])), 0, payload), 58),
        "fragment": lambda: (payload + b"x", 17),
        "esp": lambda: (payload + b"x", 50),
        "arp-like": lambda: (b"", 6),
    }[kind]()
    if kind == "icmp6" or draw(integers(0, 3)) == 0:
        return ipv6(body, protocol, src=src << 100 | 7, dst=dst << 100 | 7, hops=draw(integers(1, 255)))
    ends = {"src": f"10.0.0.{src}", "dst": f"10.0.0.{dst}", "ttl": draw(integers(1, 255))}
    return ipv4(body, protocol, **ends, fragment=185 if kind == "fragment" else 0)


@composite
def packet_sequences(draw, most=60):
    """Packets whose times stand still, creep, jump, come late or fall back."""
    now, packets = 1_700_000_000 * S, []
    for step, data in draw(lists(builds(lambda a, b: (a, b), sampled_from(STEPS_NS), one_packet()), max_size=most)):
        now += step
        packets.append((now, data))
    return packets


tiny_settings = builds(
    MeterSettings,
    idle_timeout_s=sampled_from([0.5, 3.0, 60.0, 3000.0]),
    datagram_timeout_s=sampled_from([0.5, 10.0, 3000.0]),
    active_timeout_s=sampled_from([2.0, 10.0, 1800.0, 3000.0]),
    closed_timeout_s=sampled_from([0.001, 5.0]),
    max_flows=sampled_from([16, 65_536]),
)


@settings(max_examples=some(300))
@given(packet_sequences(), tiny_settings, lists(integers(1, 20), min_size=1, max_size=5))
def test_flows_are_those_of_the_twin_whatever_the_batches(packets, limits, sizes):
    rows, meter = metered(packets, limits, sizes=sizes)
    twin = expected(packets, limits)
    assert metered_alone(rows) == twin.done
    assert meter.evicted == twin.evicted


@composite
def crowds(draw):
    """Many short flows, more than the least table holds."""
    order = draw(lists(integers(0, 30), min_size=40, max_size=120))
    flags = draw(lists(sampled_from([SYN, ACK, RST]), min_size=len(order), max_size=len(order)))
    return [
        (i * 10**7, to_server(tcp(b"", 1000 + port, 80, flag)))
        for i, (port, flag) in enumerate(zip(order, flags, strict=True))
    ]


@given(crowds())
def test_a_full_table_ends_the_flow_longest_quiet_as_the_twin_does(packets):
    limits = MeterSettings(max_flows=16)
    rows, meter = metered(packets, limits, sizes=(7,))
    twin = expected(packets, limits)
    assert metered_alone(rows) == twin.done
    assert (meter.evicted, twin.most <= 16) == (twin.evicted, True)


@given(packet_sequences())
def test_every_packet_stands_in_one_flow(packets):
    rows, _ = metered(packets, MeterSettings(idle_timeout_s=3, datagram_timeout_s=3))
    whole = [data for _, data in packets if decoder.decode(data, 101, len(data))["loss"] == 0]
    assert sum(row["forward_packets"] + row["reverse_packets"] for row in rows) == len(whole)


def test_the_columns_are_those_of_the_schema():
    rows, _ = metered([(0, to_server(udp(), 17))], MeterSettings())
    assert list(rows[0]) == FLOW_SCHEMA.names


def test_statistics_computed_by_hand():
    packets = [
        (1 * S, to_server(tcp(b"GET", 4000, 80, PSH | ACK, window=100), ttl=64)),
        (1 * S + 2_000_999, to_client(tcp(b"x" * 60, 80, 4000, ACK, window=700), ttl=50)),
        (1 * S + 5_000_000, to_server(tcp(b"", 4000, 80, ACK, window=90), ttl=63)),
        (1 * S + 9_000_000, to_server(tcp(b"bye", 4000, 80, ACK, window=120, sequence=4), ttl=64)),
    ]
    (row,), _ = metered(packets, MeterSettings())
    assert (row["forward_packets"], row["forward_bytes"], row["forward_payload_bytes"]) == (3, 43 + 40 + 43, 6)
    assert (row["forward_payload_packets"], row["forward_length_squares"]) == (2, 43**2 + 40**2 + 43**2)
    assert (row["forward_length_min"], row["forward_length_max"]) == (40, 43)
    assert (row["forward_gap_sum_us"], row["forward_gap_squares_us2"]) == (9000, 5000.0**2 + 4000.0**2)
    assert (row["forward_gap_min_us"], row["forward_gap_max_us"]) == (4000, 5000)
    assert (row["forward_psh"], row["forward_ack"], row["forward_window_first"]) == (1, 3, 100)
    assert (row["forward_window_max"], row["forward_ttl_min"], row["forward_ttl_max"]) == (120, 63, 64)
    assert (row["reverse_packets"], row["reverse_bytes"], row["reverse_gap_sum_us"]) == (1, 100, 0)
    assert (row["gap_min_us"], row["gap_max_us"]) == (2000, 4000)
    assert row["gap_squares_us2"] == 2000.0**2 + 2999.0**2 + 4000.0**2
    assert row["lengths"][:5] == [43, -100, 40, 43, 0]
    assert row["gaps_us"][:5] == [0, 2000, 2999, 4000, 0]
    assert row["payload"] == b"GET" + b"x" * 60 + b"bye"


def ends(packets, **limits):
    """(why it ended, packets) of each flow."""
    rows, _ = metered(packets, MeterSettings(**limits))
    return [(FlowEnd(row["end_reason"]).name, row["forward_packets"] + row["reverse_packets"]) for row in rows]


def datagrams(*seconds):
    return [(round(s * S), to_server(udp(), 17)) for s in seconds]


def segments(*steps):
    """TCP packets of (seconds, flags, from the server)."""
    return [
        (round(s * S), to_client(tcp(b"", 80, 4000, flags)) if back else to_server(tcp(b"", 4000, 80, flags)))
        for s, flags, back in steps
    ]


def test_a_quiet_flow_ends_idle():
    assert ends(datagrams(0, 59, 119, 179.5), datagram_timeout_s=60) == [("IDLE", 3), ("FORCED", 1)]


def test_a_gap_of_just_the_idle_timeout_ends_nothing():
    assert ends(datagrams(0, 60), datagram_timeout_s=60) == [("FORCED", 2)]


def test_a_long_flow_is_cut_active_and_goes_on_in_its_direction():
    packets = [(i * S, to_server(udp(), 17) if i < 5 else to_client(udp(b"", 53, 1000), 17)) for i in range(12)]
    rows, _ = metered(packets, MeterSettings(active_timeout_s=9))
    assert [FlowEnd(row["end_reason"]).name for row in rows] == ["ACTIVE", "FORCED"]
    assert [row["src_ip"] for row in rows] == [CLIENT, CLIENT]
    assert rows[1]["reverse_packets"] == 2


def test_a_reset_ends_a_flow():
    assert ends(segments((0, SYN, 0), (1, RST | ACK, 1))) == [("END_OF_FLOW", 2)]


def test_fins_both_ways_end_a_flow():
    assert ends(segments((0, FIN | ACK, 0), (1, FIN | ACK, 1), (2, ACK, 0))) == [("END_OF_FLOW", 3)]


def test_a_fin_one_way_ends_nothing():
    assert ends(segments((0, FIN | ACK, 0), (1, ACK, 1), (30, ACK, 1))) == [("FORCED", 3)]


def test_a_closed_flow_waits_for_stragglers_only_so_long():
    packets = segments((0, RST, 0), (4, ACK, 1), (9.5, ACK, 1))
    assert ends(packets, closed_timeout_s=5) == [("END_OF_FLOW", 2), ("FORCED", 1)]


def test_a_new_syn_after_the_end_starts_a_new_flow():
    packets = segments((0, SYN, 0), (1, RST | ACK, 1), (1.5, SYN, 0), (1.6, SYN | ACK, 1))
    assert ends(packets) == [("END_OF_FLOW", 2), ("FORCED", 2)]


def test_a_flow_that_starts_with_a_syn_ack_has_its_receiver_as_initiator():
    rows, _ = metered(segments((0, SYN | ACK, 1), (1, ACK, 0)), MeterSettings())
    assert (rows[0]["src_ip"], rows[0]["reverse_packets"], rows[0]["direction_by"]) == (CLIENT, 1, DirectionBy.SYN)


def test_the_first_packet_tells_the_initiator_where_neither_syn_nor_port_does():
    packets = [(0, to_client(tcp(b"", 2000, 4000, ACK))), (1, to_server(tcp(b"", 4000, 2000, ACK)))]
    assert column(packets, "src_ip", "direction_by") == (SERVER, DirectionBy.FIRST_PACKET)


def test_a_ping_and_its_answer_are_one_flow():
    packets = [(0, to_server(icmp(8, 0, b"ping"), 1)), (1, to_client(icmp(0, 0, b"ping"), 1))]
    rows, _ = metered(packets, MeterSettings())
    assert [(r["forward_packets"], r["reverse_packets"], r["icmp_type"], r["src_port"]) for r in rows] == [(1, 1, 8, 0)]


def test_later_fragments_belong_to_the_flow_of_the_first():
    packets = [(0, to_server(udp(bytes(8)), 17, fragment=0x2000)), (1, to_server(bytes(8), 17, fragment=2))]
    rows, _ = metered(packets, MeterSettings())
    assert [(row["src_port"], row["dst_port"], row["forward_packets"]) for row in rows] == [(1000, 53, 2)]


def test_later_fragments_whose_first_was_not_seen_make_a_flow_without_ports():
    rows, _ = metered([(1, to_server(bytes(8), 17, fragment=2))], MeterSettings())
    assert [(row["src_port"], row["dst_port"]) for row in rows] == [(0, 0)]


def test_a_late_packet_moves_the_start_and_adds_no_gap():
    (row,), _ = metered(datagrams(10, 9.5, 10.25), MeterSettings())
    assert (row["start"], row["end"], row["forward_gap_sum_us"]) == (round(9.5 * S), round(10.25 * S), 250_000)


def test_a_clock_that_is_set_back_does_not_cut_flows_into_packets():
    assert ends(datagrams(10_000, *range(50))) == [("IDLE", 1), ("FORCED", 50)]


def test_one_time_far_ahead_does_not_cut_later_flows_into_packets():
    others = [(10_000 * S, to_server(udp(b"", 7), 17))]
    assert ends([*datagrams(0, 1), *others, *datagrams(*range(2, 50))]) == [("IDLE", 2), ("IDLE", 1), ("FORCED", 48)]


def test_a_flow_whose_time_lies_ahead_does_not_keep_others_from_ending():
    others = [(10_000 * S, to_server(udp(b"", 7), 17))]
    assert ends([*others, *datagrams(0, 100)]) == [("IDLE", 1), ("IDLE", 1), ("FORCED", 1)]


def test_squared_gaps_of_the_longest_flow_do_not_overflow():
    packets = [(t * S, to_server(udp(), 17)) for t in (0, 3000, 0, 3000, 0, 3000)]
    (row,), _ = metered(packets, MeterSettings(idle_timeout_s=3000, active_timeout_s=3000, datagram_timeout_s=3000))
    assert (row["forward_gap_squares_us2"], row["gap_squares_us2"]) == (9e18, 9e18)


def test_the_sequence_holds_the_first_32_packets():
    rows, _ = metered(datagrams(*range(40)), MeterSettings())
    assert rows[0]["lengths"] == [28] * 32


def test_the_payload_holds_the_first_784_bytes():
    packets = [(i, to_server(udp(bytes([i]) * 300), 17)) for i in range(4)]
    rows, _ = metered(packets, MeterSettings())
    assert rows[0]["payload"] == bytes(300) + b"\1" * 300 + b"\2" * 184


def column(packets, *names, **options):
    (row,), _ = metered(packets, MeterSettings(**options))
    return tuple(row[name] for name in names)


def segment(at_s, payload, sequence, flags=ACK, *, back=False, window=512):
    body = tcp(payload, *((80, 4000) if back else (4000, 80)), flags, window, sequence=sequence)
    return (round(at_s * S), (to_client if back else to_server)(body))


HANDSHAKE = [
    segment(1, b"", 99, SYN),
    segment(1.030, b"", 499, SYN | ACK, back=True),
    segment(1.035, b"", 100),
]


def test_round_trips_of_the_handshake():
    assert column(HANDSHAKE, "responder_rtt_us", "initiator_rtt_us") == (30_000, 5_000)


def test_the_round_trip_counts_from_the_last_syn():
    again = [segment(0, b"", 99, SYN), *HANDSHAKE]
    assert column(again, "responder_rtt_us", "forward_retransmitted_packets") == (30_000, 1)


def test_a_flow_met_on_its_way_has_no_round_trip():
    packets = [segment(0, b"x", 5), segment(1, b"y", 9, back=True)]
    assert column(packets, "responder_rtt_us", "initiator_rtt_us") == (None, None)


def test_a_segment_sent_again_is_a_retransmission_and_its_bytes_are_kept_once():
    packets = [*HANDSHAKE, segment(2, b"abcd", 100), segment(3, b"abcd", 100), segment(4, b"ef", 104)]
    found = column(packets, "forward_retransmitted_packets", "forward_retransmitted_bytes", "payload")
    assert found == (1, 4, b"abcdef")


def test_a_segment_that_overlaps_gives_its_new_bytes():
    packets = [*HANDSHAKE, segment(2, b"abcd", 100), segment(3, b"cdef", 102)]
    found = column(packets, "forward_retransmitted_packets", "forward_retransmitted_bytes", "payload")
    assert found == (1, 2, b"abcdef")


def test_a_segment_that_fills_a_gap_is_out_of_order_and_kept_as_it_came():
    packets = [*HANDSHAKE, segment(2, b"cd", 102), segment(3, b"ab", 100)]
    found = column(packets, "forward_out_of_order_packets", "forward_retransmitted_packets", "payload")
    assert found == (1, 0, b"cdab")


def test_a_keep_alive_is_no_retransmission():
    packets = [*HANDSHAKE, segment(2, b"a", 100), segment(50, b"a", 100), segment(90, b"", 100)]
    assert column(packets, "forward_retransmitted_packets", "payload") == (0, b"a")


def test_sequence_numbers_wrap():
    packets = [segment(0, b"abcd", 2**32 - 2), segment(1, b"ef", 2), segment(2, b"abcd", 2**32 - 2)]
    assert column(packets, "forward_retransmitted_packets", "payload") == (1, b"abcdef")


def test_zero_windows_are_counted_but_for_resets_and_syns():
    packets = [*HANDSHAKE, segment(2, b"", 100, window=0), segment(3, b"", 100, RST, window=0)]
    assert column(packets, "forward_zero_windows") == (1,)


def test_silences_divide_subflows_active_and_idle_times():
    packets = datagrams(0, 0.5, 2, 8.5, 9, 9.5)
    names = ["subflows", "active_count", "active_sum_us", "active_min_us", "active_max_us", "active_squares_us2"]
    assert column(packets, *names) == (3, 2, 3_000_000, 1_000_000, 2_000_000, 5e12)
    names = ["idle_count", "idle_sum_us", "idle_min_us", "idle_max_us", "idle_squares_us2"]
    assert column(packets, *names) == (1, 6_500_000, 6_500_000, 6_500_000, 6.5e6**2)


def test_a_run_of_four_packets_with_payload_is_a_bulk():
    packets = [segment(i / 10, b"x" * 10, 100 + 10 * i) for i in range(5)]
    names = ["forward_bulks", "forward_bulk_packets", "forward_bulk_bytes", "forward_bulk_duration_us"]
    assert column(packets, *names) == (1, 5, 50, 400_000)


@pytest.mark.parametrize("breaker", [segment(0.25, b"y", 1, back=True), segment(2, b"x", 130)])
def test_a_run_is_broken_by_an_answer_or_a_pause(breaker):
    packets = sorted([*(segment(i / 10, b"x" * 10, 100 + 10 * i) for i in range(3)), breaker])
    packets += [segment(3.5 + i / 10, b"x", 140 + i) for i in range(3)]
    assert column(packets, "forward_bulks", "reverse_bulks") == (0, 0)


def test_entropy_tells_the_directions_apart():
    packets = [segment(0, bytes(range(256)), 0), segment(1, b"a" * 100, 0, back=True)]
    assert column(packets, "forward_payload_entropy", "reverse_payload_entropy") == (8.0, 0.0)


def test_a_flow_without_payload_has_no_entropy():
    assert column(HANDSHAKE, "forward_payload_entropy", "reverse_payload_entropy") == (None, None)


def test_lengths_of_payloads_and_headers():
    packets = [*HANDSHAKE, segment(2, b"abc", 100)]
    names = [
        "payload_length_min",
        "payload_length_max",
        "payload_length_squares",
        "header_bytes",
        "header_min_bytes",
    ]
    assert column(packets, *(f"forward_{name}" for name in names)) == (0, 3, 9, 120, 40)


def test_the_talker_to_a_system_port_began_a_flow_met_on_its_way():
    found = column([segment(0, b"x", 5, back=True)], "src_ip", "dst_port", "direction_by")
    assert found == (CLIENT, 80, DirectionBy.PORT)


def test_an_early_record_comes_at_its_packet_and_the_final_one_later():
    packets = [*HANDSHAKE, segment(2, b"abc", 100), segment(3, b"de", 103)]
    (early, final), _ = metered(packets, MeterSettings(early_packets=4))
    assert (early["is_early"], early["end_reason"], early["payload"], early["forward_packets"]) == (
        True,
        None,
        b"abc",
        3,
    )
    assert (final["is_early"], final["payload"], final["forward_packets"]) == (False, b"abcde", 4)
    assert early["first_packet"] == final["first_packet"]


def test_directions_are_kept_apart_where_asked():
    packets = [segment(0, b"ask", 5), segment(1, b"answer", 9, back=True), segment(2, b" more", 8)]
    names = ["payload", "reverse_payload", "forward_payload_entropy", "reverse_payload_entropy"]
    assert column(packets, *names, payload=Payload.FLOW)[:2] == (b"ask more", b"answer")
    assert column(packets, *names, payload=Payload.NONE) == (b"", None, None, None)


def test_frames_are_kept_with_their_addresses_zeroed():
    frame = ether(to_server(udp(b"hello"), 17))
    (row,), _ = metered([(0, frame)], MeterSettings(payload=Payload.SESSION_FRAMES), link_type=1)
    blank = bytearray(frame)
    blank[:12] = bytes(12)
    blank[26:34] = bytes(8)
    assert row["payload"] == bytes(blank)
    assert row["forward_payload_entropy"] is None


def test_frames_of_ipv6_are_kept_with_their_addresses_zeroed():
    packet = ipv6(udp(b"hello"), 17)
    (row,), _ = metered([(0, packet)], MeterSettings(payload=Payload.FLOW_FRAMES))
    assert row["payload"] == packet[:8] + bytes(32) + packet[40:]
    assert row["reverse_payload"] == b""


def test_a_frame_sent_again_is_kept_once():
    packets = [segment(0, b"abc", 5), segment(1, b"abc", 5)]
    assert len(column(packets, "payload", payload=Payload.SESSION_FRAMES)[0]) == 43


def test_the_ethernet_addresses_of_the_first_packet_are_told():
    frame = bytes.fromhex("00005e0053015254001234ab0800") + to_server(udp(), 17)
    (row,), _ = metered([(0, frame)], MeterSettings(), link_type=1)
    assert (row["src_mac"], row["dst_mac"]) == ("52:54:00:12:34:ab", "00:00:5e:00:53:01")


def test_first_bytes_that_cannot_be_read_are_told():
    packets = [*HANDSHAKE, segment(2, bytes.fromhex("16030102000100fc0303") + bytes(30), 100)]
    for room_mib, reason in ((24, "TLS ClientHello cut"), (0, NO_ROOM)):
        ledger = Ledger()
        _, meter = metered(packets, MeterSettings(first_bytes_mib=room_mib))
        meter.tell(ledger)
        assert ledger.as_dict()["unread_first_bytes"] == {reason: 1}


def test_shards_divide_the_flows():
    packets = [(i * 10**6, to_server(udp(b"x", 1000 + i % 50, 53), 17)) for i in range(500)]
    whole, _ = metered(packets, MeterSettings())
    parts = [metered(packets, MeterSettings(), shard=(k, 3))[0] for k in range(3)]
    assert all(parts)
    alike = [str(row) for row in metered_alone(row for part in parts for row in part)]
    assert sorted(map(str, metered_alone(whole))) == sorted(alike)


def test_the_wall_clock_hands_flows_out():
    meter = Meter()
    assert not list(meter.add(packet_batch(datagrams(1), 101, 1)))
    assert not list(meter.advance(5 * S))
    assert sum(batch.num_rows for batch in meter.advance(20 * S)) == 1
    assert meter.open_flows == 0


def test_a_row_that_is_used_again_keeps_nothing_of_the_flow_before():
    packets = [(i * 100 * S, to_server(udp(b"secret" if i == 0 else b"", 1000 + i), 17)) for i in range(3)]
    rows, _ = metered(packets, MeterSettings(), sizes=(1,))
    assert [row["payload"] for row in rows] == [b"secret", b"", b""]


def test_the_vlan_of_the_first_packet_is_told():
    frame = ether(to_server(udp(), 17), tags=[(0x8100, 77)])
    rows, _ = metered([(0, frame)], MeterSettings(), link_type=1)
    assert rows[0]["vlan_id"] == 77


def test_more_flows_than_a_batch_holds_come_in_several():
    packets = [(i, to_server(udp(b"", i % 60_000, 53 + i // 60_000), 17)) for i in range(20_000)]
    rows, meter = metered(packets, MeterSettings())
    assert [row["first_packet"] for row in rows] == list(range(1, 20_001))
    assert meter.evicted == 0


def test_eviction_keeps_the_table_within_its_cap_and_is_counted():
    packets = [(i, to_server(udp(b"", i, 53), 17)) for i in range(20_000)]
    rows, meter = metered(packets, MeterSettings(max_flows=100))
    assert meter.evicted == 19_900
    assert sum(row["end_reason"] == FlowEnd.LACK_OF_RESOURCES for row in rows) == 19_900
    assert np.array_equal([row["first_packet"] for row in rows], np.arange(1, 20_001))


def test_keys_that_differ_in_one_field_are_different_flows():
    packets = [
        (0, to_server(udp(b"", 1, 2), 17)),
        (0, to_server(udp(b"", 2, 1), 17)),
        (0, to_server(struct.pack(">HHHH", 1, 2, 8, 0), 136)),
        (0, ipv4(udp(b"", 1, 2), 17, src=CLIENT, dst="10.0.0.2")),
        (0, ipv6(udp(b"", 1, 2), 17)),
    ]
    assert len(metered(packets, MeterSettings())[0]) == 5


@pytest.mark.parametrize("name", ["idle_timeout_s", "datagram_timeout_s", "active_timeout_s", "closed_timeout_s"])
@pytest.mark.parametrize("value", [0, -1, 3001, float("nan"), float("inf")])
def test_a_timeout_out_of_range_is_refused(name, value):
    with pytest.raises(UsageError, match=name):
        MeterSettings(**{name: value})


@pytest.mark.parametrize("value", [15, 16_777_217])
def test_a_table_size_out_of_range_is_refused(value):
    with pytest.raises(UsageError, match="max_flows"):
        MeterSettings(max_flows=value)
