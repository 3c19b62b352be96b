"""Rows in several places give the model of rows in one, part for part."""

from dataclasses import replace

import numpy as np
import pytest

from oddflow.detectors import binned
from oddflow.errors import UsageError
from oddflow.learning import known, learn, over_shares
from oddflow.models import measure, scaling, scaling_shares, usual
from oddflow.models.sketches.shares import Stretch, Together, merged, passed_over
from tests.learning.make import START_NS, gathered

ROWS = 900


class Apart:
    """Rows in the order in which they were gathered, cut in pieces; the last is passed over first."""

    def __init__(self, x, places, cuts):
        self.pieces = list(zip(np.split(x, cuts), np.split(places, cuts), strict=True))

    def told(self, look, stretch):
        return merged([passed_over(look, stretch, x, places) for x, places in reversed(self.pieces)])


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    """Bounds that take hundreds of thousands of rows to reach are reached by hundreds."""
    for module in (learn, over_shares):
        monkeypatch.setattr(module, "CROSS_AT_MOST", 500)
    for module in (scaling, scaling_shares):
        monkeypatch.setattr(module, "FIT_ROWS", 301)
    monkeypatch.setattr(binned, "_FIT_ROWS", 299)
    for module in (usual, known):
        monkeypatch.setattr(module, "MOST_ROWS", 250)
    for module in (measure, known):
        monkeypatch.setattr(module, "ROOM", 520)


def baseline():
    """Rows that did not end in the order in which they were gathered, some at the same time."""
    chance = np.random.default_rng(3)
    times_ns = START_NS + 1_000_000_000 * chance.integers(0, 700, ROWS)
    return gathered(ROWS, times_ns=times_ns, hosts=chance.integers(0, 9, ROWS).astype(np.uint32))


def apart(one, cuts):
    return replace(one, x=one.x[:0]), Apart(one.x, over_shares.places_of(one.times_ns), cuts)


def facts(archive):
    """A manifest without what tells when it was made."""
    told = archive.manifest.model_dump()
    del told["created"], told["provenance"]["durations_s"]
    return told


@pytest.mark.parametrize("cuts", [[], [1], [200, 205, 700]])
@pytest.mark.parametrize(
    ("detector", "options"),
    [
        ("robust-pca", {}),
        ("robust-pca", {"variance": 0.5, "categories": "hashing", "seed": 3}),
        ("histograms", {}),
        ("histograms", {"bins": 3}),
    ],
)
def test_any_cut_gives_the_model_of_all_rows_together(cuts, detector, options):
    one = baseline()
    together = learn.learn(one, detector=detector, **options)
    found = over_shares.learn_shares(*apart(one, cuts), detector=detector, **options)
    assert found.parts == together.parts
    assert facts(found) == facts(together)


@pytest.mark.parametrize(
    ("detector", "options", "why"),
    [
        ("robust-pca", {"core": 0.9}, "core"),
        ("robust-pca", {"scaling": "z-score"}, "by-service"),
        ("robust-pca", {"categories": "embedding"}, "one-hot or hashed"),
        ("robust-pca", {"only": ("service", "role")}, "all rows at once"),
        ("isolation-forest", {}, "all rows at once"),
        ("robust-pca", {"variance": 2}, "variance"),
    ],
)
def test_what_needs_all_rows_at_once_says_so(detector, options, why):
    pytest.importorskip("sklearn")
    one = baseline()
    if "only" in options:
        options = {"only": tuple(feature.name for feature in one.features[:2])}
    with pytest.raises(UsageError, match=why):
        over_shares.learn_shares(*apart(one, [100]), detector=detector, **options)


def test_few_rows_are_to_be_brought_together():
    one = gathered(400)
    with pytest.raises(UsageError, match="bring them together"):
        over_shares.learn_shares(*apart(one, [100]), detector="robust-pca")


def test_a_stretch_is_the_rows_that_a_sample_of_them_takes():
    x = np.arange(100, dtype=np.float32)[:, None]
    stretch = Stretch(20, 90, 33)
    taken = x[20:90][np.linspace(0, 69, 33).astype(np.int64)]
    assert np.array_equal(x[stretch.holds(np.arange(100))], taken)
    assert stretch.rows == len(taken)
    assert Stretch(20, 50, 33).rows == 30


def test_rows_in_one_place_are_passed_over_piece_by_piece():
    one = baseline()
    order = np.argsort(one.times_ns, kind="stable")
    whole = over_shares.learn_shares(replace(one, x=one.x[:0]), Together(one.x[order], 64), detector="robust-pca")
    assert whole.parts == learn.learn(one, detector="robust-pca").parts
