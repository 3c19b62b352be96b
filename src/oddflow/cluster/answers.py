"""Tasks on Ray, and what becomes of them."""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from oddflow.errors import ClusterFailed, OddflowError

RETRIES = 20
"""How often a task may lose its worker; each is a pure function of what it is given."""


@cache
def remote(function: Callable[..., Any], *, answers: "int | Literal['streaming']" = 1, **how: Any) -> Any:
    """A task of one processor that may be run again, anywhere, and how many answers it gives."""
    return ray.remote(num_cpus=1, num_returns=answers, max_retries=RETRIES, **how)(function)


def ask(reference: Any) -> Any:
    """An answer, waited for.

    Raises:
        OddflowError: What the task raised.
        ClusterFailed: It, or what it needs, was lost for good.
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, OddflowError):
            raise cause from None
        if isinstance(cause, ModuleNotFoundError):
            raise ClusterFailed(f"a node of the cluster lacks a package: {cause}; install Oddflow there, too") from None
        if isinstance(cause, OSError | MemoryError):
            raise ClusterFailed(f"a worker failed: {type(cause).__name__}: {cause}") from None
        raise
    except (RayError, GetTimeoutError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ClusterFailed(f"the cluster lost work that it could not do again: {said[0][:300]}") from None
