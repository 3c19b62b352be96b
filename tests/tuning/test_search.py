"""The search: honest, resumable, and cut short where it pays."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oddflow.datasets.rows import Split
from oddflow.detectors import registry
from oddflow.errors import InputError, UsageError
from tests.datasets.make import rows_of

from .make import material

optuna = pytest.importorskip("optuna")

from oddflow.tuning.folds import Dealing  # noqa: E402
from oddflow.tuning.material import Material  # noqa: E402
from oddflow.tuning.objective import Objective, Purpose, macro_f1  # noqa: E402
from oddflow.tuning.pruning import FIRST_FOLD_STEP  # noqa: E402
from oddflow.tuning.search import Plan, Search  # noqa: E402
from oddflow.tuning.space import space_of  # noqa: E402
from oddflow.tuning.tune import tune  # noqa: E402
from oddflow.tuning.workers import WORKER, myself, take_over  # noqa: E402

TWO = Dealing(2)


def quick(given=None, name="robust-pca", *, vary=(), fixed=None, measure="", **plan):
    return tune(
        given or material(),
        registry.find(name),
        plan=Plan(**{"trials": 4} | plan),
        dealing=TWO,
        vary=vary,
        fixed=fixed,
        measure=measure,
    )


def without_times(tuned):
    return [replace(trial, seconds=0, learning_s=0) for trial in tuned.trials]


class TestHonesty:
    def test_what_the_test_part_holds_changes_nothing(self):
        given = material()
        rows = rows_of(given.x, np.minimum(given.kinds, 1), names=[feature.name for feature in given.features])
        split = Split("some", np.arange(200), np.arange(200, 300))
        poisoned = replace(rows, x=rows.x.copy(), y=rows.y.copy())
        poisoned.x[200:] = 1e6 * np.random.default_rng(0).normal(size=poisoned.x[200:].shape)
        poisoned.y[200:] = 1 - poisoned.y[200:]
        found = [quick(Material.of_rows(one, split, most=150)) for one in (rows, poisoned)]
        assert without_times(found[0]) == without_times(found[1])
        poisoned.x[:200, 1:5] = poisoned.x[199::-1, 1:5]
        assert without_times(found[0]) != without_times(quick(Material.of_rows(poisoned, split, most=150)))

    def test_the_same_seed_gives_the_same_study_and_another_seed_another(self):
        assert without_times(quick()) == without_times(quick())
        assert without_times(quick()) != without_times(quick(seed=1))

    def test_detectors_of_normal_rows_learn_no_attack_and_each_family_counts_the_same(self):
        given = material(300, 60)
        objective = Objective.of(registry.find("robust-pca"), {}, given, dealing=TWO)
        assert objective.purpose is Purpose.FAMILIES
        assert not any(given.is_attack[fold.learnt].any() for fold in objective.folds)
        judged = objective.judge({}, 0)
        assert set(judged.families) == {"mixed", "reset"}
        assert judged.value == pytest.approx(np.mean(list(judged.families.values())))

    def test_a_family_is_judged_by_what_the_others_chose(self):
        tuned = quick(trials=6)
        done = [trial for trial in tuned.trials if trial.value is not None]
        for one, other in (("mixed", "reset"), ("reset", "mixed")):
            chosen = max(done, key=lambda trial, other=other: trial.families[other])
            said = next(left for left in tuned.left_out if left.family == one)
            assert said.chosen == pytest.approx(chosen.families[one])
            assert said.usual == pytest.approx(tuned.trials[0].families[one])

    def test_without_attacks_rows_are_planted_whose_values_are_all_in_range(self):
        objective = Objective.of(registry.find("robust-pca"), {}, material(attacks=0), dealing=TWO)
        assert objective.purpose is Purpose.PLANTED
        assert 0.6 < objective.judge({}, 0).value <= 1

    @pytest.mark.parametrize(
        ("name", "said"), [("histograms", "each column by itself"), ("random-forest", "give --truth")]
    )
    def test_what_cannot_be_judged_without_labels_says_so(self, name, said):
        with pytest.raises(UsageError, match=said):
            quick(material(attacks=0), name)

    def test_kinds_of_attack_are_told_apart_where_that_is_measured(self):
        tuned = quick(
            name="feed-forward-network", measure="macro-f1", trials=1, fixed={"epochs": 30, "learning_rate": 0.02}
        )
        assert 0.4 < tuned.value <= 1
        with pytest.raises(UsageError, match="does not tell kinds"):
            quick(measure="macro-f1")

    def test_macro_f1_of_one_mistake(self):
        assert macro_f1(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


class TestStudy:
    def test_it_goes_on_where_it_ended_and_draws_what_it_would_have_drawn(self, tmp_path):
        file = str(tmp_path / "study.sqlite")
        quick(trials=3, study=file)
        assert without_times(quick(trials=6, study=file)) == without_times(quick(trials=6))

    def test_a_study_of_something_else_is_refused(self, tmp_path):
        file = str(tmp_path / "study.sqlite")
        quick(trials=1, study=file)
        with pytest.raises(UsageError, match="another space"):
            quick(trials=2, study=file, vary=["core=0.6..1"])
        with pytest.raises(UsageError, match="another rows"):
            quick(material(seed=3), trials=2, study=file)
        (tmp_path / "no.sqlite").write_bytes(b"no database at all" * 100)
        with pytest.raises(InputError, match="cannot be used as a study"):
            quick(study=str(tmp_path / "no.sqlite"))

    def test_killed_in_the_middle_it_loses_no_trial_and_ends_as_if_it_had_not_been(self, tmp_path):
        file = str(tmp_path / "study.sqlite")
        child = subprocess.Popen([sys.executable, "-c", CHILD, file], cwd=Path.cwd(), stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"two\n"
        time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        before = [
            trial.number
            for trial in optuna.load_study(study_name="oddflow", storage=f"sqlite:///{file}").trials
            if trial.state == optuna.trial.TrialState.COMPLETE
        ]
        assert len(before) >= 2
        tuned = quick(trials=6, study=file)
        assert {trial.number for trial in tuned.trials} >= set(before)
        assert [trial.params for trial in tuned.trials] == [trial.params for trial in quick(trials=6).trials]

    @pytest.mark.parametrize("drawn", [0, 1, None])
    def test_a_trial_cut_off_while_it_was_drawn_is_drawn_whole_again(self, tmp_path, drawn):
        file, kind, given = str(tmp_path / "study.sqlite"), registry.find("robust-pca"), material()
        quick(given, trials=2, study=file)
        space = space_of(kind, {})
        assert len(space) > 1
        search = Search(Objective.of(kind, {}, given, dealing=TWO), space, Plan(trials=4, study=file))
        search.study.sampler = search._sampler()
        trial = search.study.ask()
        for one in space[:drawn]:
            one.drawn(trial)
        found = quick(given, trials=4, study=file)
        assert [trial.params for trial in found.trials] == [trial.params for trial in quick(given, trials=4).trials]

    def test_a_trial_whose_worker_lives_is_left_to_it(self, tmp_path):
        given = material()
        kind = registry.find("robust-pca")
        objective = Objective.of(kind, {}, given, dealing=TWO)
        plan = Plan(trials=2, study=str(tmp_path / "study.sqlite"))
        search = Search(objective, space_of(kind, {}), plan)
        running = search.study.ask()
        running.set_user_attr(WORKER, myself())
        assert take_over(search.study) == 0
        running.set_user_attr(WORKER, myself().rpartition(" ")[0] + " 1")
        assert take_over(search.study) == 1

    def test_time_that_is_up_ends_it_after_the_first_trial(self):
        assert len(quick(trials=50, timeout_s=1e-6).trials) == 1


class TestSeveralAtOnce:
    def test_chance_alone_draws_the_same_trials_however_many_are_drawn(self):
        alone = quick(trials=5, sampler="random")
        assert without_times(quick(trials=5, sampler="random", at_once=3)) == without_times(alone)

    def test_a_search_that_learns_knows_no_more_than_was_judged_when_it_drew(self):
        alone, several = (quick(trials=12, at_once=count) for count in (1, 4))
        params = [[trial.params for trial in found.trials] for found in (alone, several)]
        assert params[0][:10] == params[1][:10], "tpe begins with ten by chance"
        assert params[0][10:] != params[1][10:]

    def test_broken_off_it_goes_on_with_those_that_it_had_drawn(self, tmp_path):
        file = str(tmp_path / "study.sqlite")
        assert len(quick(trials=6, at_once=4, timeout_s=1e-6, study=file).trials) == 1
        found = quick(trials=6, at_once=4, study=file)
        assert [trial.params for trial in found.trials] == [trial.params for trial in quick(trials=6, at_once=4).trials]

    def test_a_pool_judges_as_the_search_does(self):
        objective = {"kind": registry.find("robust-pca"), "dealing": TWO, "plan": Plan(trials=5, at_once=2)}
        with ThreadPoolExecutor(1) as pool:
            assert without_times(tune(material(), **objective, pool=pool)) == without_times(
                tune(material(), **objective)
            )


CHILD = """
import sys, time
from oddflow.detectors import registry
from oddflow.tuning.folds import Dealing
from oddflow.tuning.search import Plan
from oddflow.tuning.tune import tune
from tests.tuning.make import material

