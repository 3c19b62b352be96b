"""Rules on the evidence: which kind of attack an alert likeliest is."""

import numpy as np
import pytest

from oddflow.features.feature import Feature, Scale
from oddflow.schema import AttackCategory
from oddflow.verdicts.categories import RULES, facts_of, likeliest, rule_of
from oddflow.verdicts.techniques import TECHNIQUES

FLOW = {
    "start": 0, "end": 10**9, "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "dst_port": 9999, "protocol": 6,
    "forward_payload_bytes": 100, "reverse_payload_bytes": 100, "forward_packets": 4, "dns_query": None,
}  # fmt: skip
NOTHING = {"forward_payload_bytes": 0, "reverse_payload_bytes": 0}
ONE_SIDED = {"dst_ip": "8.8.8.8", "forward_payload_bytes": 10**8}
CODED = "0ehbc82\\xca2hb\\xbeqz7Xv39EO14ikad57wqlt0mub.example"


def counted(**counts):
    return list(counts.values()), [Feature(name, "flows", Scale.LOG, "") for name in counts]


def of_flow(counts=((), ()), measure="", value=0, lasted_s=1, **changes):
    row, features = counts
    return likeliest(
        facts_of(FLOW | changes, np.float32(row), tuple(features), measure, group_value=value, group_lasted_s=lasted_s)
    )


@pytest.mark.parametrize(
    ("found", "category"),
    [
        (of_flow(measure="vertical_scan"), "probe"),
        (of_flow(measure="vertical_scan", forward_syn=2, end=1000, **NOTHING), "dos"),
        (of_flow(measure="unanswered_flood", value=100, lasted_s=2), "dos"),
        (of_flow(measure="unanswered_flood", value=100, lasted_s=500), ""),  # a program that tries again
        (of_flow(measure="beacon"), "botnet"),
        (of_flow(measure="beacon", src_ip="8.8.8.8"), ""),  # no program of ours
        (of_flow(measure="repeats", dst_port=22), "brute_force"),
        (of_flow(measure="repeats", dst_port=53, dns_query=CODED), "tunnel"),
        (of_flow(measure="repeats", dst_port=53, dns_query="www.example"), ""),
        (of_flow(measure="repeats", dst_port=9999), ""),
        (of_flow(measure="upload", lasted_s=100, **ONE_SIDED), "exfiltration"),
        (of_flow(measure="upload", lasted_s=100, **ONE_SIDED, reverse_payload_bytes=10**8), ""),  # a call
        (of_flow(measure="upload", lasted_s=10, **ONE_SIDED), ""),
        (of_flow(measure="upload", lasted_s=100, **(ONE_SIDED | {"reverse_payload_bytes": 0})), "dos"),
        (of_flow(counted(pair_ports_10s=30), reverse_payload_bytes=0), "probe"),
        (of_flow(counted(pair_ports_10s=30)), ""),
        (of_flow(counted(pair_ports_10s=30, host_flows_10s=30), forward_syn=2, end=1000, **NOTHING), "dos"),
        (of_flow(counted(pair_ports_10s=30, host_flows_10s=30), forward_syn=2, end=10**9, **NOTHING), "probe"),
        (of_flow(counted(service_flows_10s=200), reverse_payload_bytes=0), "dos"),
        (of_flow(counted(service_flows_120s=200), reverse_payload_bytes=0), ""),
        (of_flow(counted(service_flows_10s=200, pair_ports_10s=30), reverse_payload_bytes=0), ""),  # they contradict
        (of_flow(counted(host_failures_10s=200), reverse_payload_bytes=0), ""),
        (of_flow(counted(repeats_10s=20), dst_port=53, dns_query=CODED), "tunnel"),
        (of_flow(counted(repeats_10s=1), dst_port=53, dns_query=CODED), ""),
        (of_flow(counted(repeats_10s=20), dst_port=53, dns_query="1.0.0.0." * 8 + "ip6.arpa"), ""),
        (of_flow(counted(alike_10s=30, sent_10s=10**5), dst_port=53, reverse_payload_bytes=0), ""),
        (of_flow(dst_port=0, protocol=1, forward_payload_bytes=10**5, forward_payload_entropy=7.8), "tunnel"),
        (of_flow(dst_port=0, protocol=1, forward_payload_bytes=10**5, forward_payload_entropy=4.0), ""),
        (of_flow(**ONE_SIDED, end=60 * 10**9), "exfiltration"),
        (of_flow(**ONE_SIDED), ""),
        (of_flow(**(ONE_SIDED | {"reverse_payload_bytes": 0})), "dos"),
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
