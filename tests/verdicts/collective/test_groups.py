"""Groups of flows: the kernel beside a plain recount, beats beside clocks and chance, and memory that is bounded."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, lists, sampled_from

from oddflow.errors import UsageError
from oddflow.verdicts.collective import _groups_kernels as kernels
from oddflow.verdicts.collective.groups import GROUP_BYTES, Groups, GroupSettings, Limits, group_rows
from oddflow.verdicts.collective.measures import FEWEST_GAPS, MOST_IRREGULAR, WIDTHS_S, Measure
from tests.features.build import S, flows, pieces

SMALL = GroupSettings(max_groups=1024)
BEGIN = 1_699_999_200 * S
"""A full hour, so that windows of all widths begin there."""


def recounted(rows):
    """What each group comes to in each window, from the flows themselves."""
    windows = defaultdict(lambda: [set(), 0])
    for place, row in enumerate(rows):
        sent, received = row["forward_payload_bytes"], row["reverse_payload_bytes"]
        is_used, service = sent > 0 and received > 0, (row["protocol"], row["dst_port"])
        failed = not is_used and row["protocol"] != 1
        src, dst = row["src_ip"], row["dst_ip"]
        counted = []
        if failed:
            counted += [(Measure.PORTS, (src, dst), service, None), (Measure.HOSTS, (src, service), dst, None)]
            counted += [(Measure.UNANSWERED, (dst, service), None, 1)]
        counted += [(Measure.FLOOD, (dst, service), None, 1)]
        if is_used and sent <= 8192 and received <= 8192:
            counted += [(Measure.REPEATS, (src, dst, service), None, 1)]
        if sent:
            counted += [(Measure.SENT, (src, dst), None, sent)]
        for measure, group, member, amount in counted:
            for scale, width_s in enumerate(WIDTHS_S):
                window = windows[measure, scale, group, row["end"] // (width_s * S)]
                window[0].add(place if member is None else member)
                window[1] += amount or 0
    distinct = (Measure.PORTS, Measure.HOSTS)
    return sorted((key[0], key[1], len(seen) if key[0] in distinct else total)
                  for key, (seen, total) in windows.items())  # fmt: skip


some_flows = lists(
    builds(
        dict,
        step=sampled_from([0, 1, S, 30 * S, 60 * S, 500 * S, 3_600 * S]),
        src_ip=sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1"]),
        dst_ip=sampled_from(["10.0.0.2", "8.8.8.8"]),
        dst_port=sampled_from([53, 80, 443]),
        protocol=sampled_from([6, 17, 1]),
        forward_payload_bytes=sampled_from([0, 10, 5_000, 9_000]),
        reverse_payload_bytes=sampled_from([0, 10, 70_000]),
    ),
    max_size=60,
)


@given(some_flows, lists(sampled_from([1, 2, 7, 50]), min_size=1))
@settings(max_examples=60)
def test_windows_come_to_what_a_recount_gives_however_flows_are_batched(rows, sizes):
    end = BEGIN
    for row in rows:
        end += row.pop("step")
        row["start"] = row["end"] = end
    groups = Groups(Limits.none(most_irregular=0.0, fewest_gaps=12), SMALL, notes=True)
    closed = [groups.add(group_rows(batch))[1] for batch in pieces(flows(rows), sizes)] + [groups.close()]
    columns = [kernels.CLOSED_MEASURE, kernels.CLOSED_SCALE, kernels.CLOSED_VALUE]
    assert sorted(map(tuple, np.concatenate(closed)[:, columns].tolist())) == recounted(rows)


def beats(gaps_s, *, hosts=1):
    starts = BEGIN + (np.cumsum(gaps_s) * S).astype(np.int64)
    rows = [
        {"src_ip": f"10.0.0.{host}", "start": int(start), "end": int(start) + S, "forward_payload_bytes": 100,
         "reverse_payload_bytes": 100}
        for start in starts for host in range(hosts)
    ]  # fmt: skip
    return flows(rows)


def told_beacons(batch):
    groups = Groups(Limits.none(most_irregular=MOST_IRREGULAR, fewest_gaps=FEWEST_GAPS), SMALL)
    told, _ = groups.add(group_rows(batch))
    return told[told[:, kernels.TOLD_MEASURE] == Measure.BEACON]


@pytest.mark.parametrize(
    ("period_s", "jitter", "missing"), [(10, 0.0, 0.0), (60, 0.2, 0.0), (60, 0.2, 0.2), (5, 0.1, 0.3)]
)
def test_beats_are_told_through_jitter_and_missing_ones(period_s, jitter, missing):
    found = 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        times = np.cumsum(period_s * (1 + chance.uniform(-jitter, jitter, 60)))
        kept = times[chance.random(60) >= missing]
        told = told_beacons(beats(np.diff(kept, prepend=0)))
        if len(told):
            found += 1
            assert abs(told[0, kernels.TOLD_EXTRA] / S / period_s - 1) < 0.2
    assert found >= 19


def test_contacts_by_chance_are_seldom_told():
    told = 0
    for seed in range(100):
        told += len(told_beacons(beats(np.random.default_rng(seed).exponential(30, 60)))) > 0
    assert told <= 3


def test_a_group_that_grows_is_told_again_only_when_it_has_grown_eightfold():
    limits = Limits.none(most_irregular=0.0, fewest_gaps=12)
    limits.least[:], limits.limits[:] = 1e18, 1e18
    limits.least[Measure.PORTS], limits.limits[Measure.PORTS] = 10, 10
    rows = [{"dst_port": port, "start": BEGIN + port * S // 100, "end": BEGIN + port * S // 100} for port in range(900)]
    told, _ = Groups(limits, SMALL).add(group_rows(flows(rows)))
    assert told[:, kernels.TOLD_COUNT].tolist() == [10, 80, 640]


def test_memory_stays_as_it_is_and_what_is_forgotten_is_counted():
    groups = Groups(Limits.none(most_irregular=0.0, fewest_gaps=12), GroupSettings(max_groups=256))
    rows = [{"src_ip": f"10.{n // 250}.0.{n % 250}", "start": BEGIN + n, "end": BEGIN + n} for n in range(2_000)]
    groups.add(group_rows(flows(rows)))
    assert groups.evicted > 500


def test_a_group_takes_as_much_memory_as_is_said():
    groups = Groups(Limits.none(most_irregular=0.0, fewest_gaps=12), GroupSettings(max_groups=1_024))
    tables = [value for value in vars(groups).values() if getattr(value, "nbytes", 0) >= 1_024]
    fixed = [groups._told]
    assert sum(table.nbytes for table in tables) - sum(table.nbytes for table in fixed) == GROUP_BYTES * 1_024


@pytest.mark.parametrize("max_groups", [0, 255, 1000, 1 << 23])
def test_tables_are_powers_of_two_within_reason(max_groups):
    with pytest.raises(UsageError, match="power of two"):
        GroupSettings(max_groups=max_groups)
