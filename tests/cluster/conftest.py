"""One Ray for all tests of the cluster that a process runs: two processes of this machine."""

import importlib.util
import socket
import warnings

import pytest


@pytest.fixture(scope="session")
def s3_here():
    """The port of an object store that may be started here, and what clients need to find it: workers inherit it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        yield port


@pytest.fixture(scope="session")
def ray_here(s3_here):
    """A Ray of two workers, started once; what is asked for with `--ray local` meanwhile is done by it."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is an extra")
    from oddflow.cluster.starting import LOCAL, cluster  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with cluster(LOCAL, 2, store_bytes=300 << 20) as started:
            yield started
