"""Rules hide what they say and no more, and move the threshold by a rank each."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from oddflow.errors import InputError, Unreadable, UsageError
from oddflow.verdicts.alert import Reason
from oddflow.verdicts.feedback.feedback import Feedback, FollowedFeedback
from oddflow.verdicts.feedback.preview import preview
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict, expiry
from oddflow.verdicts.feedback.rules import add_rule, read_rules, remove_rule
from oddflow.verdicts.feedback.suppression import MOST_KEPT, Suppression
from tests.verdicts.make import alert

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHER_REASON = (Reason("duration_s", 398.0, 1.0, 3.0, 0.9, "long"),)


def rule(verdict=Verdict.BENIGN, scope=Scope.FLOW, of=None, **changes):
    return Rule.of(of or alert(), verdict, scope, made=NOW, **changes)


def said(*rules, now=NOW):
    return Feedback(rules, now)


SAME, OTHER_SOURCE = {"src_port": 4711}, {"src_ip": "10.0.0.9"}
OTHER_HOST, OTHER_SERVICE = {"dst_ip": "10.0.0.3"}, {"dst_port": 80}


@pytest.mark.parametrize(
    ("scope", "changes", "is_hidden"),
    [
        (Scope.FLOW, SAME, True),
        (Scope.FLOW, OTHER_SOURCE, False),
        (Scope.FLOW, OTHER_HOST, False),
        (Scope.FLOW, OTHER_SERVICE, False),
        (Scope.FLOW, {"protocol": 17}, False),
        (Scope.SERVICE, OTHER_SOURCE, True),
        (Scope.SERVICE, OTHER_HOST, False),
        (Scope.SERVICE, OTHER_SERVICE, False),
        (Scope.HOST, OTHER_HOST | OTHER_SERVICE, True),
        (Scope.HOST, OTHER_SOURCE, False),
        (Scope.ALWAYS, OTHER_SOURCE | OTHER_HOST, True),
        (Scope.ALWAYS, OTHER_SERVICE, False),
        (Scope.ALWAYS, {"reasons": OTHER_REASON}, False),
        (Scope.HOST, {"score": 4.5 * 1.5}, True),
        (Scope.HOST, {"score": 4.5 * 1.5 + 0.01}, False),
        (Scope.HOST, {"category": "dos"}, False),
        (Scope.HOST, {"pseudonyms": "ab"}, False),
    ],
)
def test_a_benign_rule_hides_what_its_scope_says(scope, changes, is_hidden):
    assert (said(rule(scope=scope)).hiding(alert(**changes)) is not None) == is_hidden


def test_a_malicious_rule_hides_nothing_and_keeps_others_from_it():
    assert said(rule(Verdict.MALICIOUS)).hiding(alert()) is None
    both = said(rule(scope=Scope.HOST), rule(Verdict.MALICIOUS, of=alert(id="ff")))
    assert both.hiding(alert()) is None
    assert both.hiding(alert(dst_port=80)) is not None


def test_a_rule_that_has_expired_says_nothing():
    made = rule(expires=expiry("12h", NOW))
    assert said(made).hiding(alert())
    assert not said(made, now=NOW + timedelta(hours=12)).hiding(alert())


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "0d", "1.5d", "999999w", "1m", "30d30d"])
def test_times_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="--expires"):
        expiry(text, NOW)


HELD_BACK = np.arange(1, 1_001, dtype=np.float32)


def test_a_benign_mark_adds_one_score_that_is_no_higher_than_the_highest():
    moved = said(rule(of=alert(score=1e9))).calibrated(HELD_BACK, 0.01)
    assert len(moved) == 1_001
    assert list(moved[-3:]) == [999, 1_000, 1_000]
    middle = said(rule(of=alert(score=4.5))).calibrated(HELD_BACK, 0.01)
    assert list(middle[3:6]) == [4, 4.5, 5]


def test_a_malicious_mark_takes_out_the_same_score_alone():
    assert 500 not in said(rule(Verdict.MALICIOUS, of=alert(score=500.0))).calibrated(HELD_BACK, 0.01)
    assert len(said(rule(Verdict.MALICIOUS, of=alert(score=500.5))).calibrated(HELD_BACK, 0.01)) == 1_000


def test_many_marks_count_as_one_in_a_hundred():
    many = [rule(of=alert(id=f"{number:x}", score=2_000.0)) for number in range(100)]
    assert len(said(*many).calibrated(HELD_BACK, 0.01)) == 1_010


@pytest.mark.parametrize(("held_back", "share"), [(HELD_BACK, 0.0009), (HELD_BACK[:99], 0.1)])
def test_no_mark_moves_what_is_told_from_a_few_peaks(held_back, share):
    assert np.array_equal(said(rule(of=alert(score=1e9))).calibrated(held_back, share), held_back)


def test_rules_come_back_from_a_file_and_what_was_said_before_gives_way(tmp_path):
    path = str(tmp_path / "rules.jsonl")
    first = rule(expires=expiry("1d", NOW), reason="backup\nat night")
    assert add_rule(path, first, NOW) == ([first], [])
    assert read_rules(path) == [first]
    second = rule(Verdict.MALICIOUS, Scope.HOST)
    assert add_rule(path, second, NOW) == ([second], [first])
    other = rule(of=alert(id="ff"), expires=expiry("1d", NOW))
    add_rule(path, other, NOW)
    assert remove_rule(path, second.id[:5]) == second
    with pytest.raises(UsageError, match="0 rules"):
        remove_rule(path, "abcdef")
    third = rule()
    assert add_rule(path, third, NOW + timedelta(days=2)) == ([third], [])


@pytest.mark.parametrize(
    "line", ["{}", "[1]", "nothing", '{"id": "x"}', '{"score": NaN}', "\xff", rule().model_dump_json() + "x"]
)
def test_a_file_that_holds_something_else_is_refused_with_the_line(tmp_path, line):
    path = tmp_path / "rules.jsonl"
    path.write_bytes(rule().model_dump_json().encode() + b"\n" + line.encode("latin-1") + b"\n")
    with pytest.raises(InputError, match=r"rules\.jsonl, line 2: .*oddflow feedback"):
        read_rules(str(path))


def test_no_file_is_refused_where_rules_are_needed(tmp_path):
    with pytest.raises(Unreadable, match="not there"):
        Feedback.read(tmp_path / "none.jsonl")


def test_a_file_is_followed_and_what_cannot_be_read_changes_nothing(tmp_path):
    path = tmp_path / "rules.jsonl"
    add_rule(str(path), rule(), NOW)
    followed = FollowedFeedback(path)
    assert followed.now().hiding(alert())
    path.write_text("half a li")
    assert followed.now().hiding(alert())
    path.write_text("")
    assert not followed.now().hiding(alert())


def test_a_preview_tells_what_is_beyond_the_alert():
    named = alert()
    others = [
        alert(id="1", score=5.0),
        alert(id="2", score=50.0),
        alert(id="3", category="port_scan"),
        alert(id="4", truth="exfiltration"),
        alert(id="5", dst_port=80),
        alert(id="6", dst_port=80, src_ip="10.0.0.9"),
    ]
    known = said(rule(Verdict.MALICIOUS, of=others[4]))
    found = preview(rule(scope=Scope.HOST), [named, *others], known)
    counts = (found.alerts, found.alike.alerts, found.odder.alerts, found.other_kinds.alerts, found.attacks.alerts)
    assert counts == (7, 2, 1, 1, 1)
    assert found.malicious.alerts == 1
    assert [one.id for one in found.strangest][:2] == ["2", "1"]
    assert [warning.split(" ", 1)[0] for warning in found.warnings()] == ["1", "1", "1"]
    wider = rule(scope=Scope.HOST, up_to=found.up_to, kinds=found.kinds)
    assert all(said(wider).hiding(one) for one in others[:4])


def test_a_rule_over_half_of_many_alerts_is_warned_of():
    alerts = [alert(id=f"{number:x}") for number in range(12)]
    assert "more than half" in preview(rule(), alerts, said()).warnings()[0]
    assert not preview(rule(), alerts[:9], said()).warnings()


def test_what_is_hidden_is_counted_whole_and_kept_in_part():
    counted = Suppression()
    for number in range(MOST_KEPT + 5):
        counted.add(rule(), alert(score=float(number)))
    (hidden,) = counted.by_rule()
    assert (hidden.alerts, hidden.highest) == (MOST_KEPT + 5, MOST_KEPT + 4)
    assert sorted(one.score for one in counted.alerts()) == [float(n) for n in range(5, MOST_KEPT + 5)]
