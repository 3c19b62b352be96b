"""Rules on the evidence: which kind of attack an alert likeliest is."""

import numpy as np
import pytest

from oddflow.features.feature import Feature, Scale
from oddflow.schema import AttackCategory
from oddflow.verdicts.categories import RULES, facts_of, likeliest, rule_of
from oddflow.verdicts.techniques import TECHNIQUES

FLOW = {
    "start": 0, "end": 10**9, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "dst_port": 9999, "protocol": 6,
    "forward_payload_bytes": 100, "reverse_payload_bytes": 100, "dns_query": None,
}  # fmt: skip
PORTS = Feature("pair_ports_10s", "ports", Scale.LOG, "")


def of_flow(row=(), features=(), measure="", **changes):
    return likeliest(facts_of(FLOW | changes, np.float32(row), features, measure))


@pytest.mark.parametrize(
    ("found", "category"),
    [
        (of_flow(measure="vertical_scan"), "probe"),
        (of_flow(measure="unanswered_flood"), "dos"),
        (of_flow(measure="beacon"), "botnet"),
        (of_flow(measure="repeats", dst_port=22), "brute_force"),
        (of_flow(measure="repeats", dst_port=53), "tunnel"),
        (of_flow(measure="repeats", dst_port=9999), ""),
        (of_flow([30], [PORTS], reverse_payload_bytes=0), "probe"),
        (of_flow([30], [PORTS]), ""),
        (of_flow(dst_port=53, dns_query="a" * 80), "tunnel"),
        (of_flow(dst_ip="8.8.8.8", forward_payload_bytes=10**8), "exfiltration"),
        (of_flow(), ""),
    ],
)
def test_the_evidence_names_the_kind(found, category):
    assert found.category == category
    assert bool(found.techniques) == bool(category)


def test_what_a_source_does_not_know_holds_for_nothing():
    assert rule_of({}) is None


def test_rules_name_known_categories_and_techniques_and_are_never_certain():
    for rule in RULES:
        assert rule.category is not AttackCategory.NORMAL
        assert set(rule.techniques) <= set(TECHNIQUES)
        assert 0 < rule.confidence < 1
    assert len({rule.name for rule in RULES}) == len(RULES)
