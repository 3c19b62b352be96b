"""A service of a bench's own, at work."""

import contextlib
import http.client
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from oddflow.bench.ingest import ODDFLOW
from oddflow.errors import OddflowError


@contextlib.contextmanager
def running(settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The service of a settings file, which is ended afterwards; what it says goes beside the file."""
    with settings.with_suffix(".log").open("wb") as log:
        service = subprocess.Popen([*ODDFLOW, "serve", str(settings)], stdout=log, stderr=log)
    try:
        yield service
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(60)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def wait_for_answers(service: "subprocess.Popen[bytes]", port: int) -> None:
    """Until it answers.

    Raises:
        OddflowError: It does not, within a minute.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until and service.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
        time.sleep(0.1)
    raise OddflowError("the service does not answer; see its log")


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}
