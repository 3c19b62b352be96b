"""One batch job on Ray in a process of its own, which tells how long it took: for `oddflow bench scale`.

`python -m oddflow.bench.scale_run '{"source": …, "warm": …, "output": …, "workers": 2, "processors": 1}'`, with
`workers` for what is planned and `processors` for what works: with fewer processors than workers, the same tasks run
one after another.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from oddflow.errors import OddflowError

QUIET_S = 1.0


def processor_s(pid: int) -> float:
    """Processor time of all processes below one, and of those among them that have ended; its own is left out."""
    ticks, waiting, found = os.sysconf("SC_CLK_TCK"), [pid], 0
    while waiting:
        one = waiting.pop()
        with suppress(OSError, ValueError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            if one != pid:
                found += sum(int(field) for field in fields[11:15])
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found / ticks


def measured(asked: dict[str, Any]) -> dict[str, Any]:
    """Starts Ray, does a small job, then the one that counts."""
    from oddflow.cluster.folder import FlowFolder  # noqa: PLC0415  (an extra)
    from oddflow.cluster.place import Place  # noqa: PLC0415
    from oddflow.cluster.starting import LOCAL, Cluster, cluster  # noqa: PLC0415
    from oddflow.cluster.storing import Sizes  # noqa: PLC0415
    from oddflow.cluster.tracing import tasks_done  # noqa: PLC0415

    begun = time.perf_counter()
    with cluster(LOCAL, asked["processors"]):
        planned = Cluster(asked["workers"], is_local=True)
        warm = Sizes(*asked["warm_sizes"])
        for number in range(asked["warm_runs"]):
            FlowFolder(planned, Place(f"{asked['output']}-warm-{number}"), sizes=warm).update([asked["warm"]])
        started = time.perf_counter()
        time.sleep(QUIET_S)  # what Ray still does for its start is over
        since, spent, first = time.time(), processor_s(os.getpid()) + time.process_time(), time.perf_counter()
        stored = FlowFolder(planned, Place(asked["output"])).update([asked["source"]])
        seconds = time.perf_counter() - first
        spent = processor_s(os.getpid()) + time.process_time() - spent
        tasks = tasks_done(since) if asked["watched"] else []
    return {
        "start_s": started - begun,
        "seconds": seconds,
        "processor_s": spent,
        "flows": stored.flows,
        "lost": stored.ledger.lost_total,
        "tasks": tasks,
    }


def main() -> None:
    """Does what the first argument asks for."""
    try:
        print(json.dumps(measured(json.loads(sys.argv[1]))))  # noqa: T201  (what the parent process reads)
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
