"""Whether a network can learn a few rows by heart, and what else the front door says of learning."""

import numpy as np
import pytest

from oddflow import api
from oddflow.errors import UsageError
from oddflow.training.run import Run
from tests.checks.problem import normal_rows
from tests.cli.call import call, refused
from tests.cli.captures import capture
from tests.learning.make import gathered

pytest.importorskip("torch")

from oddflow.learning.check import ROWS, overfit


def test_a_network_that_learns_passes_and_one_that_stands_still_fails():
    found = overfit(gathered(), "autoencoder")
    assert (found.passed, found.rows, found.advice) == (True, ROWS, "")
    assert found.last < found.first / 10
    still = overfit(gathered(), "autoencoder", learning_rate=0.0)
    assert not still.passed
    assert "raise learning_rate" in still.advice


def test_a_network_of_labels_is_shown_both_kinds():
    labels = np.arange(400) % 2
    assert overfit(gathered(y=labels), "feed-forward-network").passed
    with pytest.raises(UsageError, match="needs both"):
        overfit(gathered(y=0 * labels), "feed-forward-network")


@pytest.mark.parametrize("name", ["robust-pca", "generative-adversarial-network", "variational-autoencoder"])
def test_what_has_no_loss_that_falls_to_0_is_refused(name):
    with pytest.raises(UsageError, match=f"{name} has no loss that would fall to 0"):
        overfit(gathered(), name)


def test_learn_checks_in_place_of_a_model(tmp_path):
    source = tmp_path / "x.pcap"
    source.write_bytes(capture())
    passed = call("learn", source, "--check", "--json")
    assert (passed.code, passed.json["passed"]) == (0, True)
    refused(call("learn", source, "--check", "--option", "learning_rate=0"), "check failed", "raise learning_rate")
    refused(call("learn", source), "expected -o MODEL.oddflow")
    refused(call("learn", source, "-o", tmp_path / "m", "--processes", "2", "--detector", "robust-pca"), "at once")
    refused(
        call("learn", source, "-o", tmp_path / "m", "--memory", "much"),
        "expected a size like 512MiB or 2GiB; 'much' given",
    )
    refused(
        call("learn", source, "-o", tmp_path / "m", "--option", "clip=-1"), "clip of autoencoder must be 0.0 or more"
    )


def learnt(run):
    return api.learn_gathered(gathered(60), detector="autoencoder", run=run, epochs=2, batch_rows=16)


@pytest.fixture(scope="module")
def plain():
    return learnt(None)


def test_rows_in_a_file_give_the_same_model(plain):
    assert learnt(Run(memory_bytes=64))._archive.parts == plain._archive.parts


def test_two_processes_give_the_same_model_up_to_rounding(plain):
    pytest.importorskip("lightning_fabric")
    shared = learnt(Run(processes=2))
    assert shared.manifest.training.fit_losses == pytest.approx(plain.manifest.training.fit_losses, rel=1e-4)
    rows = normal_rows(40, 3)
    assert np.allclose(shared.score(rows)[0], plain.score(rows)[0], rtol=0.02)


def test_the_manifest_has_the_norms_of_gradients(plain):
    least, median, most = plain.manifest.training.gradients["encoder.0.weight"]
    assert 0 < least <= median <= most
