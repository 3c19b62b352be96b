"""Rates: series of slots, compared with counting the slots anew for every flow."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, integers, lists, sampled_from
from tests.features.build import S, flows, pieces

from oddflow.errors import SchemaMismatch
from oddflow.features import rates
from oddflow.features.rates import SERIES, SLOTS, Rates

rows_of_flows = lists(
    builds(
        dict,
        step=sampled_from([0, 1, S // 2, S, 3 * S, 63 * S, 64 * S, 500 * S, 3_000 * S, -2 * S]),
        src_ip=sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1"]),
        dst_ip=sampled_from(["10.0.0.2", "8.8.8.8"]),
        forward_packets=integers(1, 9),
        reverse_packets=integers(0, 9),
        forward_bytes=integers(40, 2_000),
        reverse_bytes=integers(0, 9_000),
    ),
    min_size=1,
    max_size=40,
)


def counted_anew(rows):
    sums, now, found = Counter(), -(10**30), []
    for row in rows:
        now = max(now, row["end"])
        amount = {"flows": 1}
        amount |= {name: row[f"forward_{name}"] + row[f"reverse_{name}"] for name in ("packets", "bytes")}
        told = []
        for series in SERIES:
            slot = now // (series.slot_s * S)
            for name in series.quantities:
                sums[series, row[series.whose], name, slot] += amount[name]
                told += [sums[series, row[series.whose], name, slot - back] for back in reversed(range(SLOTS))]
        found.append(told)
    return found


@settings(max_examples=60, deadline=None)
@given(rows_of_flows, lists(integers(1, 20), min_size=1, max_size=4))
def test_series_are_those_of_counting_anew_however_they_are_cut(rows, sizes):
    end = 10**18
    for row in rows:
        end += row.pop("step")
        row["end"] = end
    kept = Rates()
    found = np.concatenate([kept.rows(piece) for piece in pieces(flows(rows), sizes)])
    np.testing.assert_array_equal(found, counted_anew(rows))


def test_memory_does_not_grow_with_hosts_and_what_was_forgotten_is_told(monkeypatch):
    monkeypatch.setattr(rates, "MOST_HOSTS", 16)
    kept = Rates()
    batch = flows([{"end": i, "src_ip": f"10.0.0.{i}"} for i in range(40)] + [{"end": 41, "src_ip": "10.0.0.0"}])
    found = kept.rows(batch)
    assert found[-1, SLOTS - 1] == 1  # forgotten, so this is its first flow
    assert any("25 hosts were forgotten" in remark for remark in kept.remarks())
    kept.begin()
    np.testing.assert_array_equal(kept.rows(batch), found)


def test_columns_say_whose_and_when():
    names = [feature.name for feature in Rates.features]
    assert len(set(names)) == len(names) == 5 * SLOTS
    assert names[0] == "source_flows_1s_0063"
    assert names[-1] == "target_flows_1s_0000"
    assert Rates.features[0].words == "{value} of the source in 1 s, 63 s before"


def test_a_source_that_counts_no_bytes_is_refused():
    with pytest.raises(SchemaMismatch, match="forward_bytes"):
        Rates().rows(flows([{"forward_bytes": None}]))
