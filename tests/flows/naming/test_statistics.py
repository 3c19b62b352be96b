"""Names by statistics: one hand-made flow for each kind."""

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, sampled_from
from tests.flows.naming.build import batch, way

from oddflow.flows.naming.statistics import KINDS, names_by_statistics

NOTHING_BACK = {"reverse_packets": 0, "reverse_payload_packets": 0, "reverse_payload_bytes": 0}
FLOWS = {
    "failed": {
        "forward_payload_packets": 0,
        "reverse_payload_packets": 0,
        "forward_payload_bytes": 0,
        "reverse_payload_bytes": 0,
    },
    "one-way": {"protocol": 17} | NOTHING_BACK,
    "media": {"protocol": 17} | way("forward", [0.02] * 200, 160) | way("reverse", [0.02] * 200, 160),
    "beacon": way("forward", [60.0, 60.1, 59.9, 60.0], 200) | way("reverse", [60.0] * 4, 90),
    "bulk-download": way("forward", [0.1] * 3, 300) | way("reverse", [0.001] * 100, 1400),
    "bulk-upload": way("forward", [0.001] * 100, 1400) | way("reverse", [0.1] * 3, 300),
    "lookup": {"protocol": 17},
    "interactive": way("forward", [0.2, 0.9] * 20, 36) | way("reverse", [0.2, 0.9] * 20, 100),
    "request-response": way("forward", [0.01] * 5, 400) | way("reverse", [0.01] * 8, 700),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_flow(kind):
    assert names_by_statistics(batch([FLOWS[kind]])).to_pylist() == [kind]


def test_a_beacon_that_nobody_answers_is_still_one():
    flow = {"protocol": 17} | NOTHING_BACK | way("forward", [30.0] * 6, 50)
    assert names_by_statistics(batch([flow])).to_pylist() == ["beacon"]


def test_uneven_gaps_are_no_beacon():
    flow = way("forward", [5.0, 200.0, 9.0, 60.0], 200) | way("reverse", [60.0] * 4, 90)
    assert names_by_statistics(batch([flow])).to_pylist() == ["request-response"]


def test_flows_of_logs_without_packets_have_no_kind():
    assert names_by_statistics(batch([{"forward_packets": None}])).to_pylist() == [None]


@given(
    lists(floats(0, 100), max_size=30), lists(floats(0, 100), max_size=30), integers(0, 1500), sampled_from([1, 6, 17]),
)  # fmt: skip
def test_every_metered_flow_has_a_kind(up, down, payload, protocol):
    flow = {"protocol": protocol} | way("forward", up, payload) | way("reverse", down, payload)
    assert names_by_statistics(batch([flow]))[0].as_py() in KINDS
