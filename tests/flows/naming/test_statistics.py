"""Names by statistics: one hand-made flow for each kind."""

import math

import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers, lists, sampled_from, tuples
from tests.flows.naming.build import batch, way

from oddflow.flows.naming.statistics import KINDS, names_by_statistics, shipped_numbers

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


class PlainWay:
    """What the rules look at of a direction, in plain Python."""

    def __init__(self, row, name):
        self.packets, self.payload_packets, self.payload_bytes, gap_sum, squares = (
            float(row[f"{name}_{field}"])
            for field in ("packets", "payload_packets", "payload_bytes", "gap_sum_us", "gap_squares_us2")
        )
        gaps = max(self.packets - 1, 1)
        mean = gap_sum / gaps
        self.gap_s = mean / 1e6
        self.variation = math.sqrt(max(squares / gaps - mean * mean, 0)) / max(mean, 1)
        self.mean = self.payload_bytes / max(self.payload_packets, 1)


def plain_kind(row):
    """The rules once more."""
    up, down, of = PlainWay(row, "forward"), PlainWay(row, "reverse"), shipped_numbers()
    both, bulk, beacon, lookup = up.payload_bytes + down.payload_bytes, of["bulk"], of["beacon"], of["lookup"]

    def is_media(way, media=of["media"]):
        even = way.gap_s <= 1 / media["least_per_s"] and way.variation <= media["most_variation"]
        least, most = media["payload_bytes"]
        return way.payload_packets >= media["least_packets"] and even and least <= way.mean <= most

    def is_bulk(way):
        enough = way.payload_bytes >= max(bulk["least_bytes"], bulk["least_share"] * both)
        return enough and way.mean >= bulk["least_mean_bytes"]

    if row["protocol"] == 6 and up.payload_packets + down.payload_packets == 0:
        return "failed"
    if down.packets == 0 and up.payload_packets < beacon["least_packets"]:
        return "one-way"
    if row["protocol"] == 17 and (is_media(up) or is_media(down)):
        return "media"
    seldom = up.payload_packets >= beacon["least_packets"] and up.gap_s >= beacon["least_gap_s"]
    if seldom and up.variation <= beacon["most_variation"] and up.mean <= beacon["most_payload_bytes"]:
        return "beacon"
    if is_bulk(down) or is_bulk(up):
        return "bulk-download" if is_bulk(down) else "bulk-upload"
    if max(up.payload_packets, down.payload_packets) <= lookup["most_packets"] and both <= lookup["most_bytes"]:
        return "lookup"
    typed = of["interactive"]
    many = up.payload_packets >= typed["least_packets"]
    if many and up.mean <= typed["most_mean_bytes"] and up.gap_s >= typed["least_gap_s"]:
        return "interactive"
    return "request-response" if down.packets else "one-way" if up.packets else None


WAYS = tuples(
    integers(0, 60), integers(0, 30), sampled_from([0, 40, 160, 700, 1400]), sampled_from([0.0, 0.02, 0.2, 7.0, 60.0]),
    sampled_from([0.0, 0.1, 3.0]),
)  # fmt: skip


def drawn_way(name, packets, payload_packets, payload, gap_s, spread):
    gap_us, gaps = round(gap_s * 1e6), max(packets - 1, 0)
    return {
        f"{name}_packets": packets, f"{name}_payload_packets": payload_packets,
        f"{name}_payload_bytes": payload_packets * payload, f"{name}_gap_sum_us": gaps * gap_us,
        f"{name}_gap_squares_us2": gaps * gap_us**2 * (1 + spread**2),
    }  # fmt: skip


@given(lists(tuples(sampled_from([1, 6, 17]), WAYS, WAYS), max_size=20))
def test_kinds_are_those_of_plain_python(drawn):
    rows = [
        {"protocol": protocol} | drawn_way("forward", *up) | drawn_way("reverse", *down) for protocol, up, down in drawn
    ]
    # the table's own values: squares are rounded there
    held = batch(rows).to_pylist()
    assert names_by_statistics(batch(rows)).to_pylist() == [plain_kind(row) for row in held]
