"""A fit that was broken off goes on to the same weights."""

import inspect
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from oddflow.detectors import registry
from oddflow.errors import LearningFailed, UsageError
from oddflow.training.run import Run, running
from tests.checks.problem import labelled_problem_for, problem_for
from tests.cli.call import COMMAND
from tests.cli.captures import capture

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

import oddflow  # noqa: E402
from oddflow.training.loop import Schedule, fit_network  # noqa: E402

NAMES = [name for name in registry.names() if registry.installed(name) and registry.learns_in_epochs(name)]
SMALL = {
    "epochs": 4,
    "batch_rows": 16,
    "hidden": 4,
    "width": 2,
    "code": 4,
    "latent": 14,
    "encoding": 3,
    "pretraining": 2,
    "patience": 3,
    "dropout": 0.2,
    "embedding": 4,
}


class Broken(Exception):
    """Whatever ends a fit."""


def small(name, told=None):
    own = inspect.signature(registry.find(name)).parameters
    options = {key: value for key, value in SMALL.items() if key in own and isinstance(own[key].default, (int, float))}
    return lambda features: registry.create(name, features, told=told, **options)


def fit(name, told=None):
    kind = registry.find(name)
    made = small(name, told)
    if kind.supervised:
        problem = labelled_problem_for(kind.reads)
        return made(problem.features).fit(problem.x[::12], problem.y[::12]).weights()
    problem = problem_for(kind.reads)
    return made(problem.features).fit(problem.train[:60]).weights()


@pytest.mark.parametrize("name", NAMES)
def test_every_detector_goes_on_where_it_stood(name, tmp_path):
    seen = []

    def broken(epoch):
        seen.append(epoch)
        if epoch.number == 2 and epoch.network is not None:
            raise Broken

    with running(Run(checkpoints=tmp_path)), pytest.raises(Broken):
        fit(name, broken)
    assert list(tmp_path.glob("fit-*.safetensors"))
    told = []
    with running(Run(checkpoints=tmp_path)):
        resumed = fit(name, told.append)
    assert told[0].network is None  # it was passed before
    whole = fit(name)
    for key, value in whole.items():
        assert np.array_equal(resumed[key], value), key


ROWS = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))


def fitted(*, rows=ROWS, width=2, told=None, seed=0, scale=lambda: 1.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Linear(width, 3))
    loss = lambda net, x: scale() * (net(x) - x).square().mean(dim=1)  # noqa: E731
    return network, fit_network(network, loss, rows[:40], rows[40:], Schedule(3, 16, seed=seed), told)


@pytest.mark.parametrize("other", [{"rows": ROWS + 1}, {"width": 1}, {"seed": 1}])
def test_a_checkpoint_of_another_fit_is_refused(other, tmp_path):
    with running(Run(checkpoints=tmp_path), "one"):
        fitted()
    with running(Run(checkpoints=tmp_path), "one"), pytest.raises(UsageError, match="another network, other rows"):
        fitted(**other)
    with (
        running(Run(checkpoints=tmp_path), "two"),
        pytest.raises(UsageError, match=r"fit-1\.safetensors is of another"),
    ):
        fitted()


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "fit-1.safetensors").write_bytes(b"not at all")
    with running(Run(checkpoints=tmp_path)), pytest.raises(UsageError, match="is no checkpoint"):
        fitted()


def test_a_fit_that_ended_is_not_learnt_again(tmp_path):
    with running(Run(checkpoints=tmp_path)):
        first, history = fitted()
    losses = []
    with running(Run(checkpoints=tmp_path)):
        again, recalled = fitted(told=lambda epoch: losses.append(epoch.network))
    assert losses == [None] * 3
    assert recalled == history
    assert torch.equal(first[0].weight, again[0].weight)


def test_a_fit_that_diverges_leaves_its_best_weights(tmp_path):
    passed = []

    with (
        running(Run(checkpoints=tmp_path)),
        pytest.raises(LearningFailed, match=r"epoch 3 .*the weights of epoch 2, .*"),
    ):
        fitted(told=passed.append, scale=lambda: float("inf") if len(passed) == 2 else 1.0)
    found = load_file(tmp_path / "fit-1.best.safetensors")
    assert all(torch.isfinite(value).all() for value in found.values())


@pytest.mark.slow
def test_a_command_that_was_killed_and_given_again_ends_with_the_same_model(tmp_path):
    source, model, folder = tmp_path / "x.pcap", tmp_path / "x.oddflow", tmp_path / "stands"
    source.write_bytes(capture())
    options = {"epochs": 40}
    told = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    words = [*COMMAND, "learn", str(source), "-o", str(model), "--checkpoints", str(folder), *told]
    with subprocess.Popen(words) as process:
        while not (folder / "fit-1.safetensors").exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert not model.exists()
    resumed = oddflow.learn(source, run=Run(checkpoints=folder), **options)
    whole = oddflow.learn(source, **options)
    assert resumed._archive.parts == whole._archive.parts
