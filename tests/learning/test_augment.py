"""Attacks that were made are learnt, and touch nothing else."""

import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.features.sequence import Sequence
from oddflow.learning.learn import learn, splits
from tests.checks.problem import FEATURES, normal_rows, packet_rows

from .make import SECOND_NS, START_NS, gathered

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from oddflow.learning.augment import Augmentation
from oddflow.learning.resampling import between_neighbours
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


@pytest.mark.parametrize("maker", ["conditional-gan", "wgan-gp", "vae", "smote:neighbours=3", "oversample"])
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
    like = samples.more_like

    def spy(maker, rows, classes, wanted, *, seed):
        shown.append((len(rows), int((classes == 0).sum())))
        return like(maker, rows, classes, wanted, seed=seed)

    monkeypatch.setattr(samples, "more_like", spy)
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
    [
        ("smite", 0.1, "one of conditional-gan, wgan-gp, vae, smote, oversample, undersample, traffic; 'smite' given"),
        ("vae", 0, "at most 1"),
        ("vae", 2, "2"),
        ("vae:epochs=3", 0.1, "vae has no option 'epochs'"),
        ("smote:neighbours=few", 0.1, "neighbours of --augment smote must be a number; 'few' given"),
        ("smote:neighbours=0", 0.1, "from 1 to 1,000; 0 given"),
        ("traffic", 0.1, "--augment traffic|use --augment smote"),
        ("traffic:loss=2", 0.1, "from 0 to 0.9; 2.0 given"),
    ],
)
def test_what_nothing_can_be_made_with_is_refused(maker, share, words):
    with pytest.raises(UsageError, match=words):
        Augmentation(maker, FEATURES, share)


def test_detectors_that_learn_no_attacks_refuse_them():
    with pytest.raises(UsageError, match="robust-pca learns from normal rows alone; --augment"):
        learn(labelled(), detector="robust-pca", augment=Augmentation("vae", FEATURES))


def packets():
    """300 normal flows and 20 of a slow attack, of packets."""
    x = packet_rows(320, 0)
    x[300:, 32:] *= 40
    x[:, 32] = 0
    times = np.concatenate([np.arange(300), 15 * np.arange(20)])
    kinds = np.repeat([0, 4], [300, 20])
    changes = {"features": Sequence.features, "version": "sequence-1", "times_ns": START_NS + SECOND_NS * times}
    return gathered(x=x, y=kinds, **changes)


def test_flows_that_are_seen_otherwise_are_attacks_and_normal_ones():
    for split in splits(packets()):
        more = Augmentation("traffic:loss=0.2", Sequence.features, share=0.5)(split)
        assert more.made == round(0.5 * len(split.known)) - len(split.attacks)
        assert more.made_normal == round(0.5 * len(split.fit))
        assert more.marks_of_made.sum() == more.made + more.made_normal
        np.testing.assert_array_equal(more.fit[: len(split.fit)], split.fit)
        gaps = more.attacks[-more.made :, 33:64]
        assert np.median(gaps[gaps > 0]) > 10 * np.median(more.fit[-more.made_normal :, 33:64])


def test_normal_traffic_is_learnt_with_flows_that_are_seen_otherwise():
    known = packets()
    known.y = None
    archive = learn(known, detector="packet-markov-chain", augment=Augmentation("traffic", Sequence.features, 1.0))
    training = archive.manifest.training
    assert training.made_rows == training.fit_rows // 2 == 272
    assert training.compared_rows == 320 + 4 * 36 + 48  # all are held back once; the last 15 % tell when to stop
    assert archive.manifest.ranges[0].maximum == known.x[:, 0].max()


def test_of_normal_rows_that_are_left_out_some_stay():
    for split in splits(labelled()):
        fewer = Augmentation("undersample", FEATURES, share=0.2)(split)
        assert len(fewer.known) == round((split.kinds == 4).sum() / 0.2)
        assert (np.isin(fewer.fit, split.fit)).all()
        assert fewer.made == 0


def test_categories_between_neighbours_are_those_of_the_neighbours():
    """And where all columns are categories, they are theirs too."""
    rows = labelled().x
    twice = np.concatenate([rows[:, :1], rows], axis=1)
    only = [FEATURES[0], FEATURES[0]]
    for features, x in (
        (FEATURES, rows),
        (only, rows[:, [0, 0]]),
        (FEATURES[1:], rows[:, 1:]),
        ((FEATURES[0], *FEATURES), twice),
    ):
        kinds = np.repeat([0, 1], [400, 80])
        made = between_neighbours(x, kinds, {1: 50}, features)[1]
        assert made.shape == (50, x.shape[1])
        if features[0] is FEATURES[0]:
            assert set(np.unique(made[:, 0])) <= set(np.unique(x[400:, 0]))
        again = between_neighbours(x, kinds, {1: 50}, features)[1]
        np.testing.assert_array_equal(again, made)
