"""Incidents against the ground truth."""

from oddflow.verdicts.incidents.outcome import IncidentOutcome

from .story import VICTIM, logins, odd, scan
from .test_gathering import incidents


def test_found_false_split_and_merged_are_told():
    found = incidents(
        scan(truth="scan"),
        logins(120, truth="guessing"),
        logins(0, src="10.0.0.7", dst="10.0.0.8", truth="guessing"),
        odd(0, "10.0.0.9", "10.0.0.10", truth=""),
    )
    outcome = IncidentOutcome.of(found, ["scan", "guessing", "worm"])
    story = next(one.id for one in found if VICTIM in one.hosts)
    assert outcome.of_attack["scan"] == (story,)
    assert set(outcome.of_attack["guessing"]) == {story, next(o.id for o in found if "10.0.0.8" in o.hosts)}
    assert outcome.of_attack["worm"] == ()
    assert (outcome.false, outcome.split, outcome.merged) == (1, 1, 1)
