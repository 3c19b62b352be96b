"""The one road of alerts gives chances, and can be ruled by them."""

import numpy as np
import pytest

import oddflow
from oddflow import baselines
from oddflow.learning.learn import learn
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.collective.finding import is_of_group
from tests.learning.make import gathered


@pytest.fixture(scope="module")
def found():
    model = SealedModel(learn(baselines.gather(oddflow.examples() / "office-baseline.pcap.zst"), detector="robust-pca"))
    incident = oddflow.examples() / "office-incident.pcap.zst"
    truth = oddflow.examples() / "office-incident.truth.csv"
    return (
        oddflow.detect(incident, model=model, truth=truth),
        oddflow.detect(incident, model=model, truth=truth, fdr=0.1),
    )


def test_false_alarms_are_as_many_as_was_said(found):
    low, high = found[0].truth.false_between
    assert low <= found[0].truth.false_alerts <= high


def test_every_attack_is_shown_and_few_normal_flows_under_a_false_discovery_rate(found):
    truth = found[1].truth
    assert all(attack.alerts for attack in truth.attacks)
    assert truth.false_alerts <= 0.1 * found[1].alerts
    assert found[1].threshold.expected_between is None


@pytest.mark.parametrize("which", [0, 1])
def test_higher_scores_are_less_likely(found, which):
    flows = (alert for row in found[which].rows for alert in row.alerts if not is_of_group(alert))
    alerts = sorted(flows, key=lambda alert: alert.score)
    p = np.array([alert.p_value for alert in alerts])
    assert (np.diff(p) <= 0).all()
    assert all(alert.p_low <= alert.p_value <= alert.p_high for alert in alerts)


def test_the_same_rows_and_seed_give_the_same_bytes():
    rows = gathered(400, hosts=np.arange(400, dtype=np.uint32) % 7)
    first, second = (learn(rows, detector="robust-pca", seed=3) for _ in range(2))
    assert first.parts == second.parts
    assert first.sample.origins.hosts.max() == 6
