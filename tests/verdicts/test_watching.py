"""Watching finds what detection finds, alert for alert."""

import pyarrow as pa
import pytest

import oddflow
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.tabular import Tabular
from oddflow.flows.settings import MeterSettings
from oddflow.logs.privacy import OPEN
from oddflow.models.sealed import SealedModel
from oddflow.verdicts.budget import DEFAULT_BUDGET, Budget, set_threshold
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.prepared import Prepared
from oddflow.verdicts.watching import Watcher
from tests.cli.captures import capture


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watching")
    (folder / "baseline.pcap").write_bytes(capture())
    (folder / "incident.pcap").write_bytes(capture(scan=True, seed=2))
    model = oddflow.learn(folder / "baseline.pcap", detector="robust-pca")
    return model, folder / "incident.pcap"


def watcher(model: SealedModel, source, patience_s):
    manifest = model.manifest
    return Watcher(
        model,
        Tabular.of(HomeNetworks(manifest.home_networks), ContextSettings.of(manifest.context)),
        threshold=set_threshold(model.held_back, Budget.parse(DEFAULT_BUDGET), manifest.flows_per_s).score,
        patience_s=patience_s,
        source=source,
        collective=Collective.of(model, Budget.parse(DEFAULT_BUDGET)),
    )


def test_with_enough_patience_alerts_are_those_of_detect(learnt):
    model, incident = learnt
    settings = MeterSettings.of(model.manifest.meter)
    watching = watcher(model, str(incident), settings.longest_wait_s)
    found = []
    for batch in oddflow.flows(incident, settings=settings):
        for row in range(batch.num_rows):
            flow = batch.slice(row, 1)
            watching.add(flow)
            found += watching.alerts(flow.column("end").cast("int64")[0].as_py())
    found += watching.alerts(None)
    detection = oddflow.detect(incident, model=model)
    expected = [alert for row in detection.rows for alert in row.alerts]
    assert expected
    assert watching.incidents() == detection.incidents
    assert sorted(found, key=lambda alert: alert.id) == sorted(expected, key=lambda alert: alert.id)


@pytest.mark.parametrize(
    ("detector", "asked", "version"),
    [
        ("robust-pca", {"windows": True}, "windows-1"),
        ("traffic-rate", {"view": "fft"}, "rates-1"),
        ("packet-markov-chain", {}, "sequence-1"),
        ("name-markov-chain", {}, "names-1"),
    ],
)
def test_whatever_a_detector_reads_is_watched_as_it_is_detected(learnt, detector, asked, version):
    _, incident = learnt
    model = oddflow.learn(incident.with_name("baseline.pcap"), detector=detector, **asked)
    assert model.manifest.feature_schema_version == version
    prepared = Prepared.of(model.manifest, OPEN)
    budget = Budget.parse("100/minute")
    watching = Watcher(
        model,
        prepared.representation(model),
        threshold=set_threshold(model.held_back, budget, model.manifest.flows_per_s).score,
        patience_s=prepared.settings.longest_wait_s,
        source=str(incident),
        collective=Collective.of(model, budget),
    )
    found = []
    for batch in oddflow.flows(incident, settings=prepared.settings):
        for start in range(0, batch.num_rows, 7):
            part = batch.slice(start, 7)
            watching.add(part)
            found += watching.alerts(part.column("end").cast("int64")[0].as_py())
    found += watching.alerts(None)
    rows = oddflow.detect(incident, model=model, budget="100/minute").rows
    expected = {alert.id: alert for row in rows for alert in row.alerts}
    assert expected
    assert {alert.id: alert for alert in found} == expected


def test_without_patience_a_flow_is_judged_as_it_ends(learnt):
    model, incident = learnt
    watching = watcher(model, "eth0", 0.0)
    found = []
    for batch in oddflow.flows(incident):
        watching.add(batch)
        found += watching.alerts(1 << 62)
    assert watching.alerts(None) == []
    assert found
    assert {alert.source for alert in found} == {"eth0"}


def test_arp_and_early_records_are_not_judged(learnt):
    model, incident = learnt
    watching = watcher(model, "eth0", 0.0)
    for batch in oddflow.flows(incident):
        version, early = (batch.schema.get_field_index(name) for name in ("ip_version", "is_early"))
        watching.add(batch.set_column(version, "ip_version", pa.array([0] * len(batch), pa.uint8())))
        watching.add(batch.set_column(early, "is_early", pa.array([True] * len(batch))))
    assert watching.alerts(None) == []
