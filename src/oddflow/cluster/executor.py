"""Calls of functions, spread over a cluster: a `concurrent.futures.Executor`, as pools of processes are."""

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as waiting
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import ray

from oddflow.errors import ClusterFailed

MOST_DEATHS = 5
"""So often is a call made again whose process died. Where memory was short, Ray itself waits and tries again."""

P = ParamSpec("P")
T = TypeVar("T")


class RayExecutor(Executor):
    """Calls functions on the cluster that this process has joined, a processor each.

    A call whose process or node dies is made again, so functions must give the same of the same arguments. What a
    function holds (`functools.partial`) is sent once, however often it is called. Functions are called in this
    process's folder, where their node has it.

    >>> with RayExecutor() as pool:  # doctest: +SKIP
    ...     pool.submit(pow, 2, 10).result()
    1024
    """

    def __init__(self) -> None:
        self._folder = str(Path.cwd())
        self._sent: dict[int, tuple[Callable[..., Any], Any]] = {}
        self._futures: set[_RayFuture[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Asks for a call; what comes of it comes with the future, errors too.

        Raises, from the future:
            ClusterFailed: Its process died again and again, or the cluster is gone.
        """
        key = id(fn)
        if key not in self._sent:
            # with the function itself, so that no other one has its key
            self._sent[key] = fn, ray.put(fn)
        future: _RayFuture[T] = _RayFuture(_call.remote(self._folder, self._sent[key][1], *args, **kwargs))
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Waits for all calls, unless an error ends it."""
        self.shutdown(cancel_futures=kind is not None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends calls that nobody waits for any more, or waits for all; the cluster stays joined."""
        left = list(self._futures)
        if cancel_futures:
            for future in left:
                future.cancel()
        elif wait:
            waiting(left)
        self._sent.clear()


class _RayFuture(Future[T]):
    """A future of a call; cancelled, it ends the call even where it has begun."""

    def __init__(self, reference: Any) -> None:
        super().__init__()
        self._reference = reference
        reference.future().add_done_callback(self._end)

    def cancel(self) -> bool:
        if not super().cancel():
            return False
        with suppress(ray.exceptions.RayError, ValueError):
            ray.cancel(self._reference, force=True)
        return True

    def _end(self, done: "Future[Any]") -> None:
        if not self.set_running_or_notify_cancel():
            return
        error = done.exception()
        if error is None:
            self.set_result(done.result())
        elif isinstance(error, ray.exceptions.RayTaskError):
            self.set_exception(error.cause)
        else:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            self.set_exception(ClusterFailed(f"work was lost on the cluster more than {MOST_DEATHS} times: {said}"))


@ray.remote(num_cpus=1, max_retries=MOST_DEATHS)
def _call(folder: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    with suppress(OSError):
        os.chdir(folder)
    return function(*args, **kwargs)
