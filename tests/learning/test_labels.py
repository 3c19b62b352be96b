"""Labels from the truth to the sealed model: attacks teach, normal rows alone set the threshold."""

from dataclasses import replace

import numpy as np
import pytest

from oddflow.baselines import gather_dataset, gather_labelled
from oddflow.detectors import registry
from oddflow.errors import UsageError
from oddflow.features.representation import Reads
from oddflow.features.versions import represented
from oddflow.flows.settings import Payload
from oddflow.learning.labelled import baseline
from oddflow.learning.learn import STRETCHES, learn, splits
from oddflow.models.sealed import SealedModel
from tests.checks.problem import normal_rows
from tests.datasets.make import halves, rows_of

from .make import SECOND_NS, START_NS, gathered


def labelled(normal=400, attacks=40, *, at=None):
    """Normal rows a second apart, and attacks that end at the given shares of the time."""
    x = normal_rows(normal + attacks, 0)
    x[normal:, 9] = 50
    y = np.repeat([0, 1], [normal, attacks])
    when = np.linspace(0, 1, attacks) if at is None else np.resize(at, attacks)
    times = np.concatenate([np.arange(normal), np.round(when * (normal - 1))]).astype(np.int64)
    return gathered(x=x, y=y, times_ns=START_NS + SECOND_NS * times)


def test_each_split_learns_the_attacks_of_its_own_time_and_holds_back_normal_rows_alone():
    base = labelled()
    found = splits(base)
    assert len(found) == STRETCHES
    assert sum(len(split.held_back) for split in found) == 400
    for split in found:
        assert (split.held_back[:, 9] == 0).all()
        assert (split.known[:, 9] == 0).all()
        assert (split.attacks[:, 9] == 50).all()
        assert 20 < len(split.attacks) < 40
    assert sum(len(split.attacks) for split in found) == 3 * 40


def test_attacks_of_one_time_leave_the_splits_that_hold_them():
    found = splits(labelled(at=[0.9]))
    assert len(found) == STRETCHES - 1
    assert all(len(split.attacks) == 40 for split in found)


def test_detectors_that_need_no_labels_leave_attacks_out():
    with_attacks = labelled()
    without = gathered(x=with_attacks.x[:400], times_ns=with_attacks.times_ns[:400])
    assert learn(with_attacks, detector="robust-pca").parts == learn(without, detector="robust-pca").parts


def test_a_supervised_detector_says_what_it_needs():
    pytest.importorskip("sklearn")
    with pytest.raises(UsageError, match=r"--labels TRUTH\.csv or --dataset NAME"):
        learn(gathered(), detector="random-forest")
    with pytest.raises(UsageError, match="of 400 rows 0 are attacks"):
        learn(labelled(attacks=0), detector="random-forest")


SUPERVISED = [name for name in registry.names() if registry.installed(name) and registry.find(name).supervised]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in {"gradient-boosting", "hybrid"} else [])
        for name in SUPERVISED
        if registry.find(name).reads is Reads.TABULAR
    ],
)
def test_what_was_learnt_from_attacks_finds_them(name):
    archive = learn(labelled(), detector=name, seed=2)
    assert archive.manifest.training.fit_rows == 440
    assert archive.manifest.calibration.rows == 400
    assert archive.manifest.ranges[9].maximum == 0  # what is normal is told of normal rows
    model = SealedModel(archive)
    attacks = normal_rows(50, 7)
    attacks[:, 9] = 50
    assert np.median(model.scores(attacks)) > np.quantile(model.held_back, 0.99)
    assert learn(labelled(), detector=name, seed=2).parts == archive.parts


def test_a_data_set_gives_its_attacks_only_where_they_are_asked_for():
    rows = rows_of(np.arange(40, dtype=np.float32)[:, None])
    alone, both = baseline(rows, halves(rows)), baseline(rows, halves(rows), attacks=True)
    assert alone.y is None
    assert alone.x[:, 0].tolist() == list(range(0, 20, 2))
    assert both.x[:, 0].tolist() == list(range(20))
    assert both.y.tolist() == [0, 1] * 10
    assert both.flows == alone.flows == 10


VERSIONS = ("tabular-1", "portable-1", "sequence-1", "image-1", "several-1", "traffic-matrix-1", "names-1", "rates-1")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_learnt_of_labelled_flows_is_seen_again_as_far_back(version):
    features = represented(version, homes=(), context=None, payload=Payload.SESSION).features
    rows = replace(rows_of(np.zeros((8, len(features)))), features=features)
    known = baseline(rows, halves(rows))
    assert known.version == version
    again = represented(known.version, homes=(), context=known.context, payload=Payload.SESSION)
    assert again.context_settings == known.context


def test_a_data_set_sets_no_threshold_for_what_scores_packets(shared):
    with pytest.raises(UsageError, match="learn on the capture itself"):
        gather_dataset("modbus", shared, split="time", reads=Reads.PACKETS)


def test_what_learns_packets_takes_no_labels(tmp_path):
    with pytest.raises(UsageError, match="leave labels out"):
        gather_labelled(tmp_path / "x.pcap", truth=tmp_path / "t.csv", detector="kitnet")
