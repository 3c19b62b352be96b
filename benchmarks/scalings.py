"""Learns detectors with each scaling and each way to show categories: prints the tables of docs/representations.md.

All learn the normal rows of a data set's training part and are tested on its test part; each is sealed and scores as
`oddflow detect` does. The last table is how fast sealed scalings alone are, with 36 heavy-tailed numbers a row, as
many as a flow has.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/scalings.py --data ../shared/data
"""

import argparse
import sys
from time import process_time

import numpy as np
import onnxruntime

from detectors import area
from oddflow.datasets import load
from oddflow.datasets.rows import LabelledRows, Split
from oddflow.datasets.splits import splits
from oddflow.errors import OddflowError
from oddflow.features.feature import Feature, Scale
from oddflow.learning.labelled import baseline
from oddflow.learning.learn import learn
from oddflow.models.categories import Categories
from oddflow.models.graph import GraphBuilder
from oddflow.models.numbers import Scaling
from oddflow.models.scaling import Scaler
from oddflow.models.sealed import SealedModel

NAMES = ("autoencoder", "principal-components", "nearest-neighbours", "k-means", "robust-pca")
COLUMNS, ROWS, BATCH = 36, 262_144, 4_096


def cells(rows: LabelledRows, split: Split, names: list[str], seed: int, **options: str) -> list[str]:
    """The area under the curve of each detector."""
    known = baseline(rows, split)
    found = []
    for name in names:
        model = SealedModel(learn(known, detector=name, seed=seed, **options))
        found.append(f"{area(model.scores(rows.filled()[split.test]), rows.is_attack[split.test]):.3f}")
    return found


def table(title: str, names: list[str]) -> None:
    """Prints a head."""
    print(f"| {title} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")


def rows_per_s(scaling: Scaling) -> float:
    """How many rows a second a sealed scaling gives on one thread."""
    rng = np.random.default_rng(0)
    x = rng.lognormal(5, 3, (ROWS, COLUMNS)).astype(np.float32)
    features = [Feature(f"f{place}", "", Scale.LOG, "{value}") for place in range(COLUMNS)]
    scaler = Scaler.fit(x[:20_000], features, scaling)
    builder = GraphBuilder(COLUMNS)
    scaled, _ = scaler.write(builder)
    model = builder.finish(score=builder.row_sum(scaled), contributions=scaled)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    session.run(None, {"x": x[:BATCH]})
    began = process_time()
    for start in range(0, ROWS, BATCH):
        session.run(None, {"x": x[start : start + BATCH]})
    return ROWS / (process_time() - began)


def main() -> None:
    """Prints three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="nsl-kdd")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default="official")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    names = given.names or list(NAMES)
    try:
        rows = load(given.dataset, given.data)
        split = splits(rows, given.split, seed=given.seed)[0]
        for option, words in (("scaling", Scaling), ("categories", Categories)):
            table(option, names)
            for word in words:
                areas = cells(rows, split, names, given.seed, **{option: word.value})
                print(f"| {word} | {' | '.join(areas)} |", flush=True)
            print()
    except OddflowError as error:
        sys.exit(str(error))
    table("scaling", ["rows/s"])
    for scaling in Scaling:
        print(f"| {scaling} | {rows_per_s(scaling):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
