from datetime import UTC, datetime, timedelta

import pytest

from oddflow.errors import UsageError
from oddflow.verdicts.feedback.rule import Verdict
from tests.server.store.make import alert, alerts, rule


def test_rules_come_back_in_their_order(store):
    put = [rule(alert(n), reason="a\0b") for n in (3, 1, 2)]
    for one in put:
        store.feedback.add(one, "ann")
    found = store.feedback.rules()
    assert [one.rule.id for one in found] == [one.id for one in put]
    assert {(one.user, one.rule.scope, one.rule.most_score) for one in found} >= {("ann", "flow", put[0].most_score)}


def test_the_alert_says_what_was_said_of_it(store):
    store.alerts.put("here", "eth0", alerts(2), [])
    before = store.alerts.highest()
    made = rule(alert(1))
    store.feedback.add(made, "ann")
    assert [(one.alert.id, one.verdict) for one in store.alerts.after(before)] == [(alert(1).id, "benign")]
    assert store.alerts.get(alert(1).id).born <= before
    store.feedback.remove(made.id, "bob")
    assert store.alerts.get(alert(1).id).verdict == ""


def test_what_was_said_of_the_same_alert_gives_way(store):
    old, new = rule(alert(1)), rule(alert(1), Verdict.MALICIOUS)
    store.feedback.add(old, "ann")
    assert store.feedback.add(new, "bob") == [old]
    assert [one.rule for one in store.feedback.rules()] == [new]
    assert store.feedback.add(new, "bob") == [new]


def test_each_change_has_another_version(store):
    versions = [store.feedback.version()]
    made = rule(alert(1))
    for change in (lambda: store.feedback.add(made, "ann"), lambda: store.feedback.remove(made.id, "ann")):
        change()
        versions.append(store.feedback.version())
    assert len(set(versions)) == 3


def test_rules_that_have_expired_go(store):
    store.feedback.add(rule(alert(1), expires=datetime.now(UTC) - timedelta(days=1)), "ann")
    store.feedback.add(rule(alert(2)), "ann")
    assert [one.rule.alert_id for one in store.feedback.rules()] == [alert(2).id]


@pytest.mark.parametrize("name", ["", "0" * 12, "\0", "'--"])
def test_a_rule_that_is_not_there_is_told(store, name):
    with pytest.raises(UsageError, match="there is no rule"):
        store.feedback.remove(name, "ann")
