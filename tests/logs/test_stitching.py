"""One-way records to flows: compared with a plain greedy matching, and with conversations written by hand."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import composite, integers, lists, sampled_from, tuples

from oddflow.logs.stitching import Stitcher
from oddflow.schema import DirectionBy

SECOND = 10**9
NAMES = ("src_ip", "src_port", "dst_ip", "dst_port", "protocol", "start", "end", "tcp_flags", "forward_packets")
OUT = ("src_ip", "src_port", "dst_ip", "dst_port", "start", "end", "forward_packets", "reverse_packets", "direction_by")


def record(src, sport, dst, dport, start=0.0, end=0.0, *, protocol=6, flags=None, packets=1):
    return (src, sport, dst, dport, protocol, int(start * SECOND), int(end * SECOND), flags, packets)


def batch(rows, **more):
    types = [pa.string(), pa.uint16(), pa.string(), pa.uint16(), pa.uint8(), pa.timestamp("ns", "UTC"),
             pa.timestamp("ns", "UTC"), pa.uint8(), pa.uint64()]  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [[] for _ in NAMES]
    arrays = {name: pa.array(values, kind) for name, values, kind in zip(NAMES, columns, types, strict=True)}
    return pa.record_batch(arrays | more)


def table_of(batches):
    return pa.Table.from_batches([*batches]) if batches else None


def stitched(rows, *, pieces=None, **how):
    """(src, port, dst, port, start, end, packets forward and back, how told) of each flow, times in ns."""
    stitcher = Stitcher(**how)
    found = []
    for at in range(0, len(rows), pieces or max(1, len(rows))):
        found += stitcher.add(batch(rows[at : at + (pieces or len(rows))]))
    found += stitcher.end()
    out = []
    for flows in found:
        columns = [flows.column(name) for name in OUT]
        columns[4:6] = [column.cast(pa.int64()) for column in columns[4:6]]
        out += zip(*(column.to_pylist() for column in columns), strict=True)
    return out


def packets(rows, **how):
    return sorted((flow[6], flow[7]) for flow in stitched(rows, **how))


def test_two_halves_are_one_flow_of_the_one_that_started():
    there = record("10.0.0.1", 4000, "10.0.0.2", 80, 1.5, 3, packets=5)
    back = record("10.0.0.2", 80, "10.0.0.1", 4000, 1.6, 2, packets=7)
    expected = [("10.0.0.1", 4000, "10.0.0.2", 80, 1500000000, 3 * SECOND, 5, 7, DirectionBy.FIRST_PACKET)]
    assert stitched([there, back]) == stitched([back, there]) == expected


def test_the_initiator_sent_a_syn_without_ack_whatever_the_clock_says():
    answer = record("b", 902, "a", 5000, 0.9, 0.9, flags=0x14)
    asked = record("a", 5000, "b", 902, 1, 1, flags=0x02)
    assert stitched([answer, asked])[0][:4] == ("a", 5000, "b", 902)
    assert stitched([answer, asked])[0][8] == DirectionBy.SYN


def test_at_the_same_time_the_lower_port_answers():
    assert stitched([record("b", 53, "a", 999, protocol=17), record("a", 999, "b", 53, protocol=17)]) == [
        ("a", 999, "b", 53, 0, 0, 1, 1, DirectionBy.PORT)
    ]


def test_a_half_alone_has_counters_of_nothing_the_other_way():
    assert stitched([record("a", 1, "b", 2)]) == [("a", 1, "b", 2, 0, 0, 1, 0, DirectionBy.FIRST_PACKET)]


def test_parts_of_a_long_conversation_do_not_cross_over():
    there = [record("a", 9, "b", 80, 60 * i, 60 * i + 60, packets=i) for i in range(4)]
    back = [record("b", 80, "a", 9, 60 * i + 0.1, 60 * i + 60.1, packets=10 + i) for i in range(4)]
    assert packets([*there, *back]) == [(0, 10), (1, 11), (2, 12), (3, 13)]
    assert packets([*there[1:], *back]) == [(1, 11), (2, 12), (3, 13), (10, 0)]
    assert packets([*there, *back[1:]]) == [(0, 0), (1, 11), (2, 12), (3, 13)]


def test_halves_too_far_apart_are_two_flows():
    rows = [record("a", 9, "b", 80, 0, 1), record("b", 80, "a", 9, 62, 63)]
    assert packets(rows, max_gap_s=61) == [(1, 1)]
    assert packets(rows, max_gap_s=60.5) == [(1, 0), (1, 0)]


def test_an_answer_in_a_later_window_finds_its_half():
    rows = [record("a", 9, "b", 80), *[record("x", i, "y", 1) for i in range(50)], record("b", 80, "a", 9, 0.5, 0.5)]
    assert (1, 1) in packets(rows, window_rows=4)


def test_of_too_many_that_wait_the_oldest_goes_out_alone():
    rows = [record("a", i, "b", 80) for i in range(8)] + [record("b", 80, "a", i, 1, 1) for i in range(8)]
    assert packets(rows, window_rows=8, max_waiting=6).count((1, 1)) == 6


def test_waiting_ends_with_time_but_not_by_one_wrong_clock():
    stitcher = Stitcher(window_rows=4)
    rows = [record("a", i, "b", 80) for i in range(4)]
    assert list(stitcher.add(batch(rows))) == []
    rows = [record("a", i, "b", 81, 10, 10) for i in range(3)] + [record("a", 3, "b", 81, 10**8, 10**8)]
    assert list(stitcher.add(batch(rows))) == []
    assert stitcher.waiting == 8
    assert sum(flows.num_rows for flows in stitcher.settle(now_ns=65 * SECOND)) == 4
    assert stitcher.waiting == 4


def test_requests_of_icmp_meet_their_answers_and_errors_stay_alone():
    rows = [record("a", 0, "b", 0, protocol=1), record("b", 0, "a", 0, 0.1, 0.1, protocol=1)] * 2
    kinds = pa.array([8, 0, 3, 3], pa.uint8())
    stitcher = Stitcher()
    flows = [*stitcher.add(batch(rows, icmp_type=kinds, icmp_code=pa.array([0, 0, 1, 1], pa.uint8()))), *stitcher.end()]
    assert table_of(flows).column("icmp_type").to_pylist() == [8, 3, 3]


def test_exporters_are_kept_apart_and_whole_records_pass():
    rows = [record("a", 9, "b", 80), record("b", 80, "a", 9)] * 2
    more = {
        "exporter": pa.array(["x", "y", "x", "x"]),
        "reverse_packets": pa.array([None, None, 7, None], pa.uint64()),
        "label": pa.array([None, None, "w", "v"]),
    }
    stitcher = Stitcher()
    flows = table_of([*stitcher.add(batch(rows, **more)), *stitcher.end()])
    told = flows.select(["exporter", "forward_packets", "reverse_packets", "label"]).to_pylist()
    assert [tuple(row.values()) for row in told] == [("x", 1, 1, "v"), ("y", 1, 0, None), ("x", 1, 7, "w")]


def test_records_without_times_or_between_one_end_are_no_halves():
    lost = ("a", 9, "b", 80, 6, None, None, None, 1)
    rows = [lost, record("b", 80, "a", 9), record("c", 7, "c", 7), record("c", 7, "c", 7)]
    assert [flow[:4] for flow in stitched(rows)] == [row[:4] for row in rows]


@composite
def conversations(draw):
    ends = tuples(sampled_from("abc"), integers(1, 3))
    row = tuples(ends, ends, integers(0, 12), integers(0, 9), sampled_from([None, 2, 18, 16]))
    return [
        record(*src, *dst, start, start + more, flags=flags, packets=1 + number)
        for number, (src, dst, start, more, flags) in enumerate(draw(lists(row, max_size=40)))
    ]


def matched(rows, max_gap_ns):
    """Pairs of row numbers, the earlier start first: the heaviest neighbours first, in plain Python."""
    keys = {}
    for number, row in enumerate(rows):
        if row[:2] != row[2:4]:
            keys.setdefault((frozenset([row[:2], row[2:4]])), []).append(number)
    links = []
    for key in keys.values():
        key.sort(key=lambda number: (rows[number][5], number))
        for place, (one, two) in enumerate(pairwise(key)):
            overlap = min(rows[one][6], rows[two][6]) - max(rows[one][5], rows[two][5])
            if rows[one][:2] == rows[two][2:4] and overlap >= -max_gap_ns:
                links.append((-overlap, place, one, two))
    taken, pairs = set(), []
    for _, _, one, two in sorted(links):
        if not {one, two} & taken:
            taken |= {one, two}
            pairs.append((one, two))
    return pairs


@given(conversations(), integers(0, 8))
def test_pairs_are_those_of_a_greedy_matching(rows, gap):
    pairs = matched(rows, gap * SECOND)
    joined = {one for pair in pairs for one in pair}
    expected = {frozenset(pair) for pair in pairs} | {frozenset([n]) for n in range(len(rows)) if n not in joined}
    found = set()
    for src, sport, dst, dport, start, end, forward, reverse, how in stitched(rows, max_gap_s=gap):
        initiator = rows[forward - 1]
        numbers = frozenset({forward - 1, reverse - 1} - {-1})
        found.add(numbers)
        assert initiator[:4] == (src, sport, dst, dport)
        assert (start, end) == (min(rows[n][5] for n in numbers), max(rows[n][6] for n in numbers))
        if reverse:
            assert how == told(initiator, rows[reverse - 1])
    assert found == expected


def told(initiator, responder):
    """How the initiator was told, having checked that it is the right one."""
    opens = initiator[7] == 2, responder[7] == 2
    if opens[0] != opens[1]:
        assert opens[0]
        return DirectionBy.SYN
    assert initiator[5] <= responder[5]
    if initiator[5] == responder[5] and initiator[1] != responder[1]:
        assert responder[1] < initiator[1]
        return DirectionBy.PORT
    return DirectionBy.SYN if opens[0] else DirectionBy.FIRST_PACKET


@given(conversations(), integers(1, 9), integers(1, 40))
def test_pieces_of_any_size_give_the_same_flows(rows, window, pieces):
    assert stitched(rows, window_rows=window, max_waiting=5) == stitched(
        rows, pieces=pieces, window_rows=window, max_waiting=5
    )


@given(conversations(), integers(1, 9))
def test_no_packet_is_lost_or_counted_twice(rows, window):
    flows = stitched(rows, window_rows=window, max_waiting=3, max_gap_s=2)
    assert sum(flow[6] + flow[7] for flow in flows) == sum(row[8] for row in rows)


def test_times_at_the_ends_of_the_world_do_not_wrap_around():
    ends = np.iinfo(np.int64)
    rows = [("a", 9, "b", 80, 6, ends.min, ends.max, None, 1), ("b", 80, "a", 9, 6, ends.max, ends.max, None, 1)]
    assert len(stitched(rows)) in (1, 2)
    early, late = [("a", 9, "b", 80, 6, ends.min, ends.min, None, 1), ("b", 80, "a", 9, 6, ends.max, ends.max, None, 1)]
    assert len(stitched([early, late])) == 2


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_gives_nothing(rows):
    stitcher = Stitcher()
    assert list(stitcher.add(batch([record("a", 1, "b", 2)][:rows]))) == []
    assert list(stitcher.settle()) == []
    assert sum(flows.num_rows for flows in stitcher.end()) == rows
