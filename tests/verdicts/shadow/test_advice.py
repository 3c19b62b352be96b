from dataclasses import replace

import numpy as np
import pytest

from oddflow.losses import Ledger
from oddflow.verdicts.detection import Threshold
from oddflow.verdicts.shadow.advice import Verdict, advise, most_by_chance
from oddflow.verdicts.shadow.comparison import Comparison, Known, Seen, Side


def side(called="office@1", *, alerts=10, expected=10.0, seconds=1.0):
    threshold = Threshold(2.0, "10 false alarms a day", "", expected, 1_000)
    return Side(called, "robust-pca", "f" * 12, threshold, 1_000, 1_000, alerts, seconds)


def comparison(*, flows=5_000, both=10, lost=0, gained=0, known=None, active=None, candidate=None):
    return Comparison(
        sources=["a.pcap"],
        active=active or side(alerts=both + lost),
        candidate=candidate or side("office@2", alerts=both + gained),
        flows=flows,
        both=both,
        only_active=lost,
        only_candidate=gained,
        correlation=0.9,
        sample=np.ones((10, 2), np.float32),
        lost=[],
        gained=[],
        ledger=Ledger(),
        known=known,
    )


def known(*attacks, false=(3, 3)):
    return Known(tuple(Seen(f"attack {place}", 100, *one) for place, one in enumerate(attacks)), 4_000, *false)


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (comparison(known=known((50, 0), (9, 9))), Verdict.KEEP, "misses attack 0"),
        (comparison(known=known((50, 50), false=(3, 18))), Verdict.KEEP, "the budget allows 17"),
        (comparison(known=known((50, 50), false=(16, 18))), Verdict.PROMOTE, "every attack"),
        (comparison(known=known((50, 39))), Verdict.LOOK, "39 of the attacks' flows against 50"),
        (comparison(known=known((50, 50), false=(1, 5))), Verdict.LOOK, "more than chance"),
        (comparison(known=known((50, 50), (0, 3))), Verdict.PROMOTE, "and attack 1 besides"),
        (comparison(), Verdict.PROMOTE, "every flow that the active model shows, within"),
        (comparison(gained=2), Verdict.PROMOTE, "and 2 alerts besides"),
        (comparison(lost=1), Verdict.LOOK, "1 alert of the active model would not be seen"),
        (comparison(flows=999), Verdict.LOOK, "too few"),
        (comparison(gained=8), Verdict.LOOK, "18 alerts against 10"),
        (comparison(known=known()), Verdict.PROMOTE, "every flow"),
    ],
)
def test_the_first_rule_that_applies_decides(found, verdict, words):
    advice = advise(found)
    assert advice.verdict is verdict
    assert words in advice.reasons[0]


def test_what_else_speaks_against_it_is_told():
    slow = replace(side("office@2"), seconds=3.0)
    assert "3.0 times the processor time" in advise(comparison(candidate=slow)).reasons[-1]
    assert "no attack in this traffic" in advise(comparison(known=known())).reasons[-1]


@pytest.mark.parametrize("mean", [0.1, 1.0, 7.5, 100.0, 499.0, 501.0, 5_000.0])
def test_the_bound_is_that_of_poisson_counts(mean):
    drawn = np.random.default_rng(0).poisson(mean, 200_000)
    bound = most_by_chance(mean)
    assert (drawn > bound).mean() <= 0.027
    assert (drawn > bound - 1 - bound // 500).mean() >= 0.023 or mean < 1


def test_nothing_in_it_is_not_json():
    told = comparison(known=known((1, 1))).as_dict()
    assert told["truth"]["attacks"] == [{"what": "attack 0", "flows": 100, "active": 1, "candidate": 1}]
    assert told["alerts"]["agreement"] == 1.0
    empty = comparison(both=0)
    empty.correlation = float("nan")
    assert empty.as_dict()["rank_correlation"] is None
    assert empty.agreement == 1.0
