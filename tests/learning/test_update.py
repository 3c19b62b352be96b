"""Learning on never takes in what the old model raises an alert on, nor what is beside it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

import oddflow
from oddflow.api import update
from oddflow.baselines import gather_for
from oddflow.errors import LearningFailed, UsageError
from oddflow.learning.update import ALERTED, BENIGN, KEPT, MALICIOUS, Sieve, options_of, sift
from oddflow.logs.privacy import OPEN
from oddflow.verdicts.feedback.feedback import Feedback
from oddflow.verdicts.feedback.rule import Rule, Scope, Verdict
from oddflow.verdicts.prepared import Prepared
from tests.cli.captures import SCANNED_PORTS, SCANNER, capture


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("update")
    days = []
    for seed in range(5):
        days.append(folder / f"{seed}.pcap")
        days[-1].write_bytes(capture(seed=seed, scan=seed == 4))
    return oddflow.learn(days[0], detector="robust-pca"), days


@pytest.fixture(scope="module")
def alerts(office):
    model, days = office
    return [alert for row in oddflow.detect(days[4], model=model).rows for alert in row.alerts]


def test_a_scan_is_left_out_and_stays_an_alert(office):
    model, days = office
    done = update(model, *days[1:])
    assert f"{done.compared.left_out:,} left out" in done.learnt
    assert SCANNED_PORTS <= done.compared.left_out < SCANNED_PORTS * 1.2
    assert done.compared.still > SCANNED_PORTS / 2
    assert done.model.manifest.training.begun_from.startswith(f"learnt on from robust-pca {model.fingerprint}")
    again = [a for row in oddflow.detect(days[4], model=done.model).rows for a in row.alerts]
    assert SCANNER in {alert.src_ip for alert in again}


def test_too_many_alerts_and_nothing_is_learnt(office):
    model, days = office
    with pytest.raises(LearningFailed, match="under attack, or has drifted"):
        update(model, days[4])


def test_sources_without_alerts_are_learnt_whole(office):
    model, days = office
    done = update(model, *days[1:4], feedback=Feedback(()))
    assert done.compared.left_out == 0
    assert done.model.manifest.calibration.rows > model.manifest.calibration.rows


def codes(office, *rules):
    """The codes of the flows of the day with the scan."""
    model, days = office
    now = datetime.now(UTC)
    seen = []

    class Noted(Sieve):
        def labels(self, batch):
            found = super().labels(batch)
            seen.append(found[0] & 3)
            return found

    threshold = oddflow.detect(days[4], model=model).threshold.score
    prepared = Prepared.of(model.manifest, OPEN)
    sieve = Noted(prepared.representation(model), model, threshold, Feedback(rules, now))
    for batch in oddflow.flows(days[4], settings=prepared.settings):
        sieve.begin()
        sieve.labels(batch)
        sieve.rows(batch)
    return np.bincount(np.concatenate(seen), minlength=4)


def test_what_people_said_counts(office, alerts):
    def rule(verdict, scope):
        top = max(alerts, key=lambda alert: alert.score)
        return Rule.of(top, verdict, scope, made=datetime.now(UTC))

    plain = codes(office)
    assert plain[ALERTED] > 0
    assert plain[BENIGN] == plain[MALICIOUS] == 0
    flow = codes(office, rule(Verdict.BENIGN, Scope.FLOW))
    assert flow[BENIGN] > 0
    assert flow[ALERTED] + flow[BENIGN] == plain[ALERTED]
    hidden = codes(office, rule(Verdict.BENIGN, Scope.HOST))
    assert list(hidden) == list(plain)  # hidden, but never learnt
    malicious = codes(office, rule(Verdict.MALICIOUS, Scope.HOST))
    assert malicious[MALICIOUS] >= SCANNED_PORTS
    assert malicious.sum() == plain.sum()


def test_a_model_of_labels_is_not_learnt_on(office):
    model, _ = office
    told = model.manifest.model_copy(update={"classes": ["normal", "dos"]})

    class Other:
        manifest = told

    with pytest.raises(UsageError, match="learns from labelled attacks"):
        options_of(Other())


def test_hours_of_hosts_with_three_alerts_are_left_out_whole(office):
    model, days = office
    rows = gather_for(model, days[1])
    y = np.full(len(rows.x), 1 << 2, np.int64)
    y[:9] = 7 << 2 | KEPT
    y[:3] |= ALERTED
    y[20:22] = 9 << 2 | ALERTED
    y[22:30] = 9 << 2 | KEPT
    found = sift(replace(rows, y=y))
    assert (found.alerted, found.beside) == (5, 6)
    assert len(found.left_out) == 11
    assert found.known.y is None
