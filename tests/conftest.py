"""What all tests share: the captures beside the repository, and a Hypothesis profile for busy machines."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("oddflow", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("oddflow")

os.environ.pop("COLUMNS", None)  # tables have the width of a pipe, whoever runs the tests

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which never enters the repository."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is absent: no real captures to test with")
    return SHARED.resolve()
