"""What is said of a host that does what it did not do before."""

import pytest

from oddflow.server.flowstore.changes import ChangeKind, HostHour, changes_of
from oddflow.server.flowstore.host_picture import Talk
from oddflow.server.flowstore.query import Query
from tests.server.flowstore.made import DAY, HOUR_NS

DAYS = 6
FIRST = DAY * 24
SINCE = FIRST + DAYS * 24
UNTIL = SINCE + 24


def hour(number, sent=1e6, received=2e6):
    return HostHour(number, 5, 0, sent, received, 0, None, 2, number * HOUR_NS, number * HOUR_NS + 10)


def talk(day, peer="10.0.0.9", port=80, service="http", serves=False, at=9):
    began = (FIRST + day * 24 + at) * HOUR_NS
    return Talk(peer, serves, 6, port, service, DAY + day, 3, 1e3, 1e3, 0, None, began, began + 10, "lan")


USUAL_HOURS = [hour(number, sent=1e6 + 1e4 * (number % 7)) for number in range(FIRST, UNTIL)]
USUAL_TALKS = [talk(day) for day in range(DAYS + 1)]


def said(hours=USUAL_HOURS, talks=USUAL_TALKS, until=UNTIL):
    return changes_of(hours, talks, SINCE, until)


def test_of_a_host_that_does_as_usual_nothing_is_said():
    assert said() == ()


def test_of_a_host_with_too_short_a_past_nothing_is_said():
    assert said([hour(SINCE - 1), *USUAL_HOURS[-24:]], [talk(DAYS, port=22)]) == ()


@pytest.mark.parametrize(
    ("talks", "kind", "words"),
    [
        ([talk(DAYS, port=22, service="ssh")], ChangeKind.NEW_SERVICE,
         "used for the first time ssh (tcp/22): 3 flows to 10.0.0.9, first 2024-10-10T09:00Z; not seen on the 6 days"),
        ([talk(DAYS, port=4444, service="", serves=True, peer="198.51.100.7")], ChangeKind.NEW_OFFER,
         "answered for the first time as tcp/4444: 3 flows from 198.51.100.7"),
        ([talk(DAYS, peer=f"10.9.0.{number}") for number in range(40)], ChangeKind.NEW_PEERS,
         "met 40 hosts for the first time: 10.9.0.0, 10.9.0.1, 10.9.0.2 and 37 more; on the 6 days before it met 0 "),
        ([talk(DAYS, port=port, service="") for port in range(1, 900)], ChangeKind.NEW_SERVICE,
         "used 898 ports that were not seen before"),
    ],
)  # fmt: skip
def test_new_talk_is_told(talks, kind, words):
    changes = [change for change in said(talks=[*USUAL_TALKS, *talks]) if change.kind == kind]
    assert len(changes) == 1
    assert words in changes[0].text
    assert changes[0].at_ns == min(one.first_ns for one in talks)
    Query.parse(changes[0].query.format(host="10.0.0.5"))


def test_a_host_that_meets_as_many_new_hosts_every_day_is_as_usual():
    talks = [talk(day, peer=f"10.{day}.0.{number}") for day in range(DAYS + 1) for number in range(5)]
    assert not [change for change in said(talks=talks) if change.kind == ChangeKind.NEW_PEERS]


def test_a_volume_far_beyond_that_of_the_hour_before_is_told():
    hours = [*USUAL_HOURS[:-10], hour(USUAL_HOURS[-10].number, sent=4e9), *USUAL_HOURS[-9:]]
    (change,) = said(hours)
    assert change.kind == ChangeKind.VOLUME
    assert change.text.startswith(
        "sent 4.0 GB between 14:00 and 15:00 on 2024-10-10; at this hour it is usually 1.0 MB"
    )
    assert Query.parse(change.query.format(host="10.0.0.5")).since_ns == hours[-10].number * HOUR_NS


def test_nightly_backups_are_usual():
    backups = {number for number in range(FIRST, UNTIL) if number % 24 == 2}
    assert said([hour(one.number, sent=4e9) if one.number in backups else one for one in USUAL_HOURS]) == ()


def test_silence_is_told_of_a_host_that_always_spoke():
    (change,) = said(USUAL_HOURS[:-9])
    assert change.kind == ChangeKind.SILENT
    assert "not seen for 9 hours" in change.text
    assert not said([one for one in USUAL_HOURS if 8 <= one.number % 24 < 17])  # its nights were always silent


def test_a_host_that_was_never_seen_before_is_told_as_such():
    (change,) = said(USUAL_HOURS[-24:])
    assert change.kind == ChangeKind.NEW_HOST
    assert said([], []) == ()
