"""What a baseline showed of groups: sealed and checked, and turned into limits."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from oddflow.errors import NotAModel
from oddflow.verdicts.collective.groups import LEAST, GroupSettings
from oddflow.verdicts.collective.learning import GroupLearner
from oddflow.verdicts.collective.measures import Measure
from oddflow.verdicts.collective.normal import BINS, GroupNormal, bin_of, tail_limit
from tests.features.build import S, flows

BEGIN = 1_699_999_200 * S
DAY = 1 / 86_400


def learnt(rows):
    learner = GroupLearner(GroupSettings(max_groups=1024))
    learner.begin()
    learner.add(flows(rows))
    return learner.normal()


def visits(count, *, every_s=5, host="10.0.0.1", size=100):
    times = [BEGIN + n * every_s * S for n in range(count)]
    return [
        {"src_ip": host, "start": at, "end": at, "forward_payload_bytes": size, "reverse_payload_bytes": 100}
        for at in times
    ]


def test_a_part_gives_back_what_was_sealed():
    normal = learnt(visits(200))
    again = GroupNormal.of_part(normal.part())
    assert again.part() == normal.part()
    assert np.array_equal(again.windows, normal.windows)
    assert len(again.periodic) == 2  # the host that repeats, and the service


@pytest.mark.parametrize(
    "change",
    [
        {"span_s": np.array([0.0])},
        {"span_s": np.array([np.nan])},
        {"windows": np.zeros((2, 3, BINS), np.int64)},
        {"known": np.array([2, 1], np.uint64)},
        {"known_measure": np.array([99] * 5, np.int64)},
        {"wider_most": np.zeros((1, 3), np.float32)},
        {"periods_ns": np.full((2, 2), -1.0)},
        {"extra": np.zeros(1)},
    ],
)
def test_a_hostile_part_is_refused(change):
    tensors = load(learnt(visits(200)).part())
    tensors |= {f"groups-1.{name}": array for name, array in change.items()}
    with pytest.raises(NotAModel, match="groups"):
        GroupNormal.of_part(save(tensors))
    with pytest.raises(NotAModel, match="groups"):
        GroupNormal.of_part(b"nothing")


def test_limits_are_never_under_what_the_baseline_came_to():
    rng = np.random.default_rng(0)
    for _ in range(50):
        windows = np.zeros(BINS, np.int64)
        values = rng.lognormal(rng.uniform(0, 6), rng.uniform(0.1, 2), int(rng.integers(1, 500)))
        np.add.at(windows, bin_of(values), 1)
        limit = tail_limit(windows, 1e-4)
        assert 1.4 * values.clip(1).max() <= limit <= 6 * values.clip(1).max()


def test_a_tighter_budget_never_lowers_a_limit():
    normal = learnt(visits(400))
    tight, loose = normal.limits(0.01 * DAY), normal.limits(1_000 * DAY)
    assert (tight.limits >= loose.limits).all()
    assert (loose.limits >= LEAST).all()


def test_a_group_that_the_baseline_knows_has_a_limit_of_its_own():
    quiet = visits(50, every_s=60, size=1_000)
    busy = visits(50, every_s=60, host="10.0.0.9", size=5_000_000)
    normal = learnt(sorted(quiet + busy, key=lambda row: row["end"]))
    limits = normal.limits(DAY)
    own = limits.known_limits[normal.known_measure == Measure.SENT][:, 0]
    assert own.min() < 0.5 * limits.limits[Measure.SENT, 0]
    assert own.max() > 3 * 5_000_000
