"""What all tests share: the captures beside the repository, and a Hypothesis profile for busy machines."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# the same examples on every run, so that what is green stays green; `HYPOTHESIS_PROFILE=explore` looks for new ones
slow = [HealthCheck.too_slow]
settings.register_profile("oddflow", deadline=None, max_examples=100, suppress_health_check=slow, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "oddflow"))

os.environ.pop("COLUMNS", None)  # tables have the width of a pipe, whoever runs the tests

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which never enters the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: no real captures to test with")
    return SHARED.resolve()
