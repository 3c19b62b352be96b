"""What losses tell, on curves whose fault is known."""

import math

import pytest

from oddflow.reports.fits import Fit, Fits, smoothed
from oddflow.reports.fitting import Verdict, gradient_warning, remarks


def falling(epochs, floor=0.1, pace=5):
    return [floor + math.exp(-place / pace) for place in range(epochs)]


def overfitted():
    validation = falling(20) + [falling(20)[-1] + 0.01 * place for place in range(1, 21)]
    return Fit(falling(40, floor=0.05, pace=8), validation, most_epochs=80)


@pytest.mark.parametrize(
    ("fit", "verdict"),
    [
        (Fit(falling(60), [loss + 0.01 for loss in falling(60)], most_epochs=60), Verdict.SOUND),
        (overfitted(), Verdict.OVERFIT),
        (Fit(falling(12), [loss + 0.01 for loss in falling(12)], most_epochs=12), Verdict.STILL_LEARNING),
        (Fit(falling(60), [loss + 0.09 for loss in falling(60)], most_epochs=80), Verdict.GAP),
        (Fit([1.0 - place / 1000 for place in range(30)], [1.01 - place / 1000 for place in range(30)], most_epochs=99),
         Verdict.UNDERFIT),
        (Fit([2.0, 1.0, 0.9], [2.0, 1.1, 1.0]), Verdict.TOO_SHORT),
        (Fit(falling(30), falling(30)), Verdict.UNJUDGED),
        (Fit([1.0, math.nan], [1.0, math.nan]), Verdict.DIVERGED),
        (Fit([*falling(20), 5.0, *falling(60)[20:]], [loss + 0.01 for loss in falling(61)], most_epochs=99),
         Verdict.RESTLESS),
    ],
)  # fmt: skip
def test_the_first_verdict(fit, verdict):
    assert remarks(fit)[0].verdict is verdict


def test_the_evidence_of_overfitting_names_epochs_and_shares():
    (remark,) = [one for one in remarks(overfitted()) if one.verdict is Verdict.OVERFIT]
    assert "after epoch 2" in remark.evidence
    assert "rose by" in remark.evidence
    assert "best epoch, 20, were kept" in remark.advice


def test_a_fit_that_was_stopped_is_not_told_to_go_on():
    stopped = Fit(falling(12), [loss + 0.01 for loss in falling(12)], most_epochs=80)
    assert Verdict.STILL_LEARNING not in {remark.verdict for remark in remarks(stopped)}


def test_gradients_are_judged_beside_the_losses():
    fit = Fit(falling(60), [loss + 0.01 for loss in falling(60)], most_epochs=60)
    fit.gradients = {"first": [1e-7] * 60, "last": [1.0] * 60}
    assert "vanishes" in remarks(fit)[0].evidence
    fit.gradients = {"first": [1.0] * 30 + [500.0] + [1.0] * 29, "last": [1.0] * 60}
    assert "500 times its median" in remarks(fit)[0].evidence
    assert gradient_warning({"first": 1.0, "last": math.nan}) == "a gradient is no number any more"


def test_smoothing_keeps_a_constant_and_lags_behind_a_step():
    assert smoothed([2.0] * 20) == [2.0] * 20
    stepped = smoothed([0.0] * 10 + [1.0] * 10)
    assert 0 < stepped[10] < stepped[11] < stepped[-1] < 1


class Told:
    def __init__(self, number, loss):
        self.number, self.train_loss, self.validation_loss = number, loss, loss + 1
        self.learning_rate, self.gradients, self.rows = 0.1, {"a.weight": 3.0, "a.bias": 4.0}, 7


def test_each_fit_begins_with_its_first_epoch():
    fits = Fits(9)
    for number in (0, 1, 0):
        fits(Told(number, float(number)))
    assert [fit.train for fit in fits.all] == [[0.0, 1.0], [0.0]]
    assert fits.all[0].gradients == {"a": [5.0, 5.0]}
    assert (fits.all[0].rows, fits.all[0].most_epochs, fits.all[0].best) == (7, 9, 0)
