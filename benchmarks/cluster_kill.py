"""Kills nodes of a Ray cluster during a job, and sees whether the result is exactly that of one machine.

    python benchmarks/cluster_kill.py --runs 20 [--json]

Ray's own test cluster: a head that only keeps the books, where the driver is, and three nodes that work, each with a
store and workers of its own, all real processes. In each run one of the three is killed (SIGKILL to its raylet, and
with it its workers) at a moment drawn by chance, and a new one joins. The flows have to be those that one machine
gives: every row, in its order. A run that was over before the kill does not count, and is made again.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster as Nodes

from oddflow.bench.traffic import Traffic
from oddflow.cluster.folder import WORTH_DEALING, FlowFolder
from oddflow.cluster.place import Place
from oddflow.cluster.starting import Cluster, hush
from oddflow.cluster.storing import Sizes
from oddflow.files import examples_folder
from oddflow.logs.parts import HOUR_NS, tables_in
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger

STORE_BYTES = 150 << 20
WORKING = 3
PIPE, SHARDS = 3, WORTH_DEALING
"""Workers of a job: with so many, one meters and the others write; with so many, packets are dealt out to shards."""
MOST_TRIES = 4


def expected(path: Path) -> pa.Table:
    """The flows of one machine, hour by hour."""
    table = pa.Table.from_batches(read_flows(str(path), Ledger()))
    hours = table["end"].cast(pa.int64()).to_numpy() // HOUR_NS
    return table.take(pa.array(np.argsort(hours, kind="stable"))).combine_chunks()


@dataclass
class Job:
    """A capture, and how often and how it is metered."""

    path: Path
    wanted: pa.Table
    sizes: Sizes
    runs: int = 0

    def run(self, workers: int) -> bool:
        """Meters it on the cluster; whether the result is exact."""
        self.runs += 1
        out = self.path.with_name(f"out{self.runs}")
        FlowFolder(Cluster(workers, is_local=False), Place.of(str(out)), sizes=self.sizes).update([str(self.path)])
        tables = [pq.read_table(path, partitioning=None) for path in tables_in(out)]
        shutil.rmtree(out)
        found = pa.concat_tables(tables).cast(self.wanted.schema).combine_chunks()
        return bool(found.equals(self.wanted))


@dataclass(eq=False)
class Running(threading.Thread):
    """A job in a thread of its own: nodes are killed and begun by the main one."""

    job: Job
    workers: int
    exact: bool = False
    error: str = ""

    def __post_init__(self) -> None:
        """It is not begun yet."""
        super().__init__(daemon=True)

    def run(self) -> None:
        """Does the job."""
        try:
            self.exact = self.job.run(self.workers)
        except Exception as error:  # noqa: BLE001  (told with the result)
            self.error = f"{type(error).__name__}: {error}"


@contextmanager
def cluster() -> Iterator[tuple[Any, list[Any]]]:
    """Ray's test cluster, and the nodes of it that work."""
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    try:
        working = [nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(WORKING)]
        ray.init(address=nodes.address, logging_level="CRITICAL", log_to_driver=False)
        yield nodes, working
    finally:
        ray.shutdown()
        nodes.shutdown()


def kill_in(job: Job, workers: int, nodes: Any, working: list[Any], after_s: float, victim: int) -> Running | None:
    """A job during which a node was killed, and another joined; None where it was over before."""
    running = Running(job, workers)
    running.start()
    running.join(after_s)
    if not running.is_alive():
        return None
    nodes.remove_node(working.pop(victim), allow_graceful=False)
    working.append(nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES))
    running.join()
    return running


def usual_s(job: Job, workers: int) -> float:
    """How long a job takes when nobody kills; the second time, when kernels are loaded."""
    for _ in range(2):
        begun = time.monotonic()
        if not job.run(workers):
            sys.exit("the result is not that of one machine, though no node was killed")
    return time.monotonic() - begun


def runs(asked: argparse.Namespace, folder: Path) -> Iterator[tuple[bool, str]]:
    """Of each run: whether the result is exact, and what is told of it."""
    draw = random.Random(asked.seed)  # noqa: S311  (when is killed, and what)
    path = folder / "a.pcap"
    with path.open("wb") as file:
        size = Traffic.of(sorted(examples_folder().glob("*.pcap.zst"))).write(file, asked.packets)
    job = Job(path, expected(path), Sizes(size // 12, size // 4, size // 3, size // 6))
    with cluster() as (nodes, working):
        usual = {workers: usual_s(job, workers) for workers in (PIPE, SHARDS)}
        for run in range(asked.runs):
            workers = (PIPE, SHARDS)[run % 2]
            for tried in range(MOST_TRIES):
                after_s = draw.uniform(0.05, 0.9) * usual[workers] / (tried + 1)
                done = kill_in(job, workers, nodes, working, after_s, draw.randrange(WORKING))
                if done is not None:
                    outcome = done.error or ("exact" if done.exact else "WRONG")
                    yield done.exact, f"{workers} workers, a node killed after {after_s:.1f} s: {outcome}"
                    break


def main() -> None:
    """Runs, kills, compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--packets", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    hush()
    folder = Path(tempfile.mkdtemp(prefix="oddflow-kill-"))
    exact = killed = 0
    try:
        for is_exact, told in runs(asked, folder):
            exact, killed = exact + is_exact, killed + 1
            if not asked.json:
                print(told, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        print(json.dumps({"runs": asked.runs, "exact": exact, "killed": killed}))
    else:
        print(f"{exact} of {asked.runs} runs gave the exact result; {killed} nodes were killed")
    sys.exit(exact < asked.runs)


if __name__ == "__main__":
    main()
