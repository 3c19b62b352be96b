"""Drift is told where traffic has changed, and nothing is told where it has not."""

import numpy as np
import pytest

import oddflow
from oddflow.baselines import gather_for
from oddflow.features.feature import Feature, Scale
from oddflow.models.format import USUAL
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.drift.finding import Drifted, change_in_words
from oddflow.verdicts.drift.monitor import DriftMonitor, advice

S_NS = 1_000_000_000
START_NS = 1_700_000_000 * S_NS


@pytest.fixture(scope="module")
def office():
    baseline = oddflow.examples() / "office-baseline.pcap.zst"
    model = oddflow.learn(baseline, detector="robust-pca")
    return model, gather_for(model, baseline).x


def watched(model, x, *, step=700, threshold=None):
    monitor = DriftMonitor(model, threshold or float(model.held_back[-1]) * 1.01, 1e-4)
    scores, ends_ns = model.scores(x), START_NS + np.arange(len(x)) * S_NS
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        monitor.add(x[part], scores[part], ends_ns[part])
    return monitor


def older(model: SealedModel) -> SealedModel:
    """The same model without bins, as models were sealed before."""
    parts = {name: part for name, part in model.parts.items() if name != USUAL}
    hashes = {name: digest for name, digest in model.manifest.parts.items() if name != USUAL}
    manifest = model.manifest.model_copy(update={"parts": hashes})
    return SealedModel(type(model._archive)(manifest, parts))


@pytest.mark.parametrize("make", [lambda model: model, older])
def test_the_baseline_itself_has_not_drifted(office, make):
    model, x = office
    assert watched(make(model), np.concatenate([x, x])).drifts == []


def test_batches_of_any_size_give_the_same(office):
    model, x = office
    changed = np.concatenate([x, x * np.float32(1.7)])
    few, many = (watched(model, changed, step=step).drifts for step in (5_000, 33))
    assert few == many
    assert few


def test_answers_that_doubled_are_told_with_their_service_and_time(office):
    model, x = office
    names = [feature.name for feature in model.features]
    after = x.copy()
    dns = after[:, names.index("service")] == 17 * 65_536 + 53
    for name in ("reverse_payload", "reverse_payload_mean", "reverse_length_max"):
        after[dns, names.index(name)] *= 2
    found = watched(model, np.concatenate([x, after, after]), threshold=1e9)
    told = {drift.name: drift for drift in found.drifts}
    drift = told["reverse_length_max"]
    assert drift.text == "mostly in udp/53: as a rule longest packet received 184 B, 94 B in the baseline (doubled)"
    assert abs(drift.since_ns - (START_NS + len(x) * S_NS)) < 300 * S_NS
    assert drift.as_dict()["since"].startswith("2023-11-1")
    assert advice(found.drifts)[-1].startswith("drift: ")


def test_older_models_tell_what_leaves_its_range(office):
    model, x = office
    place = [feature.name for feature in model.features].index("duration_s")
    after = x.copy()
    after[:, place] = x[:, place].max() * 3
    told = watched(older(model), after, threshold=1e9).drifts
    assert [drift.name for drift in told if drift.what is Drifted.FEATURE] == ["duration_s"]


def test_alerts_are_left_out_of_drift_and_their_rate_is_told(office):
    model, x = office
    attack = np.repeat(x[:1] * np.float32(1_000), 2_000, axis=0)
    found = watched(model, np.concatenate([x, attack, x]))
    assert [drift.what for drift in found.drifts] == [Drifted.ALERTS]
    assert "look at the alerts first" in advice(found.drifts)[-1]


def test_news_are_told_once(office):
    model, x = office
    found = watched(model, np.concatenate([x, x * 3]), threshold=1e9)
    assert found.news()
    assert found.news() == []


SIZE = Feature("reverse_payload", "bytes", Scale.LOG, "{value} received")


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (60, 120, "(doubled)"),
        (60, 30, "(halved)"),
        (60, 180, "(trebled)"),
        (60, 600, "(10 times)"),
        (60, 66, "baseline"),
    ],
)
def test_how_far_is_said_in_words(before, now, words):
    assert change_in_words(SIZE, before, now, "").endswith(words)


def test_categories_have_no_middle():
    service = Feature("service", "", Scale.CATEGORY, "service {value}")
    assert change_in_words(service, 1, 2, "") == "another mixture of the service of flows than in the baseline"
