"""How far alerts of partitions that are judged each by itself are from those of one judge, by the partitions' key.

OMP_NUM_THREADS=1 .venv/bin/python benchmarks/stream_keys.py
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddflow import api
from oddflow.features.columns import integers, text_hashes
from oddflow.features.homes import PRIVATE
from oddflow.logs.privacy import OPEN
from oddflow.logs.source import read_flows
from oddflow.losses import Ledger
from oddflow.models.format import read_sealed
from oddflow.models.sealed import SealedModel
from oddflow.server.filling import BASELINE, INCIDENT
from oddflow.server.stream.partitioning import SEED, Partitioning
from oddflow.verdicts.alerting import Judged
from oddflow.verdicts.budget import Budget, set_threshold
from oddflow.verdicts.collective.stage import Collective
from oddflow.verdicts.prepared import Prepared
from oddflow.verdicts.watching import Watcher

BATCH = 500
Key = tuple[object, ...]


def judged(model: SealedModel, flows: pa.RecordBatch, budget: Budget) -> dict[Key, tuple[float, bool]]:
    """The score of each flow, and whether it is over the threshold, by what it is known by."""
    found: dict[Key, tuple[float, bool]] = {}

    def take(batch: Judged) -> None:
        names = ("start", "src_ip", "src_port", "dst_ip", "dst_port", "first_packet")
        keys = zip(*(batch.flows.column(name).to_pylist() for name in names), strict=True)
        found.update(zip(keys, zip(batch.scores.tolist(), batch.over.tolist(), strict=True), strict=True))

    threshold = set_threshold(model.held_back, budget, model.manifest.flows_per_s).score
    watcher = Watcher(
        model, Prepared.of(model.manifest, OPEN).representation(model), threshold=threshold, patience_s=1.0,
        source="flows", collective=Collective.of(model, budget), judged=take,
    )  # fmt: skip
    for start in range(0, flows.num_rows, BATCH):
        batch = flows.slice(start, BATCH)
        watcher.add(batch)
        watcher.alerts(int(integers(batch, "end").max()))
    watcher.alerts(None)
    return found


def main() -> None:
    """Prints a line for each key and number of partitions."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0] if __doc__ else "")
    parser.add_argument("--false-alarm-rate", type=float, default=0.01, help="of normal flows (0.01)")
    parser.add_argument("--partitions", type=int, nargs="+", default=[4, 8, 16])
    asked = parser.parse_args()
    budget = Budget.of_share(asked.false_alarm_rate)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "office.oddflow"
        api.learn(api.examples() / BASELINE, output=place, detector="robust-pca")
        model = SealedModel(read_sealed(str(place)))
    batches = list(read_flows(str(api.examples() / INCIDENT), Ledger()))
    flows = pa.Table.from_batches(batches).sort_by("end").combine_chunks().to_batches()[0]
    alone = judged(model, flows, budget)
    over = sum(is_over for _, is_over in alone.values())
    print(f"one judge: {len(alone):,} flows, {over:,} over the threshold")
    source, target = (text_hashes(flows, name, SEED) for name in ("src_ip", "dst_ip"))
    for partitions in asked.partitions:
        keys: dict[str, NDArray[np.int64]] = {
            "host of ours": Partitioning(PRIVATE, partitions).of(flows),
            "responder": _placed(target, partitions),
            "both ends": _placed(source ^ target, partitions),
        }
        for name, places in keys.items():
            apart: dict[Key, tuple[float, bool]] = {}
            for partition in np.unique(places):
                apart |= judged(model, flows.take(pa.array(np.flatnonzero(places == partition))), budget)
            missed = sum(alone[key][1] and not apart[key][1] for key in alone)
            more = sum(apart[key][1] and not alone[key][1] for key in alone)
            print(f"{partitions} partitions by {name}: {missed:,} missed, {more:,} more")


def _placed(hashes: NDArray[np.uint64], partitions: int) -> NDArray[np.int64]:
    return np.asarray((hashes >> np.uint64(16)) % np.uint64(partitions), np.int64)


if __name__ == "__main__":
    main()
