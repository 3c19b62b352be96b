"""The manifest's view: known keys in order, absent and strange ones without harm."""

import pytest
from hypothesis import given
from hypothesis.strategies import (
    booleans,
    dictionaries,
    floats,
    integers,
    lists,
    none,
    recursive,
    sampled_from,
)
from tests.reports.factory import MODEL

from oddflow.reports.manifest import manifest_view, model_name

KEYS = [
    "detector",
    "features",
    "parts",
    "provenance",
    "training",
    "calibration",
    "metrics",
    "losses",
    "range",
    "name",
]
json_values = recursive(
    none() | booleans() | integers() | floats() | sampled_from(["", "a", "\0<b>"]),
    lambda inner: lists(inner, max_size=3) | dictionaries(sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@given(dictionaries(sampled_from(KEYS), json_values))
def test_any_manifest_has_a_view(model):
    manifest_view(model)
    model_name(model)


def test_groups_come_in_the_order_in_which_people_ask():
    view = manifest_view(MODEL)
    assert [title for title, _ in view.groups] == ["Model", "Baseline", "Training", "Calibration", "Metrics"]
    assert view.groups[0][1][0] == ("Detector", "variational_autoencoder")
    assert ("Metered", "9,099,120 of 9,100,400 packets") in view.groups[1][1]
    assert ("ROC AUC", "0.9921") in view.groups[4][1]


def test_features_show_their_range_and_unit():
    view = manifest_view(MODEL)
    assert (view.features[0].low, view.features[0].high) == ("0", "3")
    assert view.features[3].low == "–"
    assert view.units["gap_mean"] == ("s", "log")


@pytest.mark.parametrize("item", [{"name": "a", "range": [1, 2]}, {"name": "a", "min": 1, "max": 2}])
def test_ranges_are_found_under_other_names(item):
    feature = manifest_view({"features": [item]}).features[0]
    assert (feature.low, feature.high) == ("1", "2")


def test_a_seed_is_not_grouped():
    assert ("Seed", "20260") in manifest_view({"provenance": {"seed": 20260}}).groups[0][1]


@pytest.mark.parametrize(("detector", "name"), [("pca", "pca"), ({"name": "pca"}, "pca"), (None, "–"), ({}, "–")])
def test_model_name(detector, name):
    assert model_name({"detector": detector}) == name
