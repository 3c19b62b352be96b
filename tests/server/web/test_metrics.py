"""Metrics: what they are called, that they are what the status says, and that the dashboard asks for no other."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from oddflow.server.access.identity import Role
from oddflow.server.access.scope import Scope
from oddflow.server.status import OutputStatus, SourceStatus, Status
from oddflow.server.web.metrics import StatusCollector

DASHBOARD = Path(__file__).parents[3] / "packaging" / "grafana.json"
WORDS = re.compile(r"\boddflow_[a-z0-9_]+")


@pytest.fixture(scope="module")
def families(client):
    answer = client(Role.VIEWER, scopes=(Scope.METRICS,)).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(families, name, **labels):
    family = families[re.sub("_(total|bucket)$", "", name)]
    (found,) = [one.value for one in family.samples if one.name == name and one.labels == labels]
    return found


def test_counts_are_those_of_the_status(families, filled_state):
    told = filled_state[1].told
    assert value(families, "oddflow_packets_total", source="office") == told.packets
    assert value(families, "oddflow_alerts_total", source="office") == told.alerts
    assert value(families, "oddflow_score_ratio_bucket", source="office", le="+Inf") == told.flows
    under = sum(told.scores[:6])
    assert value(families, "oddflow_score_ratio_bucket", source="office", le="1.0") == under
    assert value(families, "oddflow_up") == value(families, "oddflow_store_up") == 1


def test_losses_and_what_was_shed_are_told_by_reason():
    source = SourceStatus(name="dmz", unit="records", packets=9, metered=6, lost={'not "IP"': 3}, shed={"pictures": 2})
    output = OutputStatus(to="siem", delivered=4, waiting=1)
    collected = StatusCollector(Status(sources=[source], outputs=[output], store="it is away")).collect()
    told = {(one.name, *one.labels.values()): one.value for family in collected for one in family.samples}
    assert told["oddflow_lost_records_total", "dmz", 'not "IP"'] == 3
    assert told["oddflow_shed_total", "dmz", "pictures"] == 2
    assert told["oddflow_output_waiting_messages", "siem"] == 1
    assert told["oddflow_store_up",] == 0
    assert ("oddflow_packets_total", "dmz") not in told


def test_names_follow_the_convention(families):
    for family in families.values():
        assert family.documentation.endswith(".") and family.name.startswith("oddflow_")
        assert not re.search(r"_(ms|kb|mib|minutes|total)$", family.name)
        assert all(one.name.endswith("_total") for one in family.samples if family.type == "counter")


def test_a_token_for_metrics_reads_nothing_else(client):
    scraper = client(Role.VIEWER, scopes=(Scope.METRICS,))
    assert scraper.get("/api/v1/alerts").status_code == 403
    assert client(None).get("/metrics").status_code == 401
    assert client(None).get("/healthz").json() == {"status": "ok"}


def test_the_dashboard_asks_for_metrics_that_are_there(families):
    names = {one.name for family in families.values() for one in family.samples} | set(families)
    names |= {f"{name}_total" for name, family in families.items() if family.type == "counter"}
    names |= {f"{name}_bucket" for name, family in families.items() if family.type == "histogram"}
    asked = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel.get("targets", [])]
    assert len(asked) > 15
    for expression in asked:
        assert set(WORDS.findall(expression)) <= names and WORDS.search(expression), expression
