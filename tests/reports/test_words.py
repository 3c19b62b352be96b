"""Words: targets, numbers and texts of the traffic."""

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists
from tests.reports.factory import alert

from oddflow.reports.words import destination_of, duration, number, protocols_of, share, source_of, visible
from oddflow.verdicts.alert import AlertRow


def row(*targets, **changes):
    return AlertRow(1, [alert(dst_ip=ip, dst_port=port, **changes) for ip, port in targets])


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([("10.0.0.5", 22)], "10.0.0.5:22"),
        ([("10.0.0.5", 22), ("10.0.0.5", 23)], "2 ports on 10.0.0.5"),
        ([("10.0.0.5", 22), ("10.0.0.6", 22)], "port 22 on 2 hosts"),
        ([("10.0.0.5", 22), ("10.0.0.6", 23)], "2 ports on 2 hosts"),
        ([("10.0.0.5", 0), ("10.0.0.6", 0)], "2 hosts"),
        ([("2001:db8::1", 443)], "[2001:db8::1]:443"),
        ([("10.0.0.5", 0)], "10.0.0.5"),
    ],
)
def test_destination(targets, words):
    assert destination_of(row(*targets)) == words


def test_several_sources_are_counted():
    assert source_of(AlertRow(1, [alert(src_ip="10.0.0.1"), alert(src_ip="10.0.0.2")])) == "2 hosts"


def test_protocols_are_named_once():
    assert protocols_of(AlertRow(1, [alert(protocol=17), alert(protocol=6), alert(protocol=17)])) == "udp, tcp"


@given(lists(integers(0, 0x10FFFF)))
def test_visible_text_can_be_written_and_hides_nothing(codes):
    seen = visible("".join(map(chr, codes)))
    seen.encode("utf-8")
    assert not set(seen) & set("\0\x1b\u200b\u202e\u2066\u2028\ufeff")


def test_visible_text_ends():
    assert len(visible("x" * 10_000)) < 1_300


@given(floats())
def test_number_is_never_machine_speak(value):
    assert set(number(value)) <= set("0123456789,.-−–∞ ×⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@given(floats(1e-4, 1e14))
def test_a_number_means_what_it_says(value):
    told = float(number(value).replace(",", ""))
    assert told == pytest.approx(value, rel=1e-3)


@given(integers(-5, 2**63 - 1))
def test_duration_is_short(span_ns):
    assert len(duration(span_ns)) <= 16


def test_a_part_is_never_rounded_to_the_whole():
    assert share(999_999, 1_000_000) == "99.9 %"
