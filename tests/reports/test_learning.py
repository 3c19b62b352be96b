"""The page of one learning, and that of a curve: what they say, and that nothing in them can act."""

import math
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.reports.test_page import Outline

from oddflow.losses import Ledger, Loss
from oddflow.models.manifest import (
    FORMAT_VERSION,
    Calibration,
    Manifest,
    Provenance,
    SealedFeature,
    Source,
    Training,
    schema_sha256,
)
from oddflow.reports import curves, learning
from oddflow.reports.fits import Fit
from oddflow.reports.lines import Scale, losses_chart, path
from oddflow.reports.trials import Curve, Trial, told

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"
HELD_BACK = np.sort(np.random.default_rng(0).gamma(4, 0.2, 500).astype(np.float32))


def manifest(name="office.pcap", losses=()):
    features = [SealedFeature(name=name, unit="", scale="linear", words=name)]
    return Manifest(
        format_version=FORMAT_VERSION, created="2026-01-01T00:00:00Z", oddflow_version="1", detector="autoencoder",
        features=features, feature_schema_version="flows 1", feature_schema_sha256=schema_sha256(features), ranges=[],
        options={"epochs": 40}, provenance=Provenance(sources=[Source(name=name, sha256="0" * 64)]),
        training=Training(fit_rows=400, validation_rows=100, calibration_rows=500, epochs=len(losses),
                          fit_losses=list(losses), validation_losses=[loss + 0.01 for loss in losses]),
        calibration=Calibration(rows=500, flows_per_s=1.0),
    )  # fmt: skip


def fit(epochs=40, layer="encoder.0"):
    losses = [0.1 + math.exp(-place / 4) for place in range(epochs)]
    rates = [0.002 if place < 20 else 0.001 for place in range(epochs)]
    return Fit(
        losses, [loss + 0.01 for loss in losses], rates, {layer: [1.0] * epochs, "last": [2.0] * epochs}, 400, 40
    )


def ledger(detail="LLDP"):
    made = Ledger()
    made.used(90)
    made.lost(Loss.NOT_IP, 10, detail)
    return made


@pytest.fixture(scope="module")
def html():
    return learning.render(manifest(), HELD_BACK, [fit(), fit()], ledger(), generated=NOW)


@pytest.mark.parametrize(
    "words",
    [
        "autoencoder learnt 500 flows in 40 epochs;", "no sign of under- or overfitting", "400 to fit, 100 to stop by",
        "office.pcap", "validation of the other fit", "came to rest", "Learning rate", "encoder.0", "500 held-back",
        "100 packets came in", "not IP: LLDP", "10 false alarms a day", "2026-02-03 04:05:06 UTC", "best: epoch 40",
    ],
)  # fmt: skip
def test_the_page_says(html, words):
    assert words in Outline(html).text


def test_a_model_alone_tells_of_its_own_fit():
    losses = [0.1 + math.exp(-place / 4) for place in range(30)]
    page = Outline(learning.render(manifest(losses=losses), HELD_BACK, generated=NOW))
    assert "learnt 500 flows in 30 epochs" in page.text
    assert "30 of 30, at most 40" in page.text
    assert "Gradients" not in page.text


def test_what_learns_without_epochs_has_a_page_without_curves():
    page = Outline(learning.render(manifest(), HELD_BACK, generated=NOW))
    assert "it learns without epochs" in page.text
    assert "Curves" not in page.text
    assert "500 held-back" in page.text


def test_names_cannot_act():
    page = learning.render(manifest(HOSTILE), HELD_BACK, [fit(layer=HOSTILE)], ledger(HOSTILE), generated=NOW)
    outline = Outline(page)
    assert len(outline.every("script")) == 1
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "<script>alert(1)</script>" in outline.text
    _loads_nothing(page)


def _loads_nothing(page):
    (policy,) = [one["content"] for one in Outline(page).every("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none'")
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)


def test_a_line_has_holes_where_there_is_no_number():
    assert path([1, math.nan, 3, 2], Scale(1, 3, log=False), 10) == "M0 10M2 0L3 5"


def test_losses_that_span_are_drawn_on_a_log_scale():
    assert "(log scale)" in losses_chart(fit())
    assert "(log scale)" not in losses_chart(Fit([-3.0, -4.0], [-2.0, -3.0]))


def trial(value, train, validation, *, seed=0, rows=100, area=math.nan, ran_out=False):
    return Trial(value, seed, rows, 10, 5, train, validation, 1.0, 1.0, area, area, 0.1, ran_out)


def curve(trials, varied="hidden", attacks=0, name="autoencoder"):
    return Curve(name, "", varied, trials, 50, attacks, name)


CAPACITY = [trial("2", 3.0, 3.1), trial("8", 1.0, 1.1), trial("16", 0.9, 1.11), trial("64", 0.2, 2.0)]


def test_a_capacity_curve_tells_too_small_from_too_large():
    best, small, large = told(curve(CAPACITY))
    assert "least at hidden=8 (1.1)" in best
    assert small.startswith("2: too small")
    assert "underfitting" in small
    assert large.startswith("64: too large")
    assert "overfitting" in large


def test_what_is_within_the_spread_of_seeds_is_as_good():
    trials = [trial("4", 1.0, 1.2), trial("8", 1.0, 0.9), trial("8", 1.0, 1.3, seed=1)]
    assert "hidden=4 is as good" in told(curve(trials))[0]


@pytest.mark.parametrize(
    ("last", "words"),
    [((0.9, 1.0), "more rows would help"), ((0.5, 1.95), "close the gap"), ((1.9, 1.95), "teach nothing new")],
)
def test_a_learning_curve_tells_whether_more_rows_help(last, words):
    trials = [trial("50", 0.2, 3.0, rows=50), trial("100", 0.3, 2.0), trial("200", *last, rows=200)]
    assert words in told(curve(trials, "rows"))[-1]


def test_epochs_that_ran_out_are_told():
    assert told(curve([*CAPACITY[:3], trial("64", 0.2, 2.0, ran_out=True)]))[-1].startswith("1 of 4 fits ended")


def test_a_curve_has_a_page():
    trials = [trial(one.value, one.train_loss, one.validation_loss, area=0.9) for one in CAPACITY]
    outline = Outline(curves.render(curve(trials, attacks=7), generated=NOW))
    for words in ("least at hidden=8", "2: too small", "Attacks told apart", "0.900", "50 normal rows"):
        assert words in outline.text
    assert len(outline.every("circle")) == 2 * len(CAPACITY) + len(CAPACITY)


def test_the_words_of_a_curve_cannot_act():
    page = curves.render(curve([trial(HOSTILE, 1.0, 2.0), trial("8", 1.0, 2.0)], name=HOSTILE), generated=NOW)
    assert len(Outline(page).every("script")) == 1
    _loads_nothing(page)
