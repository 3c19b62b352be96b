"""Made rows are learnt and nothing else; what cheats is caught."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import LearningFailed, UsageError
from oddflow.learning.augment import Augmentation, fit_augmented
from oddflow.learning.learn import learn, splits
from oddflow.learning.proof import augmented, prints
from tests.checks.problem import FEATURES, labelled_problem_for, normal_rows

from .test_augment import labelled

pytest.importorskip("sklearn")


@dataclass
class Maker:
    """Adds what it is told to add, by whatever way."""

    cheat: object
    told: str = "a cheat"
    normal: bool = False

    def __call__(self, split):
        return self.cheat(split)


def first():
    return splits(labelled())[0]


def with_attacks(split, rows, made=None):
    kinds = np.full(len(rows), 4)
    made = len(rows) if made is None else made
    return replace(
        split, attacks=np.concatenate([split.attacks, rows]), kinds=np.concatenate([split.kinds, kinds]), made=made
    )


SECRET = first().held_back


CHEATS = {
    "copies rows that are held back": (lambda s: with_attacks(s, SECRET[:30]), "are rows that were held back"),
    "does not count what it made": (lambda s: with_attacks(s, s.attacks[:5] + 1, made=0), "changed the attacks"),
    "changes what was seen": (lambda s: replace(s, attacks=s.attacks + 1), "changed the attacks"),
    "relabels what was seen": (lambda s: replace(s, kinds=s.kinds + 1), "changed the kinds of attack"),
    "adds normal rows secretly": (lambda s: replace(s, fit=np.concatenate([s.fit, s.fit[:3] + 1])), "the normal rows"),
    "holds rows back": (lambda s: replace(s, held_back=s.fit[:9]), "changed the rows that were held back"),
    "stops by made rows": (lambda s: replace(s, validation=s.fit[:9] + 1), "changed the rows to stop by"),
    "counts more than there are": (lambda s: replace(s, made=9_999), "changed the attacks"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_what_cheats_is_caught(cheat):
    way, words = CHEATS[cheat]
    with pytest.raises(LearningFailed, match=words):
        learn(labelled(), detector="naive-bayes", augment=Maker(way))


def test_what_makes_rows_sees_none_that_are_held_back_or_stop_the_learning():
    whole = first()
    for supervised, watches in ((False, False), (True, False), (True, True)):
        seen = []
        augmented(whole, Maker(lambda s, seen=seen: seen.append(s) or s), supervised=supervised, watches=watches)
        (shown,) = seen
        assert len(shown.held_back) == 0
        given = prints(np.concatenate([shown.known, shown.attacks]))
        last = whole.known[len(whole.known) - len(whole.known) // 7 :]
        assert np.isin(prints(whole.held_back), given).sum() == 0
        assert np.isin(prints(last), given).any() == (supervised and not watches)
        attacks = len(whole.attacks) if supervised else 0  # a detector of normal rows is shown none
        assert len(shown.attacks) == (attacks - 15 // 7 - 45 // 7 if watches else attacks)


def test_a_row_that_comes_out_like_a_held_back_one_by_chance_is_left_out():
    whole = first()
    rows = np.concatenate([whole.attacks + 1, SECRET[:1]])
    more = augmented(whole, Maker(lambda s: with_attacks(s, rows)), supervised=True, watches=False)
    assert more.made == len(rows) - 1
    assert (more.compared.rows, more.compared.dropped) == (len(SECRET), 1)
    assert not np.isin(prints(SECRET), prints(more.attacks)).any()


def test_a_print_is_of_the_whole_row():
    rows = normal_rows(500, 0)
    other = rows.copy()
    other[np.arange(500), np.arange(500) % 10] += 1e-3
    assert len(np.unique(prints(np.concatenate([rows, other])))) == 1_000
    zeros = np.zeros((2, 3), np.float32)
    zeros[1] *= -1
    assert len(set(prints(zeros))) == 1


def test_the_last_rows_that_were_seen_tell_when_to_stop():
    """No made row is watched, nor is one made of those that are; a detector that would is caught."""
    pytest.importorskip("torch")
    from oddflow.detectors import classifying  # noqa: PLC0415  (it needs torch)

    watched = []
    fit = classifying.fit_network

    def spy(network, loss, train, validation, *rest, **more):
        watched.append(validation[:, :-1].numpy())
        return fit(network, loss, train, validation, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifying, "fit_network", spy)
        gathered = labelled()
        options = {"epochs": 1, "augment": Augmentation("oversample", FEATURES, share=0.5)}
        archive = learn(gathered, detector="feed-forward-network", **options)
        assert [len(rows) for rows in watched] == [300 // 7 + 15 // 7 + 45 // 7] * 4 + [400 // 7 + 20 // 7 + 60 // 7]
        training = archive.manifest.training
        assert training.made_by == "oversample, to a share of 0.5"
        assert training.compared_rows == 400 + sum(len(rows) for rows in watched)
        patch.setattr(classifying, "last_seen", lambda kinds, made: np.arange(len(kinds)) >= len(kinds) - 5)
        with pytest.raises(LearningFailed, match="5 of the 5 rows that tell feed-forward-network when to stop were"):
            learn(gathered, detector="feed-forward-network", **options)


def test_a_detector_is_fitted_with_made_rows_and_none_to_test_on():
    problem = labelled_problem_for(registry.find("naive-bayes").reads)
    detector = registry.create("naive-bayes", FEATURES)
    test = normal_rows(50, 9)
    more = fit_augmented(detector, problem.x, problem.y, Augmentation("oversample", FEATURES, 1.0), unseen=test)
    assert more.made == (problem.y == 0).sum() - (problem.y > 0).sum()
    assert more.compared.rows == 50
    assert np.isfinite(detector.decision_function(test)).all()
    with pytest.raises(LearningFailed, match="are rows that were held back"):
        fit_augmented(detector, problem.x, problem.y, Maker(lambda s: with_attacks(s, test)), unseen=test)
    oversample = Augmentation("oversample", FEATURES)
    with pytest.raises(UsageError, match="only traffic makes such"):
        fit_augmented(registry.create("robust-pca", FEATURES), problem.x, None, oversample, unseen=test)


@pytest.mark.parametrize("made", [[True], [0.0] * 20, [True] * 20])
def test_marks_of_made_rows_are_checked(made):
    with pytest.raises(UsageError, match="made of robust-pca must say of 20 rows"):
        registry.create("robust-pca", FEATURES).fit(normal_rows(20, 0), made=np.array(made))


def test_rows_that_were_made_do_not_stop_a_detector_that_watches_the_last():
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="the last fifth of the rows tells autoencoder when to stop, and some were"):
        registry.create("autoencoder", FEATURES).fit(normal_rows(20, 0), made=np.arange(20) > 15)
