"""The ordered stage: every flow once, by its end, in bounded memory."""

from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from
from tests.features.build import S, flows, pieces
from tests.flows.twin import rows_of

from oddflow.features.ordering import Waiting, in_end_order


def ordered(rows, sizes, **more):
    return rows_of(in_end_order(pieces(flows(rows), sizes), **({"wait_s": 60.0} | more)))


@given(
    lists(integers(0, 59), max_size=80),
    lists(integers(1, 30), min_size=1, max_size=5),
    sampled_from([8, 16, 65_536]),
)
def test_flows_late_by_less_than_the_wait_come_sorted_and_complete(lateness, sizes, most):
    rows = [{"end": (1000 + 3 * i - late) * S, "first_packet": i} for i, late in enumerate(lateness)]
    found = ordered(rows, sizes, max_waiting=max(most, 500))
    assert [(row["end"], row["first_packet"]) for row in found] == sorted((r["end"], r["first_packet"]) for r in rows)


@given(lists(sampled_from([0, 5, 7, 400, 10_000]), max_size=60), lists(integers(1, 9), min_size=1, max_size=5))
def test_no_flow_is_lost_however_late_it_comes(ends, sizes):
    rows = [{"end": end * S, "first_packet": i} for i, end in enumerate(ends)]
    found = ordered(rows, sizes, max_waiting=8)
    assert sorted(row["first_packet"] for row in found) == list(range(len(rows)))


def test_equal_ends_are_ordered_by_key_whatever_the_batches():
    rows = [{"end": S, "src_port": port, "src_ip": ip} for port in (3, 1, 2) for ip in ("b", "a")]
    assert ordered(rows, (1,)) == ordered(rows[::-1], (4,))


def test_flows_go_on_as_soon_as_no_earlier_one_can_come():
    given_out = []

    def source():
        for i in range(100):
            yield flows([{"end": i * 10 * S}])
            given_out.append(i)

    first = next(iter(in_end_order(source(), wait_s=60.0, max_waiting=64)))
    assert len(given_out) < 20
    assert first.num_rows > 0


def test_no_more_flows_wait_than_the_limit():
    passed = waiting = 0

    def source():
        nonlocal passed
        for i in range(400):
            passed += 10
            yield flows([{"end": i} for _ in range(10)])

    given_back, most = 0, 0
    for batch in in_end_order(source(), wait_s=60.0, max_waiting=100):
        waiting = passed - given_back
        most = max(most, waiting)
        given_back += batch.num_rows
    assert given_back == 4000
    assert most <= 100 + 100 // 8 + 2 * 10


def test_a_single_batch_is_sorted():
    rows = [{"end": end} for end in (3, 1, 2)]
    assert [row["end"] for row in ordered(rows, (3,))] == [1, 2, 3]


def test_no_flows_give_no_batch():
    assert list(in_end_order([], wait_s=1.0)) == []


@given(lists(lists(integers(0, 40), max_size=12), max_size=8), lists(integers(0, 50), min_size=1, max_size=8))
def test_waiting_flows_come_once_sorted_within_each_hand_out_and_none_too_early(batches, moments):
    waiting = Waiting()
    found = []
    number = 0
    for ends, moment in zip(batches, moments * len(batches), strict=False):
        if ends:
            waiting.add(flows([{"end": end * S, "first_packet": number + i} for i, end in enumerate(ends)]))
            number += len(ends)
        ready = waiting.ready(moment * S)
        rows = rows_of([ready]) if ready is not None else []
        assert all(row["end"] < moment * S for row in rows)
        assert [row["end"] for row in rows] == sorted(row["end"] for row in rows)
        found += rows
    last = waiting.ready(None)
    found += rows_of([last]) if last is not None else []
    assert sorted(row["first_packet"] for row in found) == list(range(number))
    assert waiting.count == 0


def test_when_too_many_wait_the_earlier_half_goes_on():
    waiting = Waiting(max_waiting=10)
    waiting.add(flows([{"end": end * S, "first_packet": end} for end in range(12, 0, -1)]))
    assert [row["first_packet"] for row in rows_of([waiting.ready(0)])] == [1, 2, 3, 4, 5, 6]
    assert waiting.count == 6
