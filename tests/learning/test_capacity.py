import numpy as np
import pytest

from oddflow.errors import UsageError
from oddflow.learning.capacity import Ground, by_option, by_rows, trials
from tests.checks.problem import FEATURES, normal_rows, odd_rows

from .make import gathered


def labelled(count=200, attacks=60):
    x = np.concatenate([normal_rows(count, 0), odd_rows(attacks, 1)])
    order = np.random.default_rng(5).permutation(len(x))
    y = np.repeat([0, 2], [count, attacks])
    made = gathered(x=x[order], times_ns=np.arange(len(x)) * 10**9, features=FEATURES)
    made.y = y[order]
    return made


def test_validation_is_the_last_in_time_and_never_learnt():
    made = labelled()
    ground = Ground.of(made)
    normal = made.x[made.y == 0]
    np.testing.assert_array_equal(ground.fit, normal[:160])
    np.testing.assert_array_equal(ground.validation, normal[160:])
    edge = np.flatnonzero(made.y == 0)[160]
    np.testing.assert_array_equal(ground.held_attacks, made.x[edge:][made.y[edge:] > 0])
    assert len(ground.attacks) == len(ground.kinds)
    assert len(ground.attacks) + len(ground.held_attacks) == 60


def test_rows_without_times_are_drawn_by_the_seed():
    made = labelled()
    one, same, other = (Ground.of(made, shuffled=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.validation, same.validation)
    assert not np.array_equal(one.validation, other.validation)
    together = {row.tobytes() for row in np.concatenate([one.fit, one.validation])}
    assert together == {row.tobytes() for row in made.x[made.y == 0]}


def test_fewer_rows_are_among_more():
    ground = Ground.of(labelled())
    few, more = ({row.tobytes() for row in ground.thinned(count, 3).fit} for count in (20, 80))
    assert (len(few), len(more)) == (20, 80)
    assert few < more
    assert len(ground.thinned(80, 3).attacks) == round(len(ground.attacks) / 2)


def test_each_value_is_learnt_by_each_seed():
    made = labelled()
    ground = Ground.of(made)
    found = list(trials(ground, made, "robust-pca", by_rows(ground, [40, 160], {}), [0, 1]))
    assert [(trial.value, trial.seed, trial.rows) for trial in found] == [
        ("40", 0, 40), ("40", 1, 40), ("160", 0, 160), ("160", 1, 160),
    ]  # fmt: skip
    assert min(trial.validation_area for trial in found) > 0.6
    assert all(np.isnan(trial.validation_loss) for trial in found)


def test_a_network_tells_its_losses_and_its_size():
    pytest.importorskip("torch")
    made = labelled()
    ground = Ground.of(made)
    name, values = by_option("autoencoder", "hidden=1/8", {"epochs": 8})
    small, large = trials(ground, made, "autoencoder", values, [0])
    assert name == "hidden"
    assert small.weights < large.weights
    assert small.train_loss > large.train_loss
    assert (small.epochs, small.ran_out) == (8, True)


def test_a_supervised_detector_learns_early_attacks_and_is_judged_by_late_ones():
    pytest.importorskip("sklearn")
    made = labelled()
    ground = Ground.of(made)
    (found,) = trials(ground, made, "decision-tree", by_rows(ground, [160], {}), [0])
    assert found.train_area > 0.9
    assert found.validation_area > 0.5


@pytest.mark.parametrize("text", ["hidden", "hidden=4", "=4/8", "hidden=/", ""])
def test_a_curve_needs_two_values(text):
    with pytest.raises(UsageError, match="like hidden=4/8/16"):
        by_option("robust-pca", text, {})


def test_what_cannot_be_learnt_is_refused():
    ground = Ground.of(labelled())
    with pytest.raises(UsageError, match="from 2 to 160"):
        by_rows(ground, [1_000], {})
    with pytest.raises(UsageError, match="too few for curves"):
        Ground.of(labelled(count=30))
