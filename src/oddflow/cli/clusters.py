"""What `--ray` stands for in commands that learn: who does their work on a cluster."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from oddflow.cluster.training import RayTraining

LOCAL = "local"


def check(address: str | None) -> None:
    """Makes sure that the cluster answers, before anything is read that takes long.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        ClusterFailed: Nothing answers there.
    """
    if address is None:
        return
    from oddflow.cli.extras import need_cluster

    need_cluster()
    from oddflow.cluster.starting import cluster

    if address != LOCAL:
        with cluster(address):
            pass


def training(address: str | None) -> "RayTraining | None":
    """Who learns on the cluster, once it is sure that it answers; None where none is asked for.

    Raises:
        UsageError, ClusterFailed: As `check`.
    """
    if address is None:
        return None
    check(address)
    from oddflow.cluster.training import RayTraining

    return RayTraining(address)


@contextmanager
def executor(address: str | None, workers: int | None = None) -> "Iterator[Executor | None]":
    """What calls functions on the cluster; None where none is asked for.

    Raises:
        UsageError, ClusterFailed: As `check`.
    """
    if address is None:
        yield None
        return
    from oddflow.cluster.executor import RayExecutor
    from oddflow.cluster.starting import cluster

    with cluster(address, workers), RayExecutor() as pool:
        yield pool
