"""How much slower a core is while its neighbour is busy, too: they may share caches, memory, or the core itself."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oddflow.bench.child import one_core
from oddflow.bench.ingest import in_process_rates
from oddflow.errors import OddflowError

PASSES = 3
NEIGHBOUR = """
import os, sys
from pathlib import Path
from oddflow.bench.ingest import in_process_rates
os.sched_setaffinity(0, {int(sys.argv[3])})
in_process_rates(Path(sys.argv[1]), int(sys.argv[2]))
print("busy", flush=True)
while True:
    in_process_rates(Path(sys.argv[1]), int(sys.argv[2]))
"""


def busy_speed(capture: Path, packets: int) -> float:
    """The rate of metering beside a neighbour that meters, over the rate alone; by processor time, at most 1.

    Args:
        capture: What both meter, some tenths of a second of it.
        packets: How many it holds.

    Raises:
        OddflowError: The neighbour did not begin.
    """
    if len(os.sched_getaffinity(0)) < 2:
        return 1.0
    alone = _rate(capture, packets)
    with _neighbour(capture, packets):
        beside = _rate(capture, packets)
    return min(1.0, beside / statistics.fmean((alone, _rate(capture, packets))))


def _rate(capture: Path, packets: int) -> float:
    with one_core():
        return statistics.median(in_process_rates(capture, packets)[1] for _ in range(PASSES))


@contextmanager
def _neighbour(capture: Path, packets: int) -> Iterator[None]:
    other = min(os.sched_getaffinity(0))  # `one_core` is the greatest
    command = [sys.executable, "-c", NEIGHBOUR, str(capture), str(packets), str(other)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise OddflowError("the process that should keep the other core busy did not begin")
            yield
        finally:
            process.kill()
