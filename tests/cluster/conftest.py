"""One Ray for all tests of the cluster that a process runs: two processes of this machine."""

import importlib.util
import warnings

import pytest


@pytest.fixture(scope="session")
def ray_here():
    """A Ray of two workers, started once; what is asked for with `--ray local` meanwhile is done by it."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is an extra")
    from oddflow.cluster.starting import LOCAL, cluster  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with cluster(LOCAL, 2, store_bytes=300 << 20) as started:
            yield started
