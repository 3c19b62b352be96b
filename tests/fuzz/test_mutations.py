"""A short run of what `make fuzz` does at length: mutated packets and captures, always the same ones."""

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, builds, integers, lists, sampled_from

from tests.examples import some
from tests.fuzz.mutate import LINK_TYPES, Mutator
from tests.fuzz.road import Packet, capture_of, check
from tests.fuzz.seeds import bad_input, packet_lists
from tests.fuzz.tight import check_tight

PACKETS, CHUNK = 30_000, 3000


@pytest.fixture(scope="module")
def mutator():
    return Mutator(packet_lists(bad_input()), seed=1)


def test_mutated_packets_are_metered_or_lost(mutator):
    for _ in range(PACKETS // CHUNK):
        packets = mutator.run(CHUNK)
        check(capture_of(packets), sent=CHUNK)


def test_mutated_captures_are_read_or_refused(mutator):
    for _ in range(300):
        check(mutator.capture(capture_of(mutator.run(20))))


hostile = builds(Packet, sampled_from(LINK_TYPES), integers(0, 2**63 - 1), binary(max_size=200), integers(0, 2**32 - 1))


@settings(max_examples=some(200))
@given(lists(hostile, max_size=20))
def test_packets_of_any_bytes_are_metered_or_lost(packets):
    check(capture_of(packets), sent=len(packets))


def test_no_kernel_reads_past_the_end_of_a_packet_or_capture(mutator):
    for _ in range(3):
        check_tight(capture_of(mutator.run(CHUNK)))
    for _ in range(300):
        check_tight(mutator.capture(capture_of(mutator.run(20))))


@pytest.mark.slow
@pytest.mark.skipif(not bad_input(), reason="the malformed captures beside the repository are absent")
def test_no_kernel_reads_past_the_end_of_bad_input():
    for path in bad_input():
        capture = path.read_bytes()
        check_tight(capture)
        check(capture)


def test_the_same_seed_makes_the_same_packets(mutator):
    lists = mutator.lists[:20]
    assert Mutator(lists, 7).run(50) == Mutator(lists, 7).run(50) != Mutator(lists, 8).run(50)
