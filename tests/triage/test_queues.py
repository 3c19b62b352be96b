"""Queues hold what the captures hold; learning and test never share a capture."""

from dataclasses import replace

import numpy as np
import pytest

from oddflow.errors import InputError, UsageError
from oddflow.triage.queues import Labelled, Mixer, as_recorded, check_apart, marks_of, queue_of, read_all
from oddflow.verdicts.record import write_alerts

from .make import office


def test_evidence_counts_the_alerts_of_each_incident():
    queue = as_recorded([office("a")])[0]
    assert dict(zip(queue.incidents, queue.evidence.sum(axis=0), strict=True)) == {"a scan": 60, "a tunnel": 10}
    assert ((queue.evidence[:, 1] > 0).sum(), (queue.evidence[:, 0] > 0).sum()) == (2, 1)
    assert sum(candidate.alerts for candidate in queue.candidates) == 110


def test_hosts_and_incidents_of_different_captures_are_apart():
    queue = queue_of([(name, office(name).alerts) for name in ("a", "b")])
    assert queue.incidents == ("a scan", "a tunnel", "b scan", "b tunnel")
    assert not any({host[0] for host in candidate.hosts} == {"a", "b"} for candidate in queue.candidates)


def test_a_mixer_deals_the_same_for_the_same_chance_and_quieter_attacks():
    mixer = Mixer([office("a"), office("b", 1)])
    one, two = (mixer(np.random.default_rng(3)) for _ in range(2))
    assert one.candidates == two.candidates
    assert (one.evidence == two.evidence).all()
    found = [mixer(np.random.default_rng(seed)).evidence.sum(axis=0) for seed in range(30)]
    assert min(count for counts in found for count in counts) >= 2
    assert len({int(count) for counts in found for count in counts}) > 5


def test_captures_that_were_learnt_are_refused_whatever_their_ids():
    learnt = marks_of(office("a"))
    renamed = Labelled("other", tuple(replace(alert, id="ff" * 6, score=9.0) for alert in office("a").alerts))
    with pytest.raises(UsageError, match="other: the policy was learnt on flows of it"):
        check_apart(learnt, [office("b", 1), renamed])
    check_apart(learnt, [office("b", 1)])


def test_alerts_are_read_back_as_they_were(tmp_path):
    write_alerts(str(tmp_path / "a.jsonl"), office("a").alerts)
    (read,) = read_all([str(tmp_path / "a.jsonl")])
    assert (read.name, len(read.alerts)) == ("a", 110)
    assert marks_of(read) == marks_of(office("a"))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (None, InputError, "no alerts"),
        ({"truth": None}, InputError, "say not what they are"),
        ({"truth": ""}, UsageError, "nothing to find"),
    ],
)
def test_alerts_that_nothing_can_be_learnt_from_are_refused(tmp_path, change, error, words):
    alerts = [replace(alert, **change) for alert in office("a").alerts] if change else []
    write_alerts(str(tmp_path / "a.jsonl"), alerts)
    with pytest.raises(error, match=words):
        read_all([str(tmp_path / "a.jsonl")])
