"""The views of rates see what they are named for, and are sealed as they are."""

import numpy as np
import pytest

import oddflow
from oddflow.datasets.truth import GroundTruth
from oddflow.detectors.traffic_rate import RateView, TrafficRate
from oddflow.errors import UsageError
from oddflow.features.ordering import in_end_order
from oddflow.features.rates import SLOTS, Rates
from oddflow.features.scored import scored
from oddflow.models.rate_views import Bands, CumulativeSums
from oddflow.models.sealed import score_graph
from tests.checks.problem import area_under_curve, mixed_columns, rate_rows

FLOWS = slice(0, SLOTS)


def few_flows(count, seed):
    """Hosts whose flows come by chance, one in ten seconds or so: (n, 320)."""
    flows = np.random.default_rng(seed).poisson(0.1, (count, SLOTS))
    return np.concatenate([flows, 5 * flows, 900 * flows, flows, flows], axis=1).astype(np.float32)


def flows_of(capture):
    return list(in_end_order(scored(oddflow.flows(capture)), wait_s=300))


def rates_of(batches):
    kept = Rates()
    return np.concatenate([kept.rows(batch) for batch in batches])


@pytest.fixture(scope="module")
def office():
    """Rates of the quiet day and of the incident, and what its flows are."""
    batches = flows_of(oddflow.examples() / "office-incident.pcap.zst")
    truth = GroundTruth.read(str(oddflow.examples() / "office-incident.truth.csv"))
    attacks = np.array([name for batch in batches for name in truth.attacks(batch)])
    return rates_of(flows_of(oddflow.examples() / "office-baseline.pcap.zst")), rates_of(batches), attacks


@pytest.fixture(scope="module", params=list(RateView))
def fitted(request):
    return TrafficRate(Rates.features, view=request.param).fit(few_flows(3_000, 0))


def test_a_flood_that_begins_is_found_by_each_view(fitted):
    normal, flood = few_flows(200, 1), few_flows(200, 2)
    flood[:, 54:64] += 100
    scores = fitted.decision_function
    assert area_under_curve(scores(flood), scores(normal)) > 0.99
    assert fitted.contributions(flood)[:, FLOWS].sum() > 0.9 * fitted.contributions(flood).sum()


def test_its_slots_are_those_of_the_flood(fitted):
    flood = few_flows(50, 2)
    flood[:, 54:64] += 100
    parts = fitted.contributions(flood)[:, FLOWS]
    assert (parts[:, 54:].sum(axis=1) > 0.5 * parts.sum(axis=1)).all()


