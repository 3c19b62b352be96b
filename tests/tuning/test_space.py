"""Where options are looked for, of every detector that there is."""

import pytest

from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.representation import Reads
from oddflow.tuning.space import default_of, options_of, space_of
from tests.checks.problem import FEATURES

optuna = pytest.importorskip("optuna")

NAMES = [name for name in registry.names() if registry.installed(name)]


@pytest.mark.parametrize("name", NAMES)
def test_every_detector_can_be_tuned(name):
    kind = registry.find(name)
    space = space_of(kind, {})
    assert space
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        trial = study.ask()
        words = {one.option: one.drawn(trial) for one in space}
        made = registry.create(kind, FEATURES, **options_of(kind, words))
        made._check_options()
        assert all(one.holds(trial.params[one.option]) for one in space)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_usual_lies_inside_and_so_do_both_ends(name):
    kind = registry.find(name)
    for one in space_of(kind, {}):
        assert one.holds(default_of(kind, one.option)), one
        for value in one.grid():
            registry.create(kind, FEATURES, **options_of(kind, {one.option: str(value)}))._check_options()


def test_a_range_of_ones_own_takes_the_place_of_the_usual_one():
    kind = registry.find("isolation-forest")
    ranges = {one.option: str(one) for one in space_of(kind, {}, ["trees=2..8:log"])}
    assert ranges["trees"] == "trees=2..8:log"
    assert "samples" in ranges
    assert "trees" not in {one.option for one in space_of(kind, {"trees": 5})}


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("wings=1..2", "has no option 'wings' to vary"),
        ("trees=8..2", "cannot be varied over"),
        ("trees=a..b", "cannot be varied over"),
        ("trees=0..4", "must be from 1"),
        ("columns=0..1:log", "begin above 0"),
        ("trees=some", "cannot be 'some'"),
    ],
)
def test_what_is_no_range_is_refused(vary, said):
    with pytest.raises(UsageError, match=said):
        space_of(registry.find("isolation-forest"), {}, [vary])


def test_the_pace_of_learning_is_varied_where_it_is_asked_for():
    pytest.importorskip("torch")
    kind = registry.find("autoencoder")
    assert "schedule" not in {one.option for one in space_of(kind, {})}
    asked = {one.option: one for one in space_of(kind, {}, ["schedule", "clip", "epochs=5..20"])}
    assert {"constant", "cosine"} <= set(asked["schedule"].words)
    assert (asked["clip"].high, asked["epochs"].whole) == (10, True)


def test_an_option_is_told_or_varied():
    with pytest.raises(UsageError, match="both told and varied"):
        space_of(registry.find("isolation-forest"), {"trees": 5}, ["trees=1..4"])


def test_trees_are_not_offered_scalings_and_readers_of_bytes_neither():
    for name in ("random-forest", "convolutional-network", "packet-segmentation"):
        kind = registry.find(name)
        offered = "scaling" in {one.option for one in space_of(kind, {})}
        assert offered == (kind.encodes and kind.reads is Reads.TABULAR)
