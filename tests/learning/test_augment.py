"""Attacks that were made are learnt, and touch nothing else."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.learning.learn import learn, splits
from tests.checks.problem import FEATURES, normal_rows

from .make import SECOND_NS, START_NS, gathered

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from oddflow.learning import augment
from oddflow.learning.augment import Augmentation
from oddflow.training import samples


@pytest.fixture(name="few", autouse=True)
def few_epochs(monkeypatch):
    monkeypatch.setattr(samples, "EPOCHS", 2)
    monkeypatch.setattr(samples, "MOST_OF_A_CLASS", 128)


def labelled():
    """400 normal rows, 20 attacks of a kind and 60 of another; their service and a whole number tell each."""
    x = normal_rows(480, 0)
    x[400:420, 9], x[420:, 9] = 50 + np.arange(20) % 3, 7
    x[400:420, 0] = 22
    kinds = np.repeat([0, 4, 2], [400, 20, 60])
    times = np.concatenate([np.arange(400), 5 * (np.arange(80) * 37 % 80)])  # each kind at all times
    return gathered(x=x, y=kinds, times_ns=START_NS + SECOND_NS * times)


@pytest.mark.parametrize("maker", ["conditional-gan", "wgan-gp", "vae"])
def test_only_the_attacks_that_are_learnt_become_more(maker):
    for split in splits(labelled()):
        more = Augmentation(maker, FEATURES, share=0.1)(split)
        assert more.held_back is split.held_back
        assert more.fit is split.fit
        assert more.validation is split.validation
        seen = len(split.attacks)
        np.testing.assert_array_equal(more.attacks[:seen], split.attacks)
        assert more.made == len(more.attacks) - seen > 0
        assert (more.kinds == 4).sum() == round(0.1 * 300)
        assert (more.kinds == 2).sum() == (split.kinds == 2).sum()  # they were enough
        made = more.attacks[seen:]
        first = split.attacks[split.kinds == 4]
        assert (made >= first.min(axis=0)).all()
        assert (made <= first.max(axis=0)).all()
        assert set(np.unique(made[:, 9])) <= {50, 51, 52}  # whole numbers stay whole
        assert (made[:, 0] == 22).all()  # no service that the kind was never seen with


def test_what_is_made_is_made_of_what_the_fit_may_see(monkeypatch):
    """The rows that a quarter holds back reach neither what makes attacks nor what learns, but only its scores."""
    shown = []
    like = augment.more_like

    def spy(maker, rows, classes, wanted, *, seed):
        shown.append((len(rows), int((classes == 0).sum())))
        return like(maker, rows, classes, wanted, seed=seed)

    monkeypatch.setattr(augment, "more_like", spy)
    archive = learn(labelled(), detector="naive-bayes", augment=Augmentation("vae", FEATURES, share=0.2))
    assert shown == [(300 + 60, 300)] * 4 + [(400 + 80, 400)]
    training, whole = archive.manifest.training, labelled()
    assert training.made_rows == 2 * 80 - 80
    assert training.fit_rows == 480 + training.made_rows
    assert archive.manifest.calibration.rows == 400
    assert archive.manifest.ranges[9].maximum == 0 < whole.x[:, 9].max()


def test_the_same_seed_makes_the_same_model():
    first, second = (
        learn(labelled(), detector="decision-tree", augment=Augmentation("conditional-gan", FEATURES, seed=3)).parts
        for _ in range(2)
    )
    assert first == second


def test_kinds_of_which_too_little_is_known_are_left():
    few = labelled()
    few.y[400:403] = 9
    for split in splits(few):
        more = Augmentation("vae", FEATURES, share=0.15)(split)
        assert (more.kinds == 9).sum() == (split.kinds == 9).sum()


@pytest.mark.parametrize(
    ("maker", "share", "words"),
    [("smote", 0.1, "one of conditional-gan, wgan-gp, vae; 'smote' given"), ("vae", 0, "at most 1"), ("vae", 2, "2")],
)
def test_what_nothing_can_be_made_with_is_refused(maker, share, words):
    with pytest.raises(UsageError, match=words):
        Augmentation(maker, FEATURES, share)


def test_detectors_that_learn_no_attacks_refuse_them():
    with pytest.raises(UsageError, match="robust-pca learns from normal rows alone; --augment"):
        learn(labelled(), detector="robust-pca", augment=Augmentation("vae", FEATURES))