def test_each_view_is_sealed_as_it_is(fitted):
    rows = np.concatenate([few_flows(50, 3), few_flows(50, 4) * np.float32(1e6), -few_flows(5, 5)])
    scores, contributions = score_graph(fitted.graph().SerializeToString(), rows)
    np.testing.assert_allclose(scores, fitted.decision_function(rows), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(contributions, fitted.contributions(rows), rtol=5e-3, atol=1e-3)
    assert contributions.min() >= 0


@pytest.mark.parametrize("view", RateView)
def test_slots_that_do_not_belong_together_are_found_by_each_view(view):
    detector = TrafficRate(Rates.features, view=view).fit(rate_rows(400, 0))
    odd, normal = mixed_columns(rate_rows(100, 1), 2), rate_rows(100, 3)
    assert area_under_curve(detector.decision_function(odd), detector.decision_function(normal)) > 0.9


def test_the_scan_of_the_office_is_found_by_each_view(office):
    baseline, rows, attacks = office
    for view in RateView:
        scores = TrafficRate(Rates.features, view=view).fit(baseline).decision_function(rows)
        assert area_under_curve(scores[attacks == "port scan"], scores[attacks == ""]) > 0.85


def test_a_flood_of_a_foreign_network_is_found_by_each_view(office, shared):
    batches = flows_of(shared / "cic-ddos2019" / "benign-syn.pcap")
    rows, sources = rates_of(batches), np.array([s for batch in batches for s in batch.column("src_ip").to_pylist()])
    for view in RateView:
        scores = TrafficRate(Rates.features, view=view).fit(office[0]).decision_function(rows)
        assert area_under_curve(scores[sources == "172.16.0.5"], scores[sources != "172.16.0.5"]) > 0.8


def test_a_beacon_repeats_and_chance_does_not():
    view = Bands.of_spectrum(SLOTS)
    for period in (4, 8, 10, 16, 21):
        beacon = np.zeros((1, 1, SLOTS), np.float32)
        beacon[..., ::period] = 1
        assert view.see(beacon)[0][0, 0, -1] > 0.5
        assert view.strongest_lags(beacon)[0, 0] % period == 0
    chance = few_flows(500, 6)[:, None, FLOWS]
    assert np.quantile(view.see(chance)[0][:, 0, -1], 0.9) < 0.5


def test_a_beacon_among_chance_is_found_by_its_period():
    detector = TrafficRate(Rates.features, view="fft").fit(few_flows(3_000, 0))
    normal, beacon = few_flows(200, 1), np.zeros((200, SLOTS), np.float32)
    for row, start in enumerate(np.random.default_rng(7).integers(0, 8, 200)):
        beacon[row, start::8] = 1  # as many flows as others have
    beacons = np.concatenate([beacon, 5 * beacon, 900 * beacon, beacon, beacon], axis=1)
    scores = detector.decision_function
    assert area_under_curve(scores(beacons), scores(normal)) > 0.9


@pytest.mark.parametrize("view", [Bands.of_spectrum(SLOTS), Bands.of_wavelets(SLOTS)])
def test_bands_share_all_energy_out(view):
    logs = np.random.default_rng(0).normal(size=(20, 2, SLOTS)).astype(np.float32)
    energies = np.exp(view.see(logs)[0][:, :, : len(view.filters)]) - 0.1
    np.testing.assert_allclose(energies.sum(axis=2), (logs**2).sum(axis=2), rtol=1e-3)
    np.testing.assert_allclose(view.filters.sum(axis=0), np.eye(SLOTS), atol=1e-5)


def test_the_spectrum_is_that_of_numpy():
    logs = np.random.default_rng(1).normal(size=(5, 1, SLOTS)).astype(np.float32)
    energies = np.exp(Bands.of_spectrum(SLOTS).see(logs)[0]) - 0.1
    power = abs(np.fft.rfft(logs.astype(float), norm="ortho")) ** 2
    power[:, :, 1:-1] *= 2
    for band, (first, last) in enumerate([(0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 33)]):
        np.testing.assert_allclose(energies[:, :, band], power[:, :, first:last].sum(axis=2), rtol=1e-3, atol=1e-4)


def test_cumulative_sums_are_those_of_page():
    logs = np.abs(np.random.default_rng(2).normal(size=(4, 1, SLOTS))).astype(np.float32)
    logs[0, 0, 40:] += 5
    values = CumulativeSums(np.ones(1, np.float32), SLOTS // 2, 0.5, 3.0).see(logs)[0]
    for row in range(4):
        mean, total, peak, alarms = logs[row, 0, :32].mean(), 0.0, 0.0, 0
        for rate in logs[row, 0, 32:]:
            total = max(0.0, total + rate - mean - 0.5)
            peak = max(peak, total)
            if total > 3:
                total, alarms = 0.0, alarms + 1
        np.testing.assert_allclose(values[row, 0, [0, 2]], np.log1p([peak, alarms]), rtol=1e-4, atol=1e-5)


def test_columns_that_are_no_series_are_refused():
    with pytest.raises(UsageError, match="series of 64 slots; 70 columns given"):
        TrafficRate(Rates.features[:70]).fit(np.zeros((5, 70), np.float32))
