"""Models that begin from models, and rows that lost their labels: what the front door says and seals."""

from dataclasses import replace

import numpy as np
import pytest

from oddflow import api
from oddflow.errors import UsageError
from oddflow.learning.unlabelled import some_labels, without_labels
from tests.checks.problem import normal_rows
from tests.learning.make import gathered

torch = pytest.importorskip("torch")

from safetensors.numpy import load  # noqa: E402

from oddflow.detectors import registry  # noqa: E402
from oddflow.learning.check import overfit  # noqa: E402
from oddflow.learning.transfer import Origin  # noqa: E402
from oddflow.models.format import WEIGHTS  # noqa: E402
from oddflow.training.beginning import Beginning  # noqa: E402
from oddflow.training.run import Run, running  # noqa: E402

QUICK = {"detector": "autoencoder", "epochs": 2, "hidden": (8, 4)}
NETWORK = {"detector": "feed-forward-network", "epochs": 2, "hidden": (8,)}


def weights(model):
    return load(model.parts[WEIGHTS])


def labelled(count=400, seed=0):
    """Every fourth row is an attack, whose first size is a thousand times as large."""
    kinds = (np.arange(count) % 4 == 3).astype(np.int64)
    rows = normal_rows(count, seed)
    rows[kinds > 0, 1] *= 1_000
    return gathered(x=rows, y=kinds)


@pytest.fixture(scope="module")
def office():
    return api.learn_gathered(gathered(), **QUICK)


def test_a_model_begins_from_a_model_and_says_so(office):
    other = api.learn_gathered(gathered(seed=1), origin=Origin(office, 1, 0.5), **QUICK)
    old, new = weights(office), weights(other)
    still = {"encoder.0.weight", "encoder.0.bias"}
    assert {name for name in old if np.array_equal(new[name], old[name])} == still
    said = other.manifest.training.begun_from
    assert said == f"{len(old)} weights of autoencoder {office.fingerprint}, 1 layers still, others at 0.5 of the rate"


def test_without_an_origin_it_says_nothing_and_is_as_it_was(office):
    assert office.manifest.training.begun_from == ""
    again = api.learn_gathered(gathered(), labelled_share=1.0, unlabelled=None, origin=None, **QUICK)
    assert again.parts[WEIGHTS] == office.parts[WEIGHTS]


def test_other_columns_other_detectors_and_other_layers_are_refused(office):
    origin = Origin(office)
    fewer = gathered(x=normal_rows(400, 0)[:, :5], features=gathered().features[:5])
    with pytest.raises(UsageError, match="looks at other columns than these rows have"):
        api.learn_gathered(fewer, origin=origin, **QUICK)
    with pytest.raises(UsageError, match="give --from a model of the same detector and options"):
        api.learn_gathered(gathered(), origin=origin, **QUICK | {"detector": "deep-belief-network"})
    with pytest.raises(UsageError, match="robust-pca is learnt at once"):
        api.learn_gathered(gathered(), origin=origin, detector="robust-pca")
    with pytest.raises(UsageError, match="a model of generative-adversarial-network has not all that it learns"):
        api.learn_gathered(gathered(), origin=origin, detector="generative-adversarial-network")
    with pytest.raises(UsageError, match="would stand still"):
        api.learn_gathered(gathered(), origin=Origin(office, 9), **QUICK)
    for frozen, rate in ((-2, 1.0), (0, 0.0), (0, 1.5)):
        with pytest.raises(UsageError, match=r"--(frozen|lower-rate) must be"):
            Origin(office, frozen, rate)


def test_other_services_have_other_columns_unless_they_are_hashed():
    rows = normal_rows(200, 2)
    rows[:, 0] = np.where(rows[:, 0] == 22, 80, rows[:, 0])
    rows[::9, 0] = 8080

    def begun(frozen, **options):
        made = [registry.create("autoencoder", gathered(2).features, epochs=1, **options) for _ in range(2)]
        old = made[0].fit(normal_rows(200, 0)).weights()
        beginning = Beginning({name: torch.tensor(value) for name, value in old.items()}, frozen)
        with running(Run(), beginning=beginning):
            made[1].fit(rows)
        return beginning

    assert "encoder.0" in begun(0).left
    with pytest.raises(UsageError, match="learn both with --option categories=hashing"):
        begun(1)
    assert begun(1, categories="hashing").left == set()


def test_the_check_begins_from_the_model_too(office):
    assert overfit(gathered(), "autoencoder", hidden=(8, 4), origin=Origin(office)).passed
    with pytest.raises(UsageError, match="nothing of autoencoder"):
        overfit(gathered(), "autoencoder", hidden=(8, 4, 2), origin=Origin(office))


def test_a_share_of_each_kind_keeps_its_label():
    told = labelled(1_000)
    kept, others = some_labels(told, 0.1, seed=0)
    assert np.bincount(kept.y).tolist() == [75, 25]
    assert len(others) == 900
    both = np.concatenate([kept.x, others])
    assert np.array_equal(np.sort(both, axis=0), np.sort(told.x, axis=0))
    assert kept.flows == told.flows  # the network is as busy as it was
    assert np.array_equal(some_labels(told, 0.1, seed=0)[1], others)
    assert not np.array_equal(some_labels(told, 0.1, seed=1)[1], others)
    assert np.bincount(some_labels(told, 0.001, seed=0)[0].y).tolist() == [2, 2]


def test_rows_without_labels_are_counted_and_their_source_is_named():
    beside = gathered(60, seed=3)
    beside.seen[0].name = "nobody-knows.pcap"
    model = api.learn_gathered(labelled(), unlabelled=beside, labelled_share=0.5, **NETWORK)
    assert model.manifest.training.unlabelled_rows == 60 + 200
    assert [source.name for source in model.manifest.provenance.sources] == ["office.pcap", "nobody-knows.pcap"]


def test_rows_of_other_columns_and_shares_out_of_bounds_are_refused():
    told = labelled()
    fewer = replace(gathered(), features=told.features[:5])
    with pytest.raises(UsageError, match="must have the columns of those with labels"):
        without_labels(told, fewer, 1.0, seed=0)
    for share in (0, -1, 1.5):
        with pytest.raises(UsageError, match="--labelled-share must be above 0 and at most 1"):
            without_labels(told, None, share, seed=0)
    with pytest.raises(UsageError, match="goes with labelled flows"):
        without_labels(gathered(), None, 0.5, seed=0)
    with pytest.raises(UsageError, match="autoencoder has no use for rows without labels"):
        api.learn_gathered(gathered(), unlabelled=gathered(), **QUICK)
    with pytest.raises(UsageError, match="a perceptron knows no probabilities"):
        api.learn_gathered(labelled(), unlabelled=gathered(), network="perceptron", **NETWORK)
