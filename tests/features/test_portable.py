"""Portable features: what every source knows, and the estimates that stand for what some do not."""

import numpy as np
import pyarrow as pa
import pytest
from tests.features.build import S, flows

from oddflow.errors import SchemaMismatch
from oddflow.features.context import ContextSettings
from oddflow.features.homes import HomeNetworks
from oddflow.features.portable import NEEDED, PORTABLE
from oddflow.features.tabular import Tabular
from oddflow.features.versions import check_version
from oddflow.schema import FLOW_SCHEMA

SHARED_BY_ALL = {
    "start", "end", "src_ip", "dst_ip", "src_port", "dst_port", "protocol", "ip_version", "icmp_type", "icmp_code",
    *NEEDED,
}  # fmt: skip


def portable():
    return Tabular.of(HomeNetworks(), ContextSettings(max_flows=4096), PORTABLE)


def value(flow, name):
    of = portable()
    return of.rows(flows([flow]))[0, [feature.name for feature in of.features].index(name)]


def without(batch, unknown):
    for name in unknown:
        place = FLOW_SCHEMA.get_field_index(name)
        batch = batch.set_column(place, FLOW_SCHEMA.field(name), pa.nulls(batch.num_rows, FLOW_SCHEMA.field(name).type))
    return batch


def test_rows_are_the_same_where_a_source_knows_no_more_than_all_do():
    batch = flows(
        [
            {"end": i * S, "forward_packets": i, "reverse_packets": i % 3, "forward_bytes": 90 * i, "reverse_bytes": 40,
             "forward_payload_bytes": 7 * i, "payload": b"x" * i, "gap_max_us": 5, "reverse_rst": i % 2}
            for i in range(50)
        ]
    )  # fmt: skip
    poor = without(batch, [name for name in FLOW_SCHEMA.names if name not in SHARED_BY_ALL])
    rich, rows = portable().rows(batch), portable().rows(poor)
    assert np.array_equal(rich, rows)
    assert len(np.unique(rows[:, 3])) == 50


@pytest.mark.parametrize("name", NEEDED)
def test_a_source_that_does_not_count_is_refused(name):
    with pytest.raises(SchemaMismatch, match=f"does not know {name}, which all models need"):
        portable().rows(without(flows([{}, {}]), [name]))


def test_a_counter_that_some_flows_lack_is_taken_as_0_and_told():
    of = portable()
    batch = flows([{"forward_packets": 2, "reverse_packets": None}, {"forward_packets": 2, "reverse_packets": 3}])
    assert np.isfinite(of.rows(batch)).all()
    assert of.incomplete == 1
    of.rows(without(flows([{}]), ["reverse_packets"]))  # the source is known to count them
    assert of.incomplete == 2
    of.begin()
    with pytest.raises(SchemaMismatch):
        of.rows(without(flows([{}]), ["reverse_packets"]))


@pytest.mark.parametrize(
    ("flow", "outcome"),
    [
        ({"forward_packets": 3, "forward_bytes": 180}, 0),
        ({"forward_packets": 1, "forward_bytes": 60, "reverse_packets": 1, "reverse_bytes": 40}, 2),  # refused
        ({"forward_packets": 4, "forward_bytes": 216, "reverse_packets": 3, "reverse_bytes": 164}, 2),  # opened, closed
        ({"forward_packets": 4, "forward_bytes": 216, "reverse_packets": 4, "reverse_bytes": 240}, 3),  # a banner
        ({"forward_packets": 5, "forward_bytes": 400, "reverse_packets": 4, "reverse_bytes": 900}, 4),
        ({"protocol": 17, "forward_packets": 1, "forward_bytes": 60}, 0),
        ({"protocol": 17, "forward_packets": 1, "forward_bytes": 60, "reverse_packets": 1, "reverse_bytes": 90}, 4),
        (
            {"ip_version": 6, "forward_packets": 1, "forward_bytes": 80, "reverse_packets": 1, "reverse_bytes": 60},
            2,
        ),
    ],
)
def test_the_outcome_is_told_from_sizes(flow, outcome):
    assert value(flow, "outcome") == outcome


def test_a_model_of_another_version_is_refused():
    check_version("portable-1")
    with pytest.raises(SchemaMismatch, match=r"'tabular-9'.*learn it anew"):
        check_version("tabular-9")
