"""What `--ray` stands for in commands that learn: who does their work on a cluster."""

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from oddflow.cli.learning_rows import Reading
    from oddflow.cluster.fitting import RayFitting
    from oddflow.cluster.training import RayTraining
    from oddflow.features.gathering import Gathered

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


def gathered(
    address: str, reading: "Reading", sources: "Sequence[str]", joined: "ExitStack", *, apart: bool
) -> "tuple[Gathered, RayFitting | None]":
    """What the cluster reads of sources, each one machine's work; and who learns it there, where rows stay there.

    Args:
        address: Of the cluster.
        reading: How sources are read.
        sources: What they are called.
        joined: Leaves the cluster at its end, where rows stay there.
        apart: Whether rows may stay there: nothing but a fit is done with them.

    Raises:
        UsageError: The detector reads packets, in whose order one machine goes.
        InputError: A source cannot be read.
    """
    from oddflow.cluster.fitting import RayFitting, fits_apart
    from oddflow.cluster.starting import cluster
    from oddflow.detectors import registry
    from oddflow.errors import UsageError
    from oddflow.features.representation import Reads

    kind = registry.find(reading.detector)
    if kind.reads is Reads.PACKETS:
        raise UsageError(f"{kind.name} learns from packets in their order, which one machine reads; leave --ray out")
    with ExitStack() as stack:
        stack.enter_context(cluster(address))
        spread = reading.over_cluster(sources)
        if not (apart and fits_apart(kind, spread)):
            return spread.together(), None
        joined.enter_context(stack.pop_all())
        return spread.gathered, RayFitting(spread.shares)
