"""Ray while it is needed: processes of this machine that are started and ended, or a cluster, joined and left."""

import importlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray

from oddflow.capture.remote import shown
from oddflow.errors import ClusterFailed, UsageError

LOCAL = "local"
"""In place of an address: processes of this machine."""

PRINTER = "print_to_stdstream"

AUTO = "auto"
"""In place of an address: the cluster that this machine is a node of."""

KNOCK_S = 10.0
LAST_PORT = 65_535

STORE_BYTES = 1 << 30
"""What `local` lends to the store that its processes share; what does not fit goes to disk."""

HUSHED = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
"""Nothing is told to anybody, and no advice to programmers is printed, unless the environment says otherwise."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What there is to work with.

    Attributes:
        workers: How many tasks are to run at a time.
        is_local: Whether they are all on this machine.
    """

    workers: int
    is_local: bool


@contextmanager
def cluster(address: str, workers: int | None = None, *, store_bytes: int = STORE_BYTES) -> Iterator[Cluster]:
    """A running Ray, which is left, or ended, when it is done with; one that this process has joined already is used.

    Args:
        address: `local`; or HOST:PORT or `auto` of a cluster that runs Oddflow's version.
        workers: How many tasks run at a time; as many as there are processors unless given.
        store_bytes: With `local`, the memory of the store that its processes share.

    Raises:
        UsageError: No such number of workers, or no such address.
        ClusterFailed: It cannot be started, or nothing answers there.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers were asked for; at least 1 is expected")
    if ray.is_initialized():
        yield _known(workers, is_local=address == LOCAL)
        return
    hush()
    if address not in {LOCAL, AUTO}:
        _knock(address)
    _start(address, workers, store_bytes)
    try:
        yield _known(workers, is_local=address == LOCAL)
    finally:
        ray.shutdown()


def hush() -> None:
    """Keeps Ray quiet, unless the environment says otherwise: what fails is told by who asked for it.

    Ray prints what nodes complain of to standard output, where a result may be that a machine reads.
    """
    for name, value in HUSHED.items():
        os.environ.setdefault(name, value)
    worker = importlib.import_module("ray._private.worker")
    if hasattr(worker, PRINTER):
        setattr(worker, PRINTER, lambda *_, **__: None)


def _start(address: str, workers: int | None, store_bytes: int) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    try:
        if address == LOCAL:
            os.environ.setdefault("RAY_worker_niceness", "0")  # as quick as the command would be without Ray
            # columns are made again and again: Arrow's own pool hands their memory back, and has it cleared anew
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
            count = workers or _processors()
            ray.init(address=LOCAL, num_cpus=count, include_dashboard=False, object_store_memory=store_bytes, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, TimeoutError) as error:
        raise ClusterFailed(
            f"no Ray answers at {shown(address)}: {_line(error)}; start one there (`ray start --head`), or use "
            "--ray local"
        ) from None
    except ValueError as error:
        raise UsageError(
            f"{shown(address)!r} is no address of a Ray cluster ({_line(error)}); expected local, auto or HOST:PORT"
        ) from None
    except (RuntimeError, OSError) as error:
        raise ClusterFailed(f"Ray cannot be used at {shown(address)}: {_line(error)}") from None


def _knock(address: str) -> None:
    """Sees whether anything answers at HOST:PORT; Ray itself would try for minutes.

    Raises:
        UsageError: It is no such address.
        ClusterFailed: Nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        raise UsageError(f"{shown(address)!r} is no address of a Ray cluster; expected local, auto or HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()
    except (OSError, UnicodeError) as error:
        raise ClusterFailed(
            f"no Ray answers at {address}: {_line(error)}; start one there (`ray start --head`), or use --ray local"
        ) from None


def _known(workers: int | None, *, is_local: bool) -> Cluster:
    there = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    return Cluster(workers or max(1, there), is_local)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _line(error: BaseException) -> str:
    """What an error says, on one line, without secrets."""
    text = str(error).strip().splitlines()
    return shown(text[0][:300]) if text else type(error).__name__
