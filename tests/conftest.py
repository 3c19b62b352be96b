"""What all tests share: the captures beside the repository, and a Hypothesis profile for busy machines."""

import functools
import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# the same examples on every run, so that what is green stays green; `make fuzz` looks for new ones, many more
slow = [HealthCheck.too_slow]
settings.register_profile("oddflow", deadline=None, max_examples=10, suppress_health_check=slow, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "oddflow"))

os.environ.pop("COLUMNS", None)  # tables have the width of a pipe, whoever runs the tests

TESTS = Path(__file__).parent
SHARED = TESTS.parent / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which never enters the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: no real captures to test with")
    return SHARED.resolve()


FIRST = (
    "checks/test_every_detector.py", "lab/test_make.py", "checks/test_every_supervised.py",
    "fuzz/test_negative_indices.py", "cli/test_live.py", "cli/test_netflow.py", "detectors/test_adversarial.py",
    "training", "tuning", "detectors", "bench", "learning",
)  # fmt: skip
"""Files and folders that take or wait long: a worker that began one of them last would keep the others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, all else as it was found; `make test` tells workers to keep to that."""
    place = {TESTS / name: rank for rank, name in enumerate(FIRST)}

    def rank_of(item: pytest.Item) -> int:
        return min(place.get(path, len(FIRST)) for path in (item.path, item.path.parent))

    items.sort(key=rank_of)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests and all modules stay to the end: looking for garbage there takes long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """So that libraries find nothing left behind when they end."""
    gc.unfreeze()


EXPORTER = "torch.onnx._internal.exporter._registration"


@pytest.fixture(autouse=True)
def exporter_s_table_is_kept() -> None:
    """Torch's exporter makes its table of operators, which is always the same, anew for each graph: 0.5 s of 1 s.

    Here it is made once in a process. Where torch names it otherwise, exports are as slow as they were.
    """
    registry = getattr(sys.modules.get(EXPORTER), "ONNXRegistry", None)
    make = getattr(registry, "from_torchlib", None)
    if make is not None and not hasattr(make, "cache_info"):
        registry.from_torchlib = staticmethod(functools.cache(make))
