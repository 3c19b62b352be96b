"""How rows are dealt: what judges was never learnt, and what belongs together stays together."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.tuning.folds import Dealing, Dealt

from .make import material


@pytest.mark.parametrize("needs_attacks", [True, False])
@pytest.mark.parametrize("by", ["chance", "time"])
def test_no_row_both_teaches_and_judges_and_each_normal_row_judges_once(by, needs_attacks):
    given = material(times=True)
    _, folds = Dealing(4, by=by).of(given, needs_attacks=needs_attacks)
    for fold in folds:
        assert not set(fold.learnt) & set(fold.judged)
        assert needs_attacks or not given.is_attack[fold.learnt].any()
    judged = np.concatenate([fold.judged for fold in folds])
    assert (np.bincount(judged)[~given.is_attack] == 1).all()


def test_blocks_of_time_hold_rows_of_one_time():
    by, folds = Dealing(4).of(material(times=True), needs_attacks=True)
    assert by is Dealt.TIME
    for fold in folds:
        assert np.ptp(fold.judged) == len(fold.judged) - 1


def test_captures_stay_whole_where_there_are_enough():
    captures = np.arange(300) % 7
    by, folds = Dealing(3).of(material(captures=captures), needs_attacks=True)
    assert by is Dealt.CAPTURE
    for fold in folds:
        assert not set(captures[fold.learnt]) & set(captures[fold.judged])


def test_families_that_judge_are_not_learnt():
    given = material()
    _, folds = Dealing(2, by="family").of(given, needs_attacks=True)
    for fold in folds:
        learnt, judged = (set(given.families[side][given.is_attack[side]]) for side in (fold.learnt, fold.judged))
        assert not learnt & judged


def test_attacks_of_one_time_are_dealt_by_chance_instead():
    given = material(times=True)
    given.times_ns[given.is_attack] = 0
    by, folds = Dealing(3).of(given, needs_attacks=True)
    assert by is Dealt.CHANCE
    assert len(folds) == 3


def test_repeats_deal_anew():
    _, folds = Dealing(3, 2).of(material(), needs_attacks=True)
    assert len(folds) == 6
    assert not np.array_equal(folds[0].judged, folds[3].judged)


@pytest.mark.parametrize(
    ("dealing", "said"),
    [
        ({"by": "capture"}, "of which capture"),
        ({"by": "time"}, "when they were"),
        ({"folds": 1}, "from 2 to"),
        ({"by": "moon"}, "--fold-by must be one of"),
    ],
)
def test_what_cannot_be_dealt_is_refused(dealing, said):
    with pytest.raises(UsageError, match=said):
        Dealing(**dealing).of(material(), needs_attacks=True)
