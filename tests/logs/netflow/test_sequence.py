"""Sequences: what is missing, what came late, who began anew, and who numbers in a way of their own."""

from hypothesis import given
from hypothesis.strategies import booleans, integers, lists, randoms

from oddflow.logs.netflow.sequence import FARTHEST, IN_A_ROW, MODULUS, REORDERED, Message, Sequence

COUNTS = lists(integers(1, 40), min_size=3, max_size=60)


def numbered(counts, *, first=0, behind=False):
    messages, number = [], first
    for count in counts:
        number += count
        messages.append(Message((number if behind else number - count) % MODULUS, count))
    return messages


def lost(messages, sequence=None):
    sequence = sequence or Sequence()
    return sum(sequence.take(message) for message in messages) + sequence.end()


@given(COUNTS, integers(0, MODULUS - 1), booleans())
def test_nothing_is_missing_whatever_the_first_number_and_the_way_of_numbering(counts, first, behind):
    assert lost(numbered(counts, first=first, behind=behind)) == 0


@given(COUNTS, integers(0, MODULUS - 1), integers(0, 10**6))
def test_what_is_left_out_is_lost(counts, first, place):
    counts = [7, 9, 11, 7, *counts, 5]  # enough to see how it numbers
    messages = numbered(counts, first=first)
    place = 4 + place % (len(counts) - 5)
    left = messages[:place] + messages[place + 1 :]
    assert lost(left) == counts[place]


@given(COUNTS, integers(0, 10**6))
def test_what_is_left_out_is_lost_by_those_who_number_behind(counts, place):
    counts = [7, 9, 11, 7, *counts, 5]
    messages = numbered(counts, behind=True)
    place = 4 + place % (len(counts) - 5)
    assert lost(messages[:place] + messages[place + 1 :]) == counts[place]


@given(integers(5, 60), randoms(use_true_random=False))
def test_messages_in_another_order_are_not_lost(count, random):
    messages = numbered([1] * count)
    start, rest = messages[:1], messages[1:]
    shuffled = sorted(rest, key=lambda m: m.number + random.random() * 3)  # at most three places off
    assert lost([*start, *shuffled]) == 0


def test_a_message_that_comes_too_late_was_counted():
    messages = numbered([1] * (REORDERED + 10))
    late = messages.pop(3)
    assert lost([*messages, late]) == 1


def test_options_are_items_or_not_as_the_exporter_has_it():
    for counted in (0, 1):
        number, messages = 0, []
        for place in range(40):
            options = int(place % 8 == 0)
            messages.append(Message(number, 5 + place % 3, options))
            number += 5 + place % 3 + options * counted
        assert lost(messages) == 0


def test_who_begins_anew_is_not_taken_for_a_loss():
    sequence = Sequence()
    again = numbered([4] * 20)
    assert lost([*numbered([4] * 50, first=10**6), *again], sequence) == 0
    assert sequence.restarts == 1


def test_after_a_restart_gaps_are_seen_again():
    sequence = Sequence()
    again = numbered([4, 5, 6] * 10)
    del again[IN_A_ROW + 5]
    assert lost([*numbered([4, 5, 6] * 5, first=10**6), *again], sequence) == 6


def test_one_message_with_a_false_number_counts_nothing():
    messages = numbered([3, 4] * 10)
    messages.insert(8, Message(FARTHEST + 10**7, 4))
    assert lost(messages) == 0


def test_after_a_message_of_unknown_size_it_goes_on():
    first, *rest = numbered([3, 4, 5, 6])
    assert lost([first, None, *rest[1:]]) == 0
