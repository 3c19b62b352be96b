import numpy as np
import pytest

from oddflow.errors import NotAModel
from oddflow.features.feature import Feature, Scale
from oddflow.models.held_back import Circumstances, HeldBack, Origins, block_length_s

FEATURES = (Feature("service", "", Scale.CATEGORY, ""), Feature("role", "", Scale.CATEGORY, ""))
HOUR_NS = 3_600_000_000_000
MONDAY_NS = 1_700_438_400 * 1_000_000_000
"""20 November 2023, 00:00 UTC."""


def origins(count=5):
    x = np.array([[22.0, 1.0]] * count, np.float32)
    times_ns = MONDAY_NS + HOUR_NS * np.arange(count)
    return Origins.of(
        np.arange(count, dtype=np.uint32) % 2 + 900, times_ns, 3_600.0, Circumstances.of(x, times_ns, FEATURES)
    )


def test_hours_of_the_week_begin_on_monday():
    times_ns = MONDAY_NS + HOUR_NS * np.array([0, 25, 167, 168])
    found = Circumstances.of(np.zeros((4, 2), np.float32), times_ns, FEATURES)
    assert found.hours.tolist() == [0, 25, 167, 0]


def test_rows_without_service_or_role_say_so():
    found = Circumstances.of(np.zeros((1, 0), np.float32), np.zeros(1, np.int64), ())
    assert (found.services.tolist(), found.roles.tolist()) == ([-1], [255])


def test_hosts_are_numbered_as_they_come_and_windows_from_the_first():
    found = origins()
    assert found.hosts.tolist() == [0, 1, 0, 1, 0]
    assert found.windows.tolist() == [0, 1, 2, 3, 4]


def test_origins_follow_their_scores():
    sample = HeldBack.of(np.array([5, 4, 3, 2, 1], np.float32), origins(), 3_600.0)
    assert sample.scores.tolist() == [1, 2, 3, 4, 5]
    assert sample.origins.windows.tolist() == [4, 3, 2, 1, 0]


def test_what_is_written_is_read():
    sample = HeldBack.of(np.array([5, 4, 3, 2, 1], np.float32), origins(), 3_600.0)
    again = HeldBack.checked(sample.tensors(), 5, 3_600.0, "part")
    assert {name: array.tolist() for name, array in again.tensors().items()} == {
        name: array.tolist() for name, array in sample.tensors().items()
    }


def test_a_model_of_before_has_scores_alone():
    assert HeldBack.checked({"scores": np.ones(3, np.float32)}, 3, 0.0, "part").origins is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hosts": np.full(5, 5, np.uint32)}, "no block, host"),
        ({"hours": np.full(5, 168, np.uint8)}, "no block, host"),
        ({"services": np.full(5, -2, np.int32)}, "no block, host"),
        ({"hosts": np.zeros(5, np.int64)}, "5 hosts of type uint32"),
        ({"windows": np.zeros(4, np.uint32)}, "5 windows of type uint32"),
        ({"roles": np.zeros((5, 2), np.uint8)}, "5 roles of type uint8"),
        ({"more": np.zeros(5, np.uint8)}, "or nothing else"),
        ({"scores": np.array([2, 1, 3, 4, 5], np.float32)}, "ascending"),
        ({"scores": np.array([1, 2, 3, 4, np.inf], np.float32)}, "finite"),
        ({"scores": np.zeros(5)}, "5 float32 scores"),
    ],
)
def test_what_is_none_is_refused(change, words):
    tensors = HeldBack.of(np.arange(5, dtype=np.float32), origins(), 3_600.0).tensors() | change
    with pytest.raises(NotAModel, match=words):
        HeldBack.checked(tensors, 5, 3_600.0, "part")


@pytest.mark.parametrize("missing", ["hosts", "windows", "services", "roles", "hours"])
def test_origins_are_whole_or_none(missing):
    tensors = HeldBack.of(np.arange(5, dtype=np.float32), origins(), 3_600.0).tensors()
    del tensors[missing]
    with pytest.raises(NotAModel, match="or nothing else"):
        HeldBack.checked(tensors, 5, 3_600.0, "part")


def test_origins_need_a_length_of_blocks():
    tensors = HeldBack.of(np.arange(5, dtype=np.float32), origins(), 3_600.0).tensors()
    with pytest.raises(NotAModel, match="no block"):
        HeldBack.checked(tensors, 5, 0.0, "part")


@pytest.mark.parametrize(("seconds", "block_s"), [(86_400, 3_600.0), (6 * 3_600, 1_800.0), (720, 60.0), (30, 10.0)])
def test_a_block_is_an_hour_or_what_the_baseline_has_ten_of(seconds, block_s):
    assert block_length_s(np.arange(seconds) * 1_000_000_000) == block_s
