"""The environment is one that Gymnasium accepts, and pays when an incident is proved."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from oddflow.triage.choosing import at_random, by_score, most_possible, shift_of
from oddflow.triage.environment import WASTED_MINUTES, TriageEnvironment
from oddflow.triage.queues import Mixer, as_recorded, dealt
from oddflow.verdicts.triage.shift import ASIDE_MINUTES, FEATURES, WINDOW

from .make import office

NAMES = [feature.name for feature in FEATURES]


@pytest.fixture
def queue():
    return as_recorded([office("a")])[0]


@pytest.mark.parametrize("hidden", [False, True, "mixed"])
def test_gymnasium_accepts_it(hidden):
    environment = TriageEnvironment(Mixer([office("a"), office("b", 1)]), minutes=(20, 60), hidden=hidden)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment, skip_render_check=True)


def column(seen, name):
    return seen[:, 1 + NAMES.index(name)]


def place_of(environment, incident_hosts, seen):
    window = [environment.shift.candidates[place] for place in environment.shift.window()]
    return next(i for i, candidate in enumerate(window) if incident_hosts <= candidate.hosts and seen[i, 0])


def test_an_incident_pays_at_the_look_that_completes_its_proof_and_not_before(queue):
    environment = TriageEnvironment(dealt([queue]))
    seen = environment.begin(queue, 200, hidden=False)
    first = place_of(environment, {"a 10.0.0.7"}, seen)  # all of the scan
    seen, reward, *_ = environment.step(np.int64(first))
    assert reward == 1
    paid = []
    for hosts in ({"a 10.0.0.8", "a 10.0.1.2"}, {"a 10.0.1.2", "a 192.0.2.1"}):
        seen, reward, *_ = environment.step(np.int64(place_of(environment, hosts, seen)))
        paid.append(reward)
    assert sum(paid) == 1
    assert environment.found.all()


def test_a_tenth_of_the_evidence_pays_nothing():
    labelled = office("a")
    quieter = [alert for alert in labelled.alerts if alert.truth != "tunnel" or alert.dst_ip == "192.0.2.1"]
    more = [alert for alert in labelled.alerts if alert.truth == "tunnel" and alert.dst_ip != "192.0.2.1"]
    ten = [replace(more[0], src_port=30_000 + n) for n in range(50)]
    queue = as_recorded([replace(labelled, alerts=(*quieter, *ten))])[0]
    environment = TriageEnvironment(dealt([queue]))
    seen = environment.begin(queue, 200, hidden=False)
    _, reward, *_ = environment.step(np.int64(place_of(environment, {"a 10.0.1.2", "a 192.0.2.1"}, seen)))
    assert reward == 0


@pytest.mark.parametrize("hidden", [False, True])
def test_what_a_look_finds_is_seen_afterwards_unless_it_is_hidden(queue, hidden):
    environment = TriageEnvironment(dealt([queue]))
    seen = environment.begin(queue, 200, hidden=hidden)
    assert not column(seen, "hosts_malicious").any()
    seen, *_ = environment.step(np.int64(place_of(environment, {"a 10.0.0.8", "a 10.0.1.2"}, seen)))
    other = place_of(environment, {"a 10.0.1.2", "a 192.0.2.1"}, seen)
    assert (column(seen, "hosts_malicious")[other] > 0) is np.bool_(not hidden)
    assert column(seen, "alike_looked")[other] > 0
    assert column(seen, "outcomes_unknown")[other] == hidden


def test_setting_aside_takes_what_is_alike_to_the_last_benign_look_and_nothing_else(queue):
    environment = TriageEnvironment(dealt([queue]))
    seen = environment.begin(queue, 200, hidden=False)
    assert not seen[WINDOW, 0]
    benign = next(i for i, place in enumerate(environment.shift.window()) if not environment._evidence[place].any())
    kind = environment.shift.candidates[environment.shift.window()[benign]].kind
    seen, *_ = environment.step(np.int64(benign))
    assert seen[WINDOW, 0]
    before = {environment.shift.candidates[place] for place in environment.shift.window()}
    left = environment.shift.left_minutes
    environment.step(np.int64(WINDOW))
    after = {environment.shift.candidates[place] for place in environment.shift.window()}
    assert before - after == {candidate for candidate in before if candidate.kind == kind}
    assert environment.shift.left_minutes == left - ASIDE_MINUTES


def test_what_cannot_be_done_costs_a_minute_and_changes_nothing_else(queue):
    environment = TriageEnvironment(dealt([queue]))
    before = environment.begin(queue, 200, hidden=False)
    after, reward, *_ = environment.step(np.int64(WINDOW))
    assert reward == 0
    assert environment.shift.left_minutes == 200 - WASTED_MINUTES
    assert (column(before, "score_over_median") == column(after, "score_over_median")).all()


@pytest.mark.parametrize("minutes", [5, 12, 30, 90, 400])
def test_no_way_to_choose_spends_more_than_the_shift_or_passes_the_bound(minutes):
    chance = np.random.default_rng(minutes)
    mixer = Mixer([office("a"), office("b", 1), office("c", 2)])
    for _ in range(5):
        queue = mixer(chance)
        environment = TriageEnvironment(dealt([queue]))
        for choose in (by_score, at_random(minutes)):
            proved = shift_of(environment, queue, minutes, choose, hidden=False)
            assert environment.shift.left_minutes >= -1e-3
            assert proved <= most_possible(queue, minutes)


def test_all_is_found_in_a_long_shift_and_the_bound_says_so(queue):
    assert shift_of(TriageEnvironment(dealt([queue])), queue, 1_000, by_score, hidden=False) == 2
    assert most_possible(queue, 1_000) == 2
    assert most_possible(queue, 3) == 0
