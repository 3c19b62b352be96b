"""Learns detectors with and without attacks that were made: prints the table of docs/detectors/augmentation.md.

A row tells the area under the curve, and which share of each kind of attack lies above the threshold that 1 in 100
normal rows of the training part pass.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/augmentation.py --data ../shared/data
"""

import argparse
import sys

import numpy as np

from oddflow.datasets import load
from oddflow.datasets.splits import splits
from oddflow.errors import OddflowError
from oddflow.evaluation.measures import roc_area
from oddflow.learning.augment import Augmentation, Way
from oddflow.learning.labelled import baseline
from oddflow.learning.learn import learn
from oddflow.models.sealed import SealedModel

DETECTORS = ("decision-tree", "naive-bayes", "gradient-boosting", "random-forest")


def main() -> None:
    """Prints the table; names that are not given are a few that differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="nsl-kdd")
    parser.add_argument("--data", default=None)
    parser.add_argument("--split", default="official")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    try:
        rows = load(given.dataset, given.data)
        split = splits(rows, given.split, seed=given.seed)[0]
        known, x = baseline(rows, split, attacks=True), rows.filled()[split.test]
        is_attack = rows.is_attack[split.test]
        kinds = np.array([str(label.category) for label in rows.labels])[rows.y[split.test]]
        shown = sorted(set(kinds[is_attack]))
        print(f"| detector | made by | rows made | AUC | {' | '.join(shown)} | normal |")
        print("|---" * (5 + len(shown)) + "|")
        for name in given.names or DETECTORS:
            for maker in (None, *(way for way in Way if way is not Way.TRAFFIC)):
                augment = Augmentation(maker, known.features, given.share, given.seed) if maker else None
                archive = learn(known, detector=name, seed=given.seed, augment=augment)
                model = SealedModel(archive)
                scores = model.scores(x)
                above = scores > np.quantile(model.held_back, 0.99)
                found = [f"{above[kinds == kind].mean():.1%}" for kind in shown]
                made = f"{archive.manifest.training.made_rows:,}"
                cells = (name, maker or "–", made, f"{roc_area(scores, is_attack):.3f}", *found)
                print(f"| {' | '.join(cells)} | {above[~is_attack].mean():.1%} |", flush=True)
    except OddflowError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
