"""What `--ray` stands for in commands that learn: a cluster that is joined, and who learns there."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from oddflow.cluster.training import RayTraining

LOCAL = "local"


def training(context: typer.Context, address: str | None, processes: int) -> "RayTraining | None":
    """Who learns on the cluster, which is left when the command ends; None where none is asked for.

    Raises:
        UsageError: Ray is not installed, or the address is none.
        ClusterFailed: Nothing answers there.
    """
    if address is None:
        return None
    from oddflow.cli.extras import need_cluster

    need_cluster()
    from oddflow.cluster.starting import cluster
    from oddflow.cluster.training import RayTraining

    context.with_resource(cluster(address, processes))
    return RayTraining()


@contextmanager
def executor(address: str | None, workers: int | None = None) -> "Iterator[Executor | None]":
    """What calls functions on the cluster; None where none is asked for.

    Raises:
        UsageError, ClusterFailed: As `training`.
    """
    if address is None:
        yield None
        return
    from oddflow.cli.extras import need_cluster

    need_cluster()
    from oddflow.cluster.executor import RayExecutor
    from oddflow.cluster.starting import cluster

    with cluster(address, workers), RayExecutor() as pool:
        yield pool
