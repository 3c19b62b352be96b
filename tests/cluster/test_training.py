"""Learning by Ray Train: two processes, one of them killed, and the model of a single one."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from oddflow import api
from oddflow.errors import UsageError
from oddflow.training.run import Run
from tests.checks.problem import normal_rows
from tests.learning.make import gathered

pytest.importorskip("torch")
pytest.importorskip("ray.train.torch")

from oddflow.cluster.training import RayTraining

EPOCHS = 4


def learnt(told=None, **run):
    return api.learn_gathered(
        gathered(60), detector="autoencoder", told=told, run=Run(**run), epochs=EPOCHS, batch_rows=16
    )


@pytest.fixture
def quick(monkeypatch):
    """Ray Train looks every fifth of a second whether its processes are well, not every other second."""
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")


def workers():
    """Processes of this Ray that learn."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"RayTrainWorker" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


@pytest.mark.parametrize("kills", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_processes_give_the_model_of_one_though_one_is_killed(ray_here, quick, tmp_path, kills):
    plain, told, killed = [], [], []
    one = learnt(plain.append)

    def watched(epoch):
        told.append(epoch)
        if kills and len(told) == EPOCHS + 1:  # in the second fit
            killed.extend(workers()[:1])
            os.kill(killed[0], signal.SIGKILL)

    two = learnt(watched, processes=2, elsewhere=RayTraining(), checkpoints=tmp_path)
    assert len(killed) == kills
    assert [(epoch.number, epoch.rows) for epoch in told] == [(epoch.number, epoch.rows) for epoch in plain]
    assert [epoch.train_loss for epoch in told] == pytest.approx([epoch.train_loss for epoch in plain], rel=1e-4)
    assert two.manifest.training.fit_losses == pytest.approx(one.manifest.training.fit_losses, rel=1e-4)
    assert two.manifest.provenance.sources == one.manifest.provenance.sources
    rows = normal_rows(40, 3)
    assert np.allclose(two.score(rows)[0], one.score(rows)[0], rtol=0.02)
    assert (tmp_path / "fit-1.safetensors").stat().st_size


def test_more_processes_than_the_cluster_has_are_refused(ray_here):
    with pytest.raises(UsageError, match="9 processes need a processor each, and the cluster has 2"):
        learnt(processes=9, elsewhere=RayTraining())
    with pytest.raises(UsageError, match="2 processes need a GPU each"):
        learnt(processes=2, device="cuda", elsewhere=RayTraining())


def test_what_is_learnt_at_once_needs_no_cluster():
    with pytest.raises(UsageError, match="isolation-forest is learnt at once"):
        api.learn_gathered(gathered(60), detector="isolation-forest", run=Run(elsewhere=RayTraining()))
