"""Which tasks Ray ran, when and where: for those who measure."""

import time
from typing import Any

import ray

SETTLE_S = 2.5
"""Workers tell of their tasks about once a second."""

WHOLE = "task::"
"""What the spans of whole tasks are called by; the spans of their stages have other names."""


def tasks_done(since_s: float) -> list[tuple[str, float, float, str]]:
    """Tasks that began after an instant: (name, begun, ended, worker), times in seconds since 1970, in their order.

    A name is that of the function, without its module. Waits until workers have told of all of them.
    """
    time.sleep(SETTLE_S)
    events: list[dict[str, Any]] = ray.timeline()
    found = [
        (
            str(event["cat"]).removeprefix(WHOLE).rpartition(".")[2],
            event["ts"] / 1e6,
            (event["ts"] + event["dur"]) / 1e6,
            str(event["tid"]),
        )
        for event in events
        if str(event["cat"]).startswith(WHOLE)
    ]
    return sorted((task for task in found if task[1] >= since_s), key=lambda task: task[1])