def told(told):
    if told.done == 2:
        print("two", flush=True)
    elif told.done > 2:
        time.sleep(60)

tune(material(), registry.find("robust-pca"), plan=Plan(trials=6, study=sys.argv[1]), dealing=Dealing(2), listener=told)
"""


@pytest.mark.parametrize("name", ["autoencoder", "ensemble", "feed-forward-network"])
def test_the_first_trial_is_what_is_usual_of_numbers_and_words(name):
    pytest.importorskip("torch")
    kind = registry.find(name)
    search = Search(Objective.of(kind, {}, material(), dealing=TWO), space_of(kind, {}), Plan())
    search.study.enqueue_trial(search.usual())
    trial = search.study.ask()
    words = {one.option: one.drawn(trial) for one in search.space}
    assert trial.params == search.usual()
    assert set(words) == set(search.usual())


class TestWays:
    @pytest.mark.parametrize("sampler", ["random", "genetic", "grid"])
    def test_each_sampler_begins_with_what_is_usual(self, sampler):
        tuned = quick(sampler=sampler)
        assert tuned.trials[0].params == {"variance": 0.9, "core": 1.0, "scaling": "by-service"}
        assert tuned.usual == tuned.trials[0].value
        assert len({str(trial.params) for trial in tuned.trials}) == 4

    def test_a_grid_ends_when_all_its_points_are_done(self):
        tuned = quick(sampler="grid", trials=50, fixed={"core": 1.0, "variance": 0.9})
        assert sorted(trial.params["scaling"] for trial in tuned.trials) == sorted(
            ["by-service", "log", "z-score", "min-max", "maximum", "quantile"]
        )

    def test_two_goals_give_a_front(self):
        tuned = quick(name="histograms", cost="parameters", sampler="genetic", trials=6)
        by_number = {trial.number: trial for trial in tuned.trials}
        front = [by_number[number] for number in tuned.front]
        assert front
        for one in front:
            assert not any(other.value > one.value and other.parameters < one.parameters for other in tuned.trials)

    def test_columns_are_chosen_and_those_that_matter_stay(self):
        given = material(attacks=80)
        given.x[given.is_attack, 1:9] = given.x[~given.is_attack][:80, 1:9]  # only the last column tells half of them
        tuned = quick(given, "histograms", columns=True, sampler="genetic", trials=12)
        assert tuned.columns
        assert "never" in tuned.columns
        assert tuned.words == {"only": ",".join(tuned.columns)}
        assert tuned.value >= tuned.usual

    def test_words_that_are_none_are_refused(self):
        for plan, said in (
            ({"sampler": "guess"}, "--sampler must be"),
            ({"pruner": "axe"}, "--pruner must be"),
            ({"cost": "euros"}, "--cost must be"),
            ({"columns": True}, "--sampler genetic"),
            ({"trials": 0}, "--trials must be"),
        ):
            with pytest.raises(UsageError, match=said):
                Plan(**plan)


class TestPruning:
    def test_folds_that_are_worse_than_most_end_a_trial(self):
        tuned = quick(
            material(), "isolation-forest", vary=["trees=1..60:log", "samples=2..256:log"], trials=14, sampler="random"
        )
        early = [trial for trial in tuned.trials if trial.state == "pruned"]
        assert early
        assert all(len(trial.folds) == 1 and not trial.why for trial in early)
        full = [trial.folds[0] for trial in tuned.trials if trial.value is not None]
        assert max(trial.folds[0] for trial in early) < max(full)

    @pytest.mark.parametrize("pruner", ["median", "halving"])
    def test_epochs_that_go_worse_than_others_end_a_trial(self, pruner):
        pytest.importorskip("torch")
        tuned = quick(
            name="autoencoder",
            fixed={"scaling": "z-score", "epochs": 10, "sparse": 0.0, "noise": 0.0, "dropout": 0.0, "hidden": (8, 4),
                   "batch_rows": 64, "loss": "huber"},  # losses of other kinds are not compared
            vary=["learning_rate=1e-6..1e-2:log"],
            pruner=pruner,
            sampler="random",
            trials=10,
        )  # fmt: skip
        early = [trial for trial in tuned.trials if trial.state == "pruned"]
        assert any(not trial.folds and 0 < len(trial.steps) < 10 for trial in early)
        rates = [trial.params["learning_rate"] for trial in early]
        assert np.median(rates) < np.median([trial.params["learning_rate"] for trial in tuned.trials])
        assert all(step < FIRST_FOLD_STEP for trial in early if not trial.folds for step in trial.steps)


def test_what_diverges_is_bad_and_not_the_end():
    pytest.importorskip("torch")
    tuned = quick(
        name="autoencoder",
        fixed={
            "epochs": 2,
            "hidden": (4,),
            "dropout": 0.0,
            "noise": 0.0,
            "sparse": 0.0,
            "scaling": "log",
            "batch_rows": 64,
        },
        vary=["learning_rate=1e-3..1e29:log"],
        sampler="random",
        trials=4,
        pruner="none",
    )
    assert any("diverged" in trial.why for trial in tuned.trials)
    assert tuned.words["learning_rate"] == "0.002"
    assert all(trial.value is None for trial in tuned.trials if trial.why)
