"""Learns detectors on a data set and tests each: prints the table of docs/detectors/index.md.

Supervised detectors learn from the attacks of the training part too, all others from its normal rows alone. Each is
sealed and scores as `oddflow detect` does. Times are CPU times of this machine.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/detectors.py --data ../shared/data
"""

import argparse
import sys
from functools import cache
from time import process_time

import numpy as np
from numpy.typing import NDArray

from oddflow.datasets import load
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.datasets.splits import splits
from oddflow.detectors import registry
from oddflow.errors import OddflowError
from oddflow.features.representation import Reads
from oddflow.features.versions import reads_of
from oddflow.learning.labelled import baseline, version_of
from oddflow.learning.learn import learn
from oddflow.models.format import GRAPH
from oddflow.models.sealed import SealedModel

HEADER = """| detector | learns from | AUC | learning | scoring | graph |
|---|---|---|---|---|---|"""


def area(scores: NDArray[np.float32], is_attack: NDArray[np.bool_]) -> float:
    """How often an attack scores above a normal row; a tie counts half."""
    normal = np.sort(scores[~is_attack])
    attacks = scores[is_attack]
    below = np.searchsorted(normal, attacks, "left") + np.searchsorted(normal, attacks, "right")
    return float(below.mean() / 2 / len(normal))


def row_of(told: str, rows: LabelledRows, split: Split, seed: int) -> str:
    """A row of the table, of a detector and its options: "k-means:clusters=8"."""
    name, *given = told.split(":")
    options = registry.parsed(name, given)
    is_supervised = registry.find(name).supervised
    began = process_time()
    archive = learn(baseline(rows, split, attacks=is_supervised), detector=name, seed=seed, **options)
    learnt = process_time()
    model = SealedModel(archive)
    scores = model.scores(rows.filled()[split.test])
    taken = process_time() - learnt
    cells = (
        " ".join([name, *given]),
        "labels" if is_supervised else "normal rows",
        f"{area(scores, rows.is_attack[split.test]):.3f}",
        f"{learnt - began:.1f} s",
        f"{len(scores) / taken:,.0f} rows/s",
        f"{len(archive.parts[GRAPH]) / 1024:,.0f} KiB",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table; names that are not given are all that are installed and read such rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="nsl-kdd")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default="official")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    try:
        shown = cache(lambda reads: load(given.dataset, given.data, reads=reads))
        rows = shown(Reads.TABULAR)
        print(HEADER)
        reads = {Reads.TABULAR, reads_of(version_of(rows))}
        known = [name for name in registry.names() if registry.installed(name) and registry.find(name).reads in reads]
        for name in given.names or known:
            rows = shown(registry.find(name.partition(":")[0]).reads)
            split = splits(rows, given.split, seed=given.seed)[0]
            print(row_of(name, rows, split, given.seed), flush=True)
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
